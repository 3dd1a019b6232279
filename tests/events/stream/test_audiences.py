"""Audiences: an event is offered to every stream that may see it, in groups that see it alike."""

from itertools import product
from typing import Any
from uuid import UUID

from events.log.types import PlaybackProgressed, VideoDeleted, VideoReady, VideoUploaded
from events.stream.audiences import Audiences
from events.stream.missed_events import Replay
from events.stream.subscriber import Subscriber
from events.stream.visibility import Filters, Scope, Viewpoint

SCOPES = [
    Scope("me"),
    Scope("teacher"),
    Scope("me", is_privileged=True),
    Scope("me", video_id=UUID(int=1), course_id="c1", enrollment_version=1),
]
FILTERS = [
    Filters(),
    Filters(video_id=UUID(int=1)),
    Filters(user_id="me"),
    Filters(types=frozenset({"video.ready", "playback.progress"})),
    Filters(course_id="c2"),
]
ROLES = [{}, {"c1": "student"}, {"c1": "instructor"}, {"c1": "student", "c2": "instructor"}]


def test_a_group_sees_alike_and_who_may_see_is_in_one_or_sees_its_own(happened: Any) -> None:
    audiences, everyone = Audiences(), []
    for scope, filters, roles, _ in product(SCOPES, FILTERS, ROLES, range(2)):
        viewpoint = Viewpoint(scope, filters)
        for course_id, role in roles.items():
            viewpoint.roles.learn(course_id, role, 1)
        everyone.append(Subscriber(viewpoint, Replay(Any, viewpoint), 1))
        audiences.index(everyone[-1])

    for kind, video, course_id, user_id in product(
        (VideoReady, VideoUploaded, VideoDeleted, PlaybackProgressed),
        (UUID(int=1), UUID(int=2)),
        ("c1", "c2"),
        ("me", "teacher", "other"),
    ):
        event = happened(kind, user_id, video_id=video, course_id=course_id)
        seeing = {one for one in everyone if one.viewpoint.view_of(event)}
        told = {one for one in seeing if one.viewpoint.scope.user_id == user_id}
        for group in audiences.of(event):
            [view] = {one.viewpoint.view_of(event) for one in group}
            told |= set(group) if view else set()
        assert told == seeing
