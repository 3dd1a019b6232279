"""What allows a user to be sent bytes: asked anew for each transfer, also of a repeated request.

A permit that holds says no more than the full way would say now without asking the database; one
that does not hold says nothing: the full way decides. It is asked in some ten microseconds that
a repeated request takes, so it keeps at hand what it would else look up.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from aiohttp import web

from db.videos import Video
from handlers import keys
from handlers.access.auth import TokenVerifier, Viewer, bearer_token, token_digest
from handlers.access.grants import PlaybackGrant
from handlers.access.rate_limits import PlayingLimits
from handlers.access.revocation import Revocations
from handlers.access.rules import Access, Right
from handlers.delivery.catalog import Catalog
from handlers.delivery.transfers import (
    BY_OWN_RIGHT,
    UNVERSIONED,
    Purpose,
    Tally,
    Transfer,
    Transfers,
)
from handlers.errors import Unavailable
from handlers.token_bucket import TokenBucket

BY_BEARER = "private, no-cache"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is sent what, standing on which enrolment, within the limits of the user.

    `requests` is None for whoever is free of limits; bytes may leave as fast as the client takes
    them unless it `is_paced`. `tally` counts the answers that were out at once; any other has a
    transfer of its own.
    """

    transfers: Transfers
    limits: PlayingLimits
    roles: Collection[str]
    version: float
    tally: Tally
    requests: TokenBucket | None
    is_paced: bool

    def open(self) -> Transfer:
        """For a request that was admitted. Raises RateLimited for a stream too many."""
        self.limits.require_stream(self.roles, self._running_streams())
        return self.open_admitted()

    def admits(self) -> bool:
        """Whether the limits allow one more. Takes from them if so: asked last."""
        if self.requests is None:
            return True
        return self.limits.admit(self.requests, self._running_streams(), time.monotonic())

    def open_admitted(self) -> Transfer:
        tally = self.tally
        bandwidth = self.limits.bandwidth(tally.user_id, self.roles, time.monotonic())
        return self.transfers.open(
            tally.user_id, tally.course_id, tally.video_id, tally.purpose, self.version, bandwidth
        )

    def _running_streams(self) -> int:
        """Pictures are no streams."""
        tally = self.tally
        return 0 if tally.purpose == "thumbnail" else self.transfers.streams_of(tally.user_id)


@dataclass(slots=True)
class GrantPermit:
    """By a playback grant: its expiry, and what the log tells of its enrolment and video."""

    claim: Claim
    grant: PlaybackGrant
    revocations: Revocations
    _seen_changes: int = field(default=-1, init=False)
    """How many changes `revocations` had seen when the grant was last found to stand."""

    def holds(self) -> bool:
        if self.grant.expires_at <= time.time():
            return False
        return self._seen_changes == self.revocations.changes or self._still_stands()

    def cache_control(self) -> str:
        return f"private, max-age={max(0, int(self.grant.expires_at - time.time()))}"

    def _still_stands(self) -> bool:
        changes = self.revocations.changes
        try:
            stands = not self.revocations.is_revoked(self.grant)
        except Unavailable:
            return False
        if stands:
            self._seen_changes = changes
        return stands


@dataclass(frozen=True, slots=True)
class BearerPermit:
    """By a bearer token: that it was verified, an enrolment read seconds ago, the video's row."""

    claim: Claim
    token_digest: bytes
    viewer: Viewer
    video: Video
    verifier: TokenVerifier
    access: Access
    catalog: Catalog

    def holds(self) -> bool:
        return (
            self.verifier.known(self.token_digest) == self.viewer
            and self.catalog.known(self.video.id) is self.video
            and self.access.is_known_to_allow(self.viewer, self.video.course_id, Right.WATCH)
        )

    def cache_control(self) -> str:
        return BY_BEARER


def permit_of_bearer(request: web.Request, video: Video, purpose: Purpose) -> BearerPermit:
    """For a viewer whom the checks have let in."""
    app, viewer = request.app, request[keys.VIEWER]
    version = BY_OWN_RIGHT if viewer.is_privileged else UNVERSIONED
    return BearerPermit(
        _claim(request, viewer.user_id, viewer.roles, video.course_id, video.id, purpose, version),
        token_digest(bearer_token(request.headers)),
        viewer,
        video,
        app[keys.VERIFIER],
        app[keys.ACCESS],
        app[keys.CATALOG],
    )


def permit_of_grant(request: web.Request, grant: PlaybackGrant, purpose: Purpose) -> GrantPermit:
    """For a grant that holds; it tells which enrolment version it stands on."""
    version = BY_OWN_RIGHT if grant.version is None else grant.version
    claim = _claim(
        request, grant.user_id, grant.roles, grant.course_id, grant.video_id, purpose, version
    )
    return GrantPermit(claim, grant, request.app[keys.REVOCATIONS])


def _claim(
    request: web.Request,
    user_id: str,
    roles: Collection[str],
    course_id: str,
    video_id: UUID,
    purpose: Purpose,
    version: float,
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
    )
