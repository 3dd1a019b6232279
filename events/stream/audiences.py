"""Which streams an event is offered to, found by the event and not by asking each stream."""

from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from events.log.types import Event
from events.stream.subscriber import Pack, Subscriber
from events.stream.visibility import Filters, audiences_of


class Lens(NamedTuple):
    """What makes two streams of one audience see an event differently."""

    video_id: UUID | None
    filters: Filters
    pack: Pack


Place = tuple[str, str]  # one of `audiences_of` an event
Groups = dict[Lens, set[Subscriber]]


class Audiences:
    """Who is offered what, so that an event reaches its streams without asking each of them.

    All in a group see an event alike: they share their place in `audiences_of` and their lens.
    """

    def __init__(self) -> None:
        self._groups: dict[Place, Groups] = {}
        self._places: dict[Subscriber, tuple[Place, ...]] = {}

    def __contains__(self, subscriber: Subscriber) -> bool:
        return subscriber in self._places

    def __len__(self) -> int:
        return len(self._places)

    def seat(self, subscriber: Subscriber) -> None:
        """Puts it where its roles place it now."""
        self.dismiss(subscriber)
        places = self._places[subscriber] = tuple(subscriber.viewpoint.audiences())
        for place in places:
            groups = self._groups.setdefault(place, {})
            groups.setdefault(_lens(subscriber), set()).add(subscriber)

    def dismiss(self, subscriber: Subscriber) -> None:
        lens = _lens(subscriber)
        for place in self._places.pop(subscriber, ()):
            groups = self._groups[place]
            groups[lens].discard(subscriber)
            if not groups[lens]:
                del groups[lens]
            if not groups:
                del self._groups[place]

    def of(self, event: Event) -> Iterator[list[Subscriber]]:
        """The groups as they are now."""
        for place in audiences_of(event):
            for group in list(self._groups.get(place, {}).values()):
                yield list(group)


def _lens(subscriber: Subscriber) -> Lens:
    viewpoint = subscriber.viewpoint
    return Lens(viewpoint.scope.video_id, viewpoint.filters, subscriber.pack)
