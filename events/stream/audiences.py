"""Index of event streams by audience: finds the streams that may see an event without a scan."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from events.log.types import Event
from events.stream.subscriber import Pack, Subscriber
from events.stream.visibility import Filters, audiences_of


class Lens(NamedTuple):
    """Everything that makes two streams of one audience see an event differently."""

    video_id: UUID | None
    filters: Filters
    pack: Pack


AudienceKey = tuple[str, str]  # one of `audiences_of` an event
Groups = dict[Lens, set[Subscriber]]


class Audiences:
    """Groups of streams, by audience and lens; all streams of a group see an event alike."""

    def __init__(self) -> None:
        self._groups: dict[AudienceKey, Groups] = {}
        self._keys: dict[Subscriber, tuple[AudienceKey, ...]] = {}

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def index(self, subscriber: Subscriber) -> None:
        """Indexes the stream by its current roles."""
        self.dismiss(subscriber)
        keys = self._keys[subscriber] = tuple(subscriber.viewpoint.audiences())
        for key in keys:
            groups = self._groups.setdefault(key, {})
            groups.setdefault(_lens(subscriber), set()).add(subscriber)

    def dismiss(self, subscriber: Subscriber) -> None:
        lens = _lens(subscriber)
        for key in self._keys.pop(subscriber, ()):
            groups = self._groups[key]
            groups[lens].discard(subscriber)
            if not groups[lens]:
                del groups[lens]
            if not groups:
                del self._groups[key]

    def of(self, event: Event) -> Iterator[list[Subscriber]]:
        """Yields copies of the event's groups."""
        for key in audiences_of(event):
            for group in list(self._groups.get(key, {}).values()):
                yield list(group)


def _lens(subscriber: Subscriber) -> Lens:
    viewpoint = subscriber.viewpoint
    return Lens(viewpoint.scope.video_id, viewpoint.filters, subscriber.pack)
