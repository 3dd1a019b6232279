"""Session ids that say, authenticated, when `/playback` named them, for whom and for which video.

So a session's start costs no row and no commit, and every process and machine that shares the
secret of grants reads it from the id. Ids that clients made up have a row instead, see
db/progress/session_names.py.
"""

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from db.progress.report_batch import SessionKey, VideoKey

PURPOSE = b"coursestream session names, 1"
TIME_BYTES, CHANCE_BYTES, MAC_BYTES = 6, 6, 12
ID_LENGTH = (TIME_BYTES + CHANCE_BYTES + MAC_BYTES) * 4 // 3
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class SessionNames:
    """Makes and reads such ids."""

    def __init__(self, secret: str) -> None:
        self._key = hmac.digest(secret.encode(), PURPOSE, "sha256")

    def new(self, video: VideoKey, now: datetime) -> str:
        """Returns a session id that was named at `now`, to the millisecond."""
        since_epoch = (now - EPOCH) // MILLISECOND
        plain = since_epoch.to_bytes(TIME_BYTES, "big") + secrets.token_bytes(CHANCE_BYTES)
        return urlsafe_b64encode(plain + self._mac(video, plain)).decode()

    def named_at(self, key: SessionKey) -> datetime | None:
        """Returns None for an id that was not made here for this user and video."""
        if len(key.session_id) != ID_LENGTH:
            return None
        signed = urlsafe_b64decode(key.session_id)
        plain, mac = signed[:-MAC_BYTES], signed[-MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(key.video, plain)):
            return None
        return EPOCH + int.from_bytes(plain[:TIME_BYTES], "big") * MILLISECOND

    def _mac(self, video: VideoKey, plain: bytes) -> bytes:
        signed = plain + video.video_id.bytes + video.user_id.encode()
        return hmac.digest(self._key, signed, "sha256")[:MAC_BYTES]
