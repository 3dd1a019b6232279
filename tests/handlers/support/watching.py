"""A course of one's own with a video that can be watched, and what a player says about it."""

from dataclasses import dataclass
from itertools import count
from typing import Any

from db.log import event_log
from handlers import keys
from tests.harness.waiting import wait_until

DURATION_S = 30
_numbers = count(1)


@dataclass(frozen=True)
class Course:
    """A course that nobody but the test knows of, with its instructor and its student."""

    service: Any
    id: str
    module_id: str
    instructor: str
    student: str

    async def enroll(self, user_id: str, role: str = "student") -> None:
        await self.service.put(f"courses/{self.id}/enrollments/{user_id}", {"role": role})
        await settled(self.service)

    async def withdraw(self, user_id: str) -> None:
        answer = await self.service.ask(
            self.instructor, "DELETE", f"courses/{self.id}/enrollments/{user_id}"
        )
        assert answer.said == "204"
        await settled(self.service)

    async def video(self) -> str:
        """The id of a ready video of 30 seconds, without a file."""
        video_id: str = await self.service.video_row(self.module_id, self.id, "ready")
        async with self.service.app[keys.DATABASE].transaction() as transaction:
            await transaction.execute(
                "INSERT INTO representations"
                " (video_id, format, file_name, mime_type, size_bytes, sha256, is_primary)"
                " VALUES (%s, 'mp4', 'source-0123456789abcdef.mp4', 'video/mp4', 1, '', true)",
                (video_id,),
            )
        return video_id

    async def rename(self, video_id: str, title: str) -> None:
        """Makes an event that everyone in the course is told."""
        answer = await self.service.ask(
            self.instructor, "PATCH", f"videos/{video_id}", {"title": title}
        )
        assert answer.said == "200"

    async def delete(self, video_id: str) -> None:
        answer = await self.service.ask(self.instructor, "DELETE", f"videos/{video_id}")
        assert answer.said == "204"


async def settled(service: Any) -> None:
    """Until streams that are opened now begin after all that has happened."""
    newest_id = (await event_log.read_bounds(service.app[keys.DATABASE])).newest_id
    await wait_until(lambda: service.app[keys.HUB]._position >= newest_id, within_s=5)


async def new_course(service: Any) -> Course:
    number = next(_numbers)
    course = Course(
        service, f"course-{number}", f"module-{number}", f"teacher-{number}", f"student-{number}"
    )
    await service.put(f"courses/{course.id}", {"title": "A course"})
    await service.put(
        f"courses/{course.id}/modules/{course.module_id}", {"title": "A module", "position": 0}
    )
    await course.enroll(course.instructor, "instructor")
    await course.enroll(course.student)
    return course


def report(**changes: Any) -> dict[str, Any]:
    """The least that a player can say."""
    return {
        "session_id": "s",
        "sequence": 0,
        "position": 0,
        "watched": [],
        "event": "progress",
    } | changes


@dataclass(frozen=True)
class Player:
    """One user watching one video, by grant."""

    service: Any
    user_id: str
    video_id: str
    playback: dict[str, Any]

    @property
    def bearer_path(self) -> str:
        return f"videos/{self.video_id}/progress"

    @property
    def grant_path(self) -> str:
        return f"/play/{self.playback['grant']}/{self.video_id}/progress"

    async def put(self, **changes: Any) -> Any:
        return await self.service.ask(self.user_id, "PUT", self.bearer_path, report(**changes))

    async def post(self, **changes: Any) -> Any:
        return await self.service.ask(None, "POST", self.grant_path, report(**changes))

    async def say(self, **changes: Any) -> Any:
        """The answer to an accepted report."""
        answer = await self.post(**changes)
        assert answer.said == "200", answer.body
        return answer.json

    async def get(self) -> Any:
        answer = await self.service.ask(self.user_id, "GET", self.bearer_path)
        assert answer.said == "200", answer.body
        return answer.json

    async def reload(self, session_id: str | None = None) -> Any:
        """The current answer of `/playback`."""
        body = {"session_id": session_id} if session_id else {}
        return await open_playback(self.service, self.user_id, self.video_id, body)


async def open_playback(service: Any, user_id: str, video_id: str, body: Any = None) -> Any:
    answer = await service.ask(user_id, "POST", f"videos/{video_id}/playback", body)
    assert answer.said == "201", answer.body
    return answer.json


NAME_SESSION = """
INSERT INTO playback_session_names VALUES (%s, %s, %s, clock_timestamp() - interval '1 hour')
"""


async def new_player(course: Course, user_id: str | None = None) -> Player:
    """A player of a new video, whose session `s` has been known for long enough to see it all."""
    user_id = user_id or course.student
    video_id = await course.video()
    async with course.service.app[keys.DATABASE].transaction() as transaction:
        await transaction.execute(NAME_SESSION, (user_id, video_id, "s"))
    playback = await open_playback(course.service, user_id, video_id)
    return Player(course.service, user_id, video_id, playback)
