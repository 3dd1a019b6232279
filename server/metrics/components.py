"""Counters of the components of an application, as metrics follow them."""

import asyncio

from aiohttp import web

from events.distributions import SHORT_BOUNDS_S
from events.insight.sessions.cmcd_sessions import CmcdSessions
from events.insight.sessions.observations import Observations
from events.log.log import Tail
from events.metrics import Metrics
from events.progress.persister import ProgressPersister
from events.stream.hub import Hub
from events.upkeep.damage import DamagedFiles
from events.upkeep.ledger import LedgerWriter
from events.usage.exchange import Exchange
from handlers import keys
from server.metrics.delivery import follow_refusals, follow_transfers


def follow(app: web.Application, persister: ProgressPersister) -> None:
    """Follows the counters of the application's components."""
    metrics, database = app[keys.METRICS], app[keys.DATABASE]
    follow_transfers(metrics, app[keys.TRANSFERS])
    follow_refusals(metrics, app[keys.PLAYING_LIMITS], app[keys.REPORT_LIMITS])
    _follow_damage(metrics, app[keys.DAMAGED_FILES])
    _follow_shortcuts(metrics, app)
    _follow_event_streams(metrics, app[keys.HUB])
    _follow_reports(metrics, persister)
    _follow_measures(metrics, app[keys.CMCD_SESSIONS], app[keys.OBSERVATIONS])
    traces = app[keys.TRACES]
    metrics.count(
        "dropped_spans",
        "Spans of traces that no collector took: it was away, or slower than the work.",
        lambda: traces.dropped_count,
    )
    metrics.gauge("tasks", "Tasks of the event loop.", lambda: len(asyncio.all_tasks()))
    metrics.count("database_queries", "Statements sent.", lambda: database.query_count)


def _follow_damage(metrics: Metrics, damaged: DamagedFiles) -> None:
    metrics.gauge(
        "damaged_files",
        "Published files that are not as recorded, as far as somebody asked for them.",
        lambda: len(damaged),
    )
    metrics.count(
        "damaged_files_noted",
        "Published files that were to be sent and were not as recorded.",
        lambda: damaged.noted_count,
    )


def _follow_shortcuts(metrics: Metrics, app: web.Application) -> None:
    turns = app[keys.RANGE_SHORTCUT].batch.durations_s if keys.RANGE_SHORTCUT in app else None
    metrics.histogram(
        "shortcut_seconds",
        "From reading a repeated request until all answers of that turn of the loop were sent.",
        lambda: {} if turns is None else {"": turns},
        SHORT_BOUNDS_S,
    )
    if keys.RANGE_SHORTCUT in app:
        ranges, reports = app[keys.RANGE_SHORTCUT], app[keys.REPORT_SHORTCUT]
        metrics.count_answered(lambda: ranges.answered)
        metrics.count(
            "requests_replayed",
            "Requests answered as one like them was before; among those of http_requests.",
            lambda: ranges.answered.total() + reports.answered_count,
        )


def _follow_event_streams(metrics: Metrics, hub: Hub) -> None:
    metrics.gauge("event_subscribers", "Open event streams.", lambda: len(hub))
    metrics.count(
        "event_subscribers_evicted",
        "Event streams dropped because nobody read them.",
        lambda: hub.evicted_count,
    )
    metrics.count(
        "event_subscribers_refused",
        "Event streams not opened: their user, or the process, had as many as allowed.",
        lambda: hub.refused_counts,
        label="limit",
    )
    metrics.gauge(
        "events_waiting",
        "Events in the backlogs of streams whose clients do not keep up.",
        lambda: hub.waiting_count,
    )
    metrics.gauge(
        "events_waiting_oldest_seconds",
        "Age of the oldest event in a backlog, to a second; of all processes the greatest.",
        lambda: hub.oldest_wait_s,
        mode="livemax",
    )


def _follow_reports(metrics: Metrics, persister: ProgressPersister) -> None:
    metrics.gauge(
        "progress_reports_waiting",
        "Progress reports that no commit has taken up yet.",
        lambda: persister.waiting_count,
    )
    metrics.gauge(
        "progress_commit_age_seconds",
        "How long the oldest commit of reports under way has taken; reports wait as long.",
        lambda: persister.longest_commit_s(),
        mode="livemax",
    )
    metrics.count("progress_reports_committed", "Progress reports.", lambda: persister.report_count)
    metrics.count(
        "progress_reports_capped",
        "Progress reports that claimed more seconds than could have been played.",
        lambda: persister.capped_count,
    )
    metrics.count(
        "progress_capped_seconds",
        "Seconds that progress reports claimed beyond what could be played; not counted.",
        lambda: persister.capped_s,
    )
    metrics.count(
        "progress_commits",
        "Transactions that stored progress reports.",
        lambda: persister.commit_count,
    )


def _follow_measures(metrics: Metrics, sessions: CmcdSessions, observations: Observations) -> None:
    metrics.gauge(
        "cmcd_sessions_waiting",
        "Sessions told by media requests (CMCD) whose sums are not stored yet; at most 10,000.",
        lambda: len(sessions),
    )
    metrics.count(
        "cmcd_requests_dropped",
        "Requests whose CMCD is in no figure: as many sessions waited as may.",
        lambda: sessions.dropped_count,
    )
    metrics.gauge(
        "refusals_waiting",
        "Refused requests not stored for the timelines of sessions yet; at most 1,000.",
        lambda: observations.refusal_count,
    )
    metrics.count(
        "refusals_dropped",
        "Refused requests missing from the timelines: as many waited as may.",
        lambda: observations.dropped_count,
    )


def follow_tail(metrics: Metrics, tail: Tail) -> None:
    metrics.count(
        "events_unknown",
        "Events of types that only a newer version knows, passed over.",
        lambda: tail.unknown_count,
    )
    metrics.gauge(
        "event_log_lag_seconds",
        "Since this process had emitted all of the event log: a second while all is well.",
        lambda: tail.lag_s,
        mode="livemax",
    )


def follow_exchange(metrics: Metrics, exchange: Exchange) -> None:
    metrics.gauge(
        "processes_sharing_limits",
        "Web processes whose exchange of limits works; the others count for themselves.",
        lambda: exchange.is_up,
    )
    metrics.count(
        "limits_exchange_failures",
        "Exchanges of limits with other processes that failed.",
        lambda: exchange.failure_count,
    )
    metrics.gauge(
        "cluster_streams",
        "Streams of viewers in all processes that share limits, equal on every machine.",
        exchange.totals,
        label="limit",
        mode="livemostrecent",
    )


def follow_ledger(metrics: Metrics, writer: LedgerWriter) -> None:
    metrics.gauge(
        "ledger_accounts_waiting",
        "Accounts with bytes sent that are not written to the database yet.",
        lambda: writer.waiting_count,
    )
    metrics.gauge(
        "ledger_unwritten_seconds",
        "Since all bytes sent were in the ledger: seconds while all is well.",
        lambda: writer.unwritten_s,
        mode="livemax",
    )
    metrics.count(
        "ledger_write_failures",
        "Batches of the ledger that the database did not take; they are sent again.",
        lambda: writer.failure_count,
    )
    metrics.count(
        "ledger_lost_bytes",
        "Bytes sent that the ledger does not tell, their batch having been refused.",
        lambda: writer.lost_bytes,
    )
