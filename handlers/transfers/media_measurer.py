"""The measurer of media requests: what players say of themselves goes to their sessions."""

from db.insight.cmcd import CmcdKey
from events.insight.sessions.cmcd_sessions import CmcdSessions
from events.upkeep.ledger import NO_USER
from handlers.transfers import cmcd
from handlers.transfers.transfers import Tally
from handlers.user_agents import UserAgents


class MediaMeasurer:
    """Parses what came with a request that was admitted, and adds it to its session."""

    def __init__(self, sessions: CmcdSessions, user_agents: UserAgents) -> None:
        self._sessions = sessions
        self._user_agents = user_agents

    def note(self, tally: Tally, user_agent: str | None, texts: tuple[bytes, ...]) -> None:
        """Never raises. An edge's requests are nobody's, and measured nowhere."""
        if tally.user_id == NO_USER:
            return
        said = cmcd.parse(texts)
        if said is not None:
            key = CmcdKey(tally.user_id, tally.video_id, said.session_id)
            self._sessions.note(key, *self._user_agents.read(user_agent), said)
