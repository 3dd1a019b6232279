"""Counters of facts, terms and warming, as metrics follow them."""

from events.hot.outlines import OutlineReader
from events.hot.playing import PlayingTermsReader
from events.hot.video_facts import VideoReader
from events.hot.warming import Warming
from events.metrics import Metrics
from handlers.delivery.catalog import Catalog


def follow_facts(
    metrics: Metrics, catalog: Catalog, facts: VideoReader, terms: PlayingTermsReader
) -> None:
    metrics.count(
        "video_facts",
        "Looks at the facts of a video, by where they were found.",
        lambda: {"memory": catalog.hit_count, **facts.read_counts},
        label="source",
    )
    metrics.count(
        "video_facts_outdated",
        "Entries in Redis that were not of the version which the database told, and not used.",
        lambda: facts.outdated_count,
    )
    metrics.count(
        "video_facts_failures",
        "Calls of Redis for the facts of a video that failed; it is left alone for a second.",
        lambda: facts.failure_count,
    )
    metrics.count("playing_terms", "Enrolments read to begin playing.", lambda: terms.asked_count)
    metrics.count(
        "playing_terms_statements",
        "Statements that read them; fewer than those when the database is slow.",
        lambda: terms.statement_count,
    )


def follow_outlines(metrics: Metrics, outlines: OutlineReader) -> None:
    metrics.count(
        "course_outlines",
        "Looks at the outline of a course, by where it was found.",
        lambda: {"memory": outlines.hit_count, **outlines.read_counts},
        label="source",
    )


def follow_warming(metrics: Metrics, warming: Warming) -> None:
    metrics.gauge(
        "hot_videos",
        "Videos that are played most, in all processes; up to a hundred.",
        lambda: warming.hot_count,
        mode="livemax",
    )
    metrics.count(
        "warmed_bytes",
        "Bytes of hot videos that were read into the page cache before anybody asked.",
        lambda: warming.warmed_bytes,
    )
