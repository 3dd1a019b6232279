"""The names of people as one reader sees them: ids, or pseudonyms of all but the reader. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from events.log.snapshots import VideoSnapshot
from events.log.types import Event, VideoSnapshotEvent
from events.privacy.pseudonyms import PREFIX, Pseudonyms

UPLOADER = "uploaded_by"
FIELDS = ("user_id", UPLOADER)  # of answers and events that hold a user id


@dataclass(frozen=True, slots=True)
class Naming:
    """Without `pseudonyms` ids are shown as they are."""

    reader_id: str = ""
    pseudonyms: Pseudonyms | None = None

    def shown(self, user_id: str) -> str:
        if self.pseudonyms is None or user_id == self.reader_id:
            return user_id
        return self.pseudonyms.of(user_id)

    def hides(self, user_id: str) -> bool:
        """True of an id that the reader never sees, as of any that is no pseudonym."""
        return not user_id.startswith(PREFIX) and self.shown(user_id) != user_id

    def video(self, video: VideoSnapshot) -> VideoSnapshot:
        if self.pseudonyms is None:
            return video
        return msgspec.structs.replace(video, uploaded_by=self.shown(video.uploaded_by))

    def fields(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the fields of an object with the people in them as the reader sees them."""
        if self.pseudonyms is None:
            return dict(fields)
        people = {name: self.shown(fields[name]) for name in FIELDS if fields.get(name)}
        return {**fields, **people}

    @property
    def of_bystanders(self) -> "Naming":
        """The naming of readers to whom all people are others."""
        return replace(self, reader_id="")


IDS = Naming()


def people_in(event: Event) -> frozenset[str]:
    """Returns the ids that an event shows."""
    if isinstance(event, VideoSnapshotEvent):
        return frozenset({event.user_id, event.video.get(UPLOADER, "")})
    return frozenset({event.user_id})
