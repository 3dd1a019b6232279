"""Typed keys of the application and the request; `server` sets their values."""

import asyncio
from dataclasses import dataclass

from aiohttp import web

from db.pool import Database
from events.deletion import Deletion
from events.delivery.record_store import RecordStore
from events.erasure import Erasures
from events.hot.hottest import Plays
from events.hot.outlines import OutlineReader
from events.hot.playing import PlayingTermsReader
from events.hot.video_facts import VideoReader
from events.insight.ranking import Standings
from events.insight.sessions.cmcd_sessions import CmcdSessions
from events.insight.sessions.observations import Observations
from events.insight.stored_bytes import StoredBytes
from events.log.emitter import Emitter
from events.media.pictures import Pictures
from events.media.traces import Traces
from events.metrics import Metrics
from events.offline.file_pieces import FilePieces
from events.privacy.people import People
from events.privacy.pseudonyms import Pseudonyms
from events.privacy.seal import Seal
from events.privacy.sealed_people import SealedPeople
from events.progress.persister import ProgressPersister
from events.progress.session_names import SessionNames
from events.stream.hub import Hub
from events.takeover.s3_urls import S3Sources
from events.upkeep.damage import DamagedFiles
from events.upkeep.installation import InstallationFigures
from events.upkeep.membership import Membership
from events.uploads.settings import UploadSettings
from events.uploads.uploads import Uploads
from handlers.access.auth import TokenVerifier, Viewer
from handlers.access.edge_addresses import MediaAddresses
from handlers.access.grants import Grants
from handlers.access.origin_secret import OriginSecret
from handlers.access.own_origin import OwnOrigin
from handlers.access.rate_limits import PlayingLimits, ReportLimits
from handlers.access.revocation import Revocations
from handlers.access.rules import Access
from handlers.access.signatures.document_keys import DocumentSigner, PublishedKeys
from handlers.balancers import Balancers
from handlers.connection.sender import Sender
from handlers.connection.shortcuts.range_shortcut import RangeShortcut
from handlers.connection.shortcuts.report_shortcut import ReportShortcut
from handlers.delivery.catalog import Catalog
from handlers.delivery.handover import Handover
from handlers.delivery.open_files import OpenFiles
from handlers.delivery.representations import Representations
from handlers.transfers.media_measurer import MediaMeasurer
from handlers.transfers.transfers import Transfers
from handlers.transfers.watching import TransferWatch
from handlers.user_agents import UserAgents
from storage.disk import Disk
from storage.paths import StoragePaths
from storage.sandbox.children import Sandbox


@dataclass(slots=True)
class RequestNotes:
    """Facts of a request, noted as it is answered: a key each would cost an exception where there
    is none."""

    request_id: str
    is_routine: bool = False
    """Frequent, not logged: ranges, reports."""
    is_by_cookie: bool = False
    """The viewer is known by the session's cookie."""
    is_prepared: bool = False
    """Headers were sent: no error response is possible."""
    problem_code: str | None = None
    """Of a request that was refused."""


@dataclass(frozen=True, slots=True)
class PlaybackSettings:
    report_interval_s: float
    offline_ttl_s: int


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    may_call_private: bool


LEAVING = web.AppKey("leaving", asyncio.Event)  # set first when the server stops, for balancers
STOPPING = web.AppKey("stopping", asyncio.Event)  # set once nobody new is let in
BALANCERS = web.AppKey("balancers", Balancers)
DATABASE = web.AppKey("database", Database)
METRICS = web.AppKey("metrics", Metrics)
TRACES = web.AppKey("traces", Traces)
STANDINGS = web.AppKey("standings", Standings)
STORED_BYTES = web.AppKey("stored_bytes", StoredBytes)
OBSERVATIONS = web.AppKey("observations", Observations)
TRANSFER_WATCH = web.AppKey("transfer_watch", TransferWatch)
CMCD_SESSIONS = web.AppKey("cmcd_sessions", CmcdSessions)
MEDIA_MEASURER = web.AppKey("media_measurer", MediaMeasurer)
USER_AGENTS = web.AppKey("user_agents", UserAgents)
INSTALLATION = web.AppKey("installation", InstallationFigures)
EMITTER = web.AppKey("emitter", Emitter)
HUB = web.AppKey("hub", Hub)
RECORD_STORE = web.AppKey("record_store", RecordStore)  # absent without one
SEAL = web.AppKey("seal", Seal)
PSEUDONYMS = web.AppKey("pseudonyms", Pseudonyms)
PEOPLE = web.AppKey("people", People)
SEALED_PEOPLE = web.AppKey("sealed_people", SealedPeople)
ERASURES = web.AppKey("erasures", Erasures)
WEBHOOK_SETTINGS = web.AppKey("webhook_settings", WebhookSettings)
VERIFIER = web.AppKey("verifier", TokenVerifier)
GRANTS = web.AppKey("grants", Grants)
MEDIA_ADDRESSES = web.AppKey("media_addresses", MediaAddresses)
ORIGIN_SECRET = web.AppKey("origin_secret", OriginSecret)
ACCESS = web.AppKey("access", Access)
OWN_ORIGIN = web.AppKey("own_origin", OwnOrigin)
REVOCATIONS = web.AppKey("revocations", Revocations)
PLAYING_LIMITS = web.AppKey("playing_limits", PlayingLimits)
REPORT_LIMITS = web.AppKey("report_limits", ReportLimits)
CATALOG = web.AppKey("catalog", Catalog)
VIDEO_FACTS = web.AppKey("video_facts", VideoReader)
OUTLINES = web.AppKey("outlines", OutlineReader)
PLAYS = web.AppKey("plays", Plays)  # absent without Redis
PLAYING_TERMS = web.AppKey("playing_terms", PlayingTermsReader)
OPEN_FILES = web.AppKey("open_files", OpenFiles)
REPRESENTATIONS = web.AppKey("representations", Representations)
DAMAGED_FILES = web.AppKey("damaged_files", DamagedFiles)
FILE_PIECES = web.AppKey("file_pieces", FilePieces)
DOCUMENT_SIGNER = web.AppKey("document_signer", DocumentSigner)
PUBLISHED_KEYS = web.AppKey("published_keys", PublishedKeys)
SESSION_NAMES = web.AppKey("session_names", SessionNames)
PERSISTER = web.AppKey("persister", ProgressPersister)
RANGE_SHORTCUT = web.AppKey("range_shortcut", RangeShortcut)  # absent when switched off
REPORT_SHORTCUT = web.AppKey("report_shortcut", ReportShortcut)  # likewise
HANDOVER = web.AppKey("handover", Handover)  # absent when every byte is sent here
SENDER = web.AppKey("sender", Sender)
TRANSFERS = web.AppKey("transfers", Transfers)
STORAGE = web.AppKey("storage", StoragePaths)
DISK = web.AppKey("disk", Disk)  # for uploads, and for queries about the storage
FILE_DISK = web.AppKey("file_disk", Disk)  # for files that are sent
SANDBOX = web.AppKey("sandbox", Sandbox)
TEXT_SANDBOX = web.AppKey("text_sandbox", Sandbox)  # text tracks do not queue behind videos
S3_SOURCES = web.AppKey("s3_sources", S3Sources)
DELETION = web.AppKey("deletion", Deletion)
UPLOADS = web.AppKey("uploads", Uploads)
PICTURES = web.AppKey("pictures", Pictures)
UPLOAD_SETTINGS = web.AppKey("upload_settings", UploadSettings)
PLAYBACK_SETTINGS = web.AppKey("playback_settings", PlaybackSettings)

MEMBERSHIP = web.AppKey("membership", Membership)
MIGRATIONS = web.AppKey("migrations", frozenset[str])

NOTES = web.RequestKey("notes", RequestNotes)  # of all that reach the middlewares
VIEWER = web.RequestKey("viewer", Viewer)
