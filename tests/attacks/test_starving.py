"""One user who takes all there is of something: the others go on."""

import json
from pathlib import Path

from handlers import keys
from tests.handlers.conftest import Service, StartService, furnish
from tests.handlers.support.watching import new_course, new_player, report
from tests.handlers.uploads.tusing import VERSION, create, created, patch
from tests.harness.wire import connected

FLOOD = 300
EVENTS = "SELECT count(*) AS count FROM event_log WHERE user_id = %s AND type LIKE 'playback.%%'"


async def test_bodiless_uploads_neither_fill_the_quota_nor_outlive_their_maker(
    start_service: StartService, mp4: Path
) -> None:
    service: Service = await start_service(
        STORAGE_QUOTA="1GiB", STORAGE_RESERVE="0", UPLOADS_PER_USER="20"
    )
    await furnish(service)
    await service.put("courses/c1/enrollments/tom", {"role": "instructor"})
    film = mp4.read_bytes()

    said = [(await create(service, 2**30)).said for _ in range(50)]
    assert said == ["201"] * 20 + ["429 rate-limited"] * 30
    location = await created(service, len(film), "tom")
    assert (await patch(service, location, 0, film, "tom")).said == "204"

    open_uploads = (await service.ask("tom", "GET", "courses/c1/uploads")).json["items"]
    ended = await service.ask("tom", "DELETE", f"uploads/{open_uploads[0]['id']}", headers=VERSION)
    await service.ask("root", "DELETE", "courses/c1/enrollments/tess")
    assert (len(open_uploads), ended.said) == (20, "204")
    assert (await service.ask("tom", "GET", "courses/c1/uploads")).json["items"] == []


async def test_a_flood_of_reports_fills_no_log_and_delays_nobody(
    start_service: StartService,
) -> None:
    service: Service = await start_service(REPORT_RATE_LIMIT="10/hour")
    course = await new_course(service)
    player, other = await new_player(course), await new_player(course, course.instructor)
    said: list[int] = []
    async with connected(service.url) as wire:
        for sequence in range(FLOOD):
            body = json.dumps(report(session_id=f"s{sequence % 40}", sequence=sequence)).encode()
            target = f"POST {player.grant_path} HTTP/1.1"
            await wire.send(target, "Host: x", f"Content-Length: {len(body)}", body=body)
            said.append((await wire.answer("POST")).status)
            if sequence % 30 == 0:
                await other.say(sequence=sequence)

    row = await service.app[keys.DATABASE].fetch_one(EVENTS, (player.user_id,))
    assert row is not None
    assert said == [200] * 60 + [429] * (FLOOD - 60)
    assert row.count == 60


async def test_a_flood_of_grants_is_refused(start_service: StartService) -> None:
    service: Service = await start_service(STREAM_RATE_LIMIT="5/hour")
    course = await new_course(service)
    video_id = await course.video()

    said = [
        (await service.ask(course.student, "POST", path, {})).status
        for path in [f"videos/{video_id}/playback", "events/grant"] * 10
    ]

    assert said == [201] * 10 + [429] * 10
    assert (await service.ask(course.instructor, "POST", "events/grant", {})).status == 201
