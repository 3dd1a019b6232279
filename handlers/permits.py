"""What allows a user to be sent bytes: asked anew for each transfer, also of a repeated request.

A permit that holds says no more than the full way would say now without asking the database; one
that does not hold says nothing: the full way decides.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from aiohttp import web

from db.videos import Video
from handlers import keys
from handlers.access.auth import TokenVerifier, Viewer, bearer_token, token_digest
from handlers.access.grants import PlaybackGrant
from handlers.access.rate_limits import PlayingLimits, is_free
from handlers.access.revocation import Revocations
from handlers.access.rules import Access, Right
from handlers.delivery.catalog import Catalog
from handlers.delivery.transfers import BY_OWN_RIGHT, UNVERSIONED, Purpose, Transfer, Transfers
from handlers.errors import Unavailable

STREAMS: tuple[Purpose, ...] = ("stream", "download")
BY_BEARER = "private, no-cache"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who is sent what, standing on which enrolment, within the limits of the user."""

    transfers: Transfers
    limits: PlayingLimits
    user_id: str
    roles: Collection[str]
    course_id: str
    video_id: UUID
    purpose: Purpose
    version: float

    def open(self) -> Transfer:
        """For a request that was admitted. Raises RateLimited for a stream too many."""
        if self.purpose in STREAMS:
            self.limits.require_stream(self.roles, self._running_streams())
        return self._open()

    def open_again(self) -> Transfer | None:
        """For a request of which nobody was told yet; None where it or its stream is too many."""
        streams, now_s = self._running_streams(), time.monotonic()
        if not is_free(self.roles) and not self.limits.admit(self.user_id, streams, now_s):
            return None
        return self._open()

    def _running_streams(self) -> int:
        """Pictures are no streams."""
        if self.purpose not in STREAMS:
            return 0
        count = self.transfers.count
        return count("stream", self.user_id) + count("download", self.user_id)

    def _open(self) -> Transfer:
        bandwidth = self.limits.bandwidth(self.user_id, self.roles, time.monotonic())
        return self.transfers.open(
            self.user_id, self.course_id, self.video_id, self.purpose, self.version, bandwidth
        )


@dataclass(frozen=True, slots=True)
class GrantPermit:
    """By a playback grant: its expiry, and what the log tells of its enrolment and video."""

    claim: Claim
    grant: PlaybackGrant
    revocations: Revocations

    def holds(self) -> bool:
        try:
            return self.grant.expires_at > time.time() and not self.revocations.is_revoked(
                self.grant
            )
        except Unavailable:
            return False

    def cache_control(self) -> str:
        return f"private, max-age={max(0, int(self.grant.expires_at - time.time()))}"

    def open_again(self) -> Transfer | None:
        return self.claim.open_again()


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

    def open_again(self) -> Transfer | None:
        return self.claim.open_again()


def permit_of_bearer(request: web.Request, video: Video, purpose: Purpose) -> BearerPermit:
    """For a viewer whom the checks have let in."""
    app, viewer = request.app, request[keys.VIEWER]
    version = BY_OWN_RIGHT if viewer.is_privileged else UNVERSIONED
    return BearerPermit(
        _claim(app, viewer.user_id, viewer.roles, video.course_id, video.id, purpose, version),
        token_digest(bearer_token(request.headers)),
        viewer,
        video,
        app[keys.VERIFIER],
        app[keys.ACCESS],
        app[keys.CATALOG],
    )


def permit_of_grant(app: web.Application, grant: PlaybackGrant, purpose: Purpose) -> GrantPermit:
    """For a grant that holds; it tells which enrolment version it stands on."""
    version = BY_OWN_RIGHT if grant.version is None else grant.version
    claim = _claim(
        app, grant.user_id, grant.roles, grant.course_id, grant.video_id, purpose, version
    )
    return GrantPermit(claim, grant, app[keys.REVOCATIONS])


def _claim(
    app: web.Application,
    user_id: str,
    roles: Collection[str],
    course_id: str,
    video_id: UUID,
    purpose: Purpose,
    version: float,
) -> Claim:
    return Claim(
        app[keys.TRANSFERS],
        app[keys.PLAYING_LIMITS],
        user_id,
        roles,
        course_id,
        video_id,
        purpose,
        version,
    )
