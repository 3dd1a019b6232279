"""Permits: the permission to send bytes to a user, checked again for each transfer.

A permit that holds means that the full check would succeed now without the database; for one that
does not hold, the full check decides. The range shortcut checks it within the ten microseconds of a
request, so a permit keeps references to everything it needs.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web

from db.videos.video import Video
from events.upkeep.ledger import NO_USER
from handlers import keys
from handlers.access.auth import SERVICE, TOKEN, TokenVerifier, Viewer, token_digest
from handlers.access.edge_addresses import SIGNED_LIFE_S
from handlers.access.grants import PlaybackGrant
from handlers.access.rate_limits import PlayingLimits
from handlers.access.revocation import Revocations
from handlers.access.rules import Access, Right
from handlers.delivery.catalog import Catalog
from handlers.errors import Unavailable
from handlers.token_bucket import TokenBucket
from handlers.transfers.transfers import (
    BY_OWN_RIGHT,
    UNVERSIONED,
    Purpose,
    Tally,
    Transfer,
    Transfers,
)

BY_BEARER = "private, no-cache"
# Names are by hash, so a cache of many viewers may keep a file for good; a browser, as long as a
# signed address lives.
BY_EDGE = f"public, max-age={SIGNED_LIFE_S}, s-maxage=31536000"


@dataclass(frozen=True, slots=True)
class Claim:
    """A user's claim to bytes: the enrolment version it depends on, and the user's limits.

    `requests` is None for an exempt user; bytes leave as fast as the client takes them unless it
    `is_paced`. `tally` counts responses that were sent at once; any other has its own transfer.
    `session_id` is that of the grant.
    """

    transfers: Transfers
    limits: PlayingLimits
    roles: Collection[str]
    version: float
    tally: Tally
    requests: TokenBucket | None
    is_paced: bool
    session_id: str = ""

    @property
    def limited_viewer(self) -> str:
        """The user whose streams at once are limited; empty if this response counts for none."""
        is_exempt = self.requests is None or self.tally.purpose == "thumbnail"
        return "" if is_exempt else self.tally.user_id

    def open(self) -> Transfer:
        """Opens a transfer for an admitted request. Raises RateLimited for an excess stream."""
        self.limits.require_stream(self.roles, self._running_streams())
        return self.open_admitted()

    def admits(self, begun: int = 0) -> bool:
        """Takes one request from the limits if they allow it; call it last. `begun` streams of the
        user do not run yet."""
        if self.requests is None:
            return True
        return self.limits.admit(self.requests, begun + self._running_streams(), time.monotonic())

    def open_admitted(self) -> Transfer:
        tally = self.tally
        bandwidth = self.limits.bandwidth(tally.user_id, self.roles, time.monotonic())
        return self.transfers.open(
            *(tally.user_id, tally.course_id, tally.video_id, tally.purpose),
            *(self.version, bandwidth, self.session_id),
            is_limited=self.requests is not None,
        )

    def _running_streams(self) -> int:
        """Returns the user's running streams; 0 for pictures, which do not count as streams."""
        tally = self.tally
        return 0 if tally.purpose == "thumbnail" else self.transfers.streams_of(tally.user_id)


@dataclass(slots=True)
class GrantPermit:
    """A permit by playback grant: checks expiry, enrolment version and deletion."""

    claim: Claim
    grant: PlaybackGrant
    revocations: Revocations
    _seen_changes: int = field(default=-1, init=False)
    """Value of `revocations.changes` when the grant was last found valid."""

    def holds(self) -> bool:
        if self.grant.expires_at <= time.time():
            return False
        return self._seen_changes == self.revocations.changes or self._still_stands()

    def cache_control(self) -> str:
        return cache_control(self.grant)

    def _still_stands(self) -> bool:
        changes = self.revocations.changes
        try:
            stands = not self.revocations.is_revoked(self.grant)
        except Unavailable:
            return False
        if stands:
            self._seen_changes = changes
        return stands


@dataclass(slots=True)
class BearerPermit:
    """A permit by token: checks the verified token, the enrolment and the video's row."""

    claim: Claim
    token_digest: bytes
    viewer: Viewer
    video: Video
    verifier: TokenVerifier
    access: Access
    catalog: Catalog
    _seen_changes: int = field(default=-1, init=False)
    """Value of `access.changes` when the enrolment was last found to allow it."""
    _until_s: float = field(default=0.0, init=False)
    """The monotonic time up to which the enrolment found then may be believed."""

    def holds(self) -> bool:
        viewer = self.verifier.known(self.token_digest)
        if viewer is not self.viewer and viewer != self.viewer:
            return False
        if self.catalog.known(self.video.id) is not self.video:
            return False
        is_unchanged = self._seen_changes == self.access.changes
        return (is_unchanged and time.monotonic() < self._until_s) or self._still_stands()

    def cache_control(self) -> str:
        return BY_BEARER

    def _still_stands(self) -> bool:
        self._seen_changes = self.access.changes
        self._until_s = self.access.known_until_s(self.viewer, self.video.course_id, Right.WATCH)
        return time.monotonic() < self._until_s


@dataclass(frozen=True, slots=True)
class EdgePermit:
    """A permit of an edge that keeps files for many viewers: checks the video's row."""

    claim: Claim
    video: Video
    catalog: Catalog

    def holds(self) -> bool:
        return self.catalog.known(self.video.id) is self.video

    def cache_control(self) -> str:
        return BY_EDGE


def cache_control(grant: PlaybackGrant) -> str:
    """Returns the field for what a grant opens: kept by its viewer, until it expires."""
    return f"private, max-age={max(0, int(grant.expires_at - time.time()))}"


def permit_of_bearer(request: web.Request, video: Video, purpose: Purpose) -> BearerPermit:
    """Returns the permit of a viewer who passed the access checks."""
    app, viewer = request.app, request[keys.VIEWER]
    version = BY_OWN_RIGHT if viewer.is_privileged else UNVERSIONED
    return BearerPermit(
        _claim(request, viewer.user_id, viewer.roles, video.course_id, video.id, purpose, version),
        token_digest(request[TOKEN]),
        viewer,
        video,
        app[keys.VERIFIER],
        app[keys.ACCESS],
        app[keys.CATALOG],
    )


def permit_of_grant(request: web.Request, grant: PlaybackGrant, purpose: Purpose) -> GrantPermit:
    """Returns the permit of a valid grant, with the enrolment version it depends on."""
    version = BY_OWN_RIGHT if grant.version is None else grant.version
    claim = _claim(
        *(request, grant.user_id, grant.roles, grant.course_id, grant.video_id, purpose, version),
        grant.session_id,
    )
    return GrantPermit(claim, grant, request.app[keys.REVOCATIONS])


def permit_of_edge(request: web.Request, video: Video, purpose: Purpose) -> EdgePermit:
    """Returns the permit of an edge that showed its secret; its bytes are nobody's."""
    claim = _claim(request, NO_USER, (SERVICE,), video.course_id, video.id, purpose, BY_OWN_RIGHT)
    return EdgePermit(claim, video, request.app[keys.CATALOG])


def _claim(
    request: web.Request,
    user_id: str,
    roles: Collection[str],
    course_id: str,
    video_id: UUID,
    purpose: Purpose,
    version: float,
    session_id: str = "",
) -> Claim:
    transfers, limits = request.app[keys.TRANSFERS], request.app[keys.PLAYING_LIMITS]
    now_s = time.monotonic()
    return Claim(
        transfers,
        limits,
        roles,
        version,
        Tally(transfers, user_id, course_id, video_id, purpose),
        limits.requests_of(user_id, roles, now_s),
        limits.bandwidth(user_id, roles, now_s) is not None,
        session_id,
    )
