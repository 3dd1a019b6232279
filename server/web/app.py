"""The aiohttp application: its middlewares, routes and resources."""

import asyncio
from functools import cache, partial
from pathlib import Path

from aiohttp import web

import handlers
from events.privacy.pseudonyms import Pseudonyms
from events.privacy.seal import Seal
from events.privacy.sealed_people import SealedPeople
from events.progress.session_names import SessionNames
from events.uploads.settings import UploadSettings
from events.usage.board import Board
from handlers import keys
from handlers.access.grants import Grants
from handlers.access.origin_secret import OriginSecret
from handlers.access.own_origin import OwnOrigin
from handlers.access.rate_limits import PlayingLimits, ReportLimits
from handlers.access.signatures.document_keys import DocumentSigner
from handlers.balancers import Balancers
from handlers.openapi import document
from handlers.openapi.endpoints import Endpoint, declared, require_description
from handlers.pages import pages
from handlers.pages.page_settings import PAGE_SETTINGS, PageSettings
from handlers.pages.policies import Policies
from server.config.settings import Config
from server.credentials.edges import media_addresses
from server.credentials.record_stores import record_store
from server.resources import end_uploads, resources
from server.web import cors, middlewares
from server.web.metrics_listener import make_metrics, metrics_listener
from server.web.proxies import PROXIES, TrustedProxies

WEB = Path(__file__).resolve().parents[2] / "web"
# Three times a report of 256 intervals. Decoding four times this limit, in the worst form, blocked
# the event loop for 14 ms.
MAX_JSON_BYTES = 64 * 1024


def build_app(config: Config, dsn: str, board: Board | None = None) -> web.Application:
    """Builds all but the listener; needs a migrated database and a config with its secrets.

    `board` is shared with other web processes of this machine.
    """
    app = web.Application(
        middlewares=[
            middlewares.observe,
            middlewares.answer_errors,
            *cors.middlewares(config.cors_origins),
            middlewares.identify,
        ],
        client_max_size=MAX_JSON_BYTES,
    )
    app.on_response_prepare.append(middlewares.add_common_headers)
    app.on_response_prepare.extend(cors.signals(config.cors_origins))
    endpoints, app[document.DOCUMENT] = _described()
    app.add_routes([one.route() for one in endpoints])
    require_description(app.router)
    _provide_settings(app, config)
    app.cleanup_ctx.extend(resources(config, dsn, board))
    app.cleanup_ctx.append(partial(metrics_listener, config=config))
    app.on_shutdown.append(end_uploads)
    return app


@cache
def _described() -> tuple[list[Endpoint], bytes]:
    """Returns the endpoints, and the document of them: the same for all applications."""
    endpoints = declared(handlers)
    return endpoints, document.encode(document.build(endpoints))


def _provide_settings(app: web.Application, config: Config) -> None:
    app[keys.LEAVING] = asyncio.Event()
    app[keys.STOPPING] = asyncio.Event()
    app[keys.BALANCERS] = Balancers()
    app[PROXIES] = TrustedProxies(config.trusted_proxies)
    app[keys.OWN_ORIGIN] = OwnOrigin(app[PROXIES].trusts)
    app[keys.GRANTS] = Grants(config.grant_secret.reveal(), config.grant_ttl_s)
    app[keys.MEDIA_ADDRESSES] = media_addresses(config)
    secret = config.cdn_origin_secret
    app[keys.ORIGIN_SECRET] = OriginSecret(secret.reveal() if secret else None)
    app[keys.DOCUMENT_SIGNER] = DocumentSigner(config.grant_secret.reveal())
    app[keys.SEAL] = Seal(config.grant_secret.reveal())
    if (store := record_store(config)) is not None:
        app[keys.RECORD_STORE] = store
    app[keys.PSEUDONYMS] = Pseudonyms(config.grant_secret.reveal())
    app[keys.SEALED_PEOPLE] = SealedPeople(app[keys.SEAL])
    app[keys.WEBHOOK_SETTINGS] = keys.WebhookSettings(config.webhook_private)
    app[keys.SESSION_NAMES] = SessionNames(config.grant_secret.reveal())
    app[keys.PLAYING_LIMITS] = PlayingLimits(
        config.stream_rate_limit.count,
        config.stream_rate_limit.period_s,
        config.streams_per_user,
        config.stream_bandwidth_limit_bytes,
    )
    app[keys.REPORT_LIMITS] = ReportLimits(
        config.report_rate_limit.count, config.report_rate_limit.period_s
    )
    app[keys.UPLOAD_SETTINGS] = UploadSettings(
        max_size_bytes=config.max_upload_size_bytes,
        reserve_bytes=config.storage_reserve_bytes,
        quota_bytes=config.storage_quota_bytes,
        allowed_formats=config.allowed_formats,
        media_limits=config.media_limits,
        expiry_s=config.upload_expiry_s,
        most_per_user=config.uploads_per_user,
    )
    app[keys.PLAYBACK_SETTINGS] = keys.PlaybackSettings(
        report_interval_s=config.report_interval_s,
        offline_ttl_s=config.offline_ttl_s,
    )
    policies = Policies(config.cors_origins or (), app[keys.MEDIA_ADDRESSES].origin)
    app[pages.PAGES] = pages.Pages.load(WEB / "dist", policies)
    app[PAGE_SETTINGS] = PageSettings(config.sign_in_url)
    app[keys.METRICS] = make_metrics()
