"""SIGKILL between every two steps of replacing a film; then it is done again.

Whatever the step, the film before plays until the new one does, and no file and no row of either is
left over.
"""

import asyncio
from uuid import UUID

from db.videos import videos
from db.videos.video import Video
from tests.faults.kills.killing import Place
from tests.films.plain_media import INDEX_FIRST, INDEX_LAST, sha256

OLD, NEW = sha256(INDEX_FIRST), sha256(b"remuxed " + INDEX_LAST)
PICTURES = [*["large"] * 3, *["small"] * 3]  # as JPEG, WebP and AVIF
FILES = [*PICTURES, "source", "storyboard", "storyboard"]


async def ready(place: Place) -> UUID:
    video_id = await place.upload(INDEX_FIRST)
    await place.order("job")
    return video_id


async def entered(place: Place) -> UUID:
    video_id = await ready(place)
    await enter(place, video_id)
    return video_id


async def enter(place: Place, video_id: UUID) -> None:
    content = INDEX_LAST.decode("latin-1")
    await place.order("enter", video_id=str(video_id), content=content)


async def playing(place: Place, video_id: UUID) -> tuple[Video, str]:
    """The video and the hash of the film that it plays, whose bytes are there."""
    video = await videos.get(place.database, video_id)
    assert video is not None
    assert video.status == "ready"
    path = place.storage.asset("c1", video_id, video.served_file.file_name)
    assert sha256(await asyncio.to_thread(path.read_bytes)) == video.served_file.sha256
    return video, video.served_file.sha256


async def test_a_film_whose_arrival_is_killed_has_arrived_or_has_not(place: Place) -> None:
    content = INDEX_LAST.decode("latin-1")
    found = []
    async for video_id, step in place.kill_everywhere(
        "enter", lambda: ready(place), content=content
    ):
        video, film = await playing(place, video_id)
        assert (film, video.is_being_replaced) == (OLD, step == "entered"), step
        found.append(video_id)
        await enter(place, video_id)
    await place.jobs_are_done()
    await place.order("sweep replaced")

    assert [(await playing(place, one))[1] for one in found] == [NEW] * len(found)
    await place.nothing_is_left_over()
    assert [await place.files_of(one) for one in found] == [FILES] * len(found)


async def test_a_killed_replacement_is_made_by_another_worker(place: Place) -> None:
    killed = {}
    async for video_id, step in place.kill_everywhere("job", lambda: entered(place)):
        killed[video_id] = step, (await playing(place, video_id))[1]
    steps = [step for step, _ in killed.values()]
    films = [film for _, film in killed.values()]
    assert {"COMMIT", "remux", "thumbnails", "webp+avif", "replace"} <= {*steps}
    assert films == sorted(films, key=lambda one: one == NEW), "switched once, for good"
    assert {*films} == {OLD, NEW}
    await place.jobs_are_done()
    await place.order("sweep replaced")

    for video_id, (step, _) in killed.items():
        assert ((await playing(place, video_id))[1], step) == (NEW, step)
        told = ["uploaded", "ready", *["updated"] * 6]  # its pictures, entered, switched, pictures
        assert (await place.events_of(video_id), step) == (told, step)
        assert (await place.files_of(video_id), step) == (FILES, step)
    await place.nothing_is_left_over()


async def test_a_killed_sweep_of_the_film_before_is_repeated(place: Place) -> None:
    async def replaced() -> UUID:
        video_id = await entered(place)
        await place.order("job")
        return video_id

    steps = []
    async for video_id, step in place.kill_everywhere("sweep replaced", replaced):
        steps.append(step)
        await place.order("sweep replaced")
        assert (await place.files_of(video_id), step) == (FILES, step)
    assert {"COMMIT", "unlink", "swept"} <= {*steps}
    await place.nothing_is_left_over()
