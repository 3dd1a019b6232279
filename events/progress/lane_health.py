"""Health of a persister lane, derived from the outcome of its recent reports."""

from typing import Literal

LaneState = Literal["idle", "storing", "failing", "suspect"]

STUCK_AFTER_S = 5.0  # by then every waiting report has timed out
FAILED_FOR_S = 5.0
REFUSED_USERS = 2  # refusals of one user's reports alone are that user's fault


class LaneHealth:
    """State of one lane. `suspect`: it failed, but not recently, so only a write would show."""

    __slots__ = ("_began_s", "_failed_s", "_refused_users", "_stored_s")

    def __init__(self) -> None:
        self._began_s: float | None = None
        self._failed_s: float | None = None
        self._stored_s: float | None = None
        self._refused_users: set[str] = set()

    def begin(self, now_s: float) -> None:
        self._began_s = now_s

    def end(self) -> None:
        self._began_s = None

    def commit_s(self, now_s: float) -> float:
        """Seconds since the commit under way began; 0.0 between two."""
        return 0.0 if self._began_s is None else now_s - self._began_s

    def stored(self, now_s: float) -> None:
        self._stored_s, self._failed_s = now_s, None
        self._refused_users.clear()

    def failed(self, now_s: float) -> None:
        """A batch failed, whatever was in it."""
        self._failed_s = now_s

    def refused(self, user_id: str, now_s: float) -> None:
        """The database refused a single report."""
        self._refused_users.add(user_id)
        if len(self._refused_users) >= REFUSED_USERS:
            self._refused_users = {user_id}
            self._failed_s = now_s

    def state(self, now_s: float) -> LaneState:
        if self._began_s is not None and now_s - self._began_s > STUCK_AFTER_S:
            return "failing"
        if self._failed_s is not None:
            return "failing" if now_s - self._failed_s <= FAILED_FOR_S else "suspect"
        if self._stored_s is not None and now_s - self._stored_s <= FAILED_FOR_S:
            return "storing"
        return "idle"
