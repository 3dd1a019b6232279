"""Orders over HTTP: of the modules of a course, of the videos of a module."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import pytest

from handlers import keys


async def shown_modules(service: Any, who: str = "ada") -> list[str]:
    course = (await service.ask(who, "GET", "courses/c1")).json
    return [module["id"] for module in course["modules"]]


async def shown_videos(service: Any, who: str = "tess") -> list[str]:
    course = (await service.ask(who, "GET", "courses/c1")).json
    return [video["id"] for module in course["modules"] for video in module["videos"]]


async def updates(service: Any) -> list[tuple[str, str]]:
    """The videos that the log reports as changed, and by whom."""
    rows = await service.app[keys.DATABASE].fetch_all(
        "SELECT video_id::text AS id, user_id FROM event_log WHERE type = 'video.updated'"
        " ORDER BY id"
    )
    return [(row.id, row.user_id) for row in rows]


async def test_modules_are_put_into_an_order(service: Any) -> None:
    for number in (2, 3):
        await service.put(f"courses/c1/modules/m{number}", {"title": "More", "position": number})

    answer = await service.ask("tess", "PUT", "courses/c1/order", {"modules": ["m3", "m1", "m2"]})

    placed = answer.json["modules"]
    assert answer.said == "200"
    assert [module["id"] for module in placed] == ["m3", "m1", "m2"]
    assert await shown_modules(service) == ["m3", "m1", "m2"]
    course = (await service.ask("ada", "GET", "courses/c1")).json
    shown = [{"id": one["id"], "position": one["position"]} for one in course["modules"]]
    assert shown == placed


async def test_videos_are_put_into_an_order_and_those_that_moved_are_published(
    service: Any,
) -> None:
    first, second, third = [await service.video_row(status="ready") for _ in range(3)]
    unready = await service.video_row(status="processing")
    order = [third, unready, first, second]

    answer = await service.ask("tess", "PUT", "modules/m1/order", {"videos": order})
    again = await service.ask("tess", "PUT", "modules/m1/order", {"videos": order})

    placed = answer.json["videos"]
    assert (answer.said, again.said, again.json) == ("200", "200", answer.json)
    assert [video["id"] for video in placed] == order
    assert [video["position"] is None for video in placed] == [False, False, True, True]
    assert await shown_videos(service) == order
    assert await shown_videos(service, "ada") == [third, first, second]
    assert sorted(await updates(service)) == sorted([(third, "tess"), (unready, "tess")])
    shown = (await service.ask("tess", "GET", f"videos/{third}")).json
    assert shown["position"] == placed[0]["position"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda videos: videos[1:], id="one is missing"),
        pytest.param(lambda videos: [*videos, str(UUID(int=9))], id="an unknown one"),
        pytest.param(lambda videos: [*videos[1:], str(uuid4())], id="another one"),
        pytest.param(lambda videos: [*videos, videos[0]], id="one twice"),
        pytest.param(lambda videos: [videos[0], videos[0]], id="one twice, one missing"),
    ],
)
async def test_order_of_other_videos_moves_none(service: Any, change: Any) -> None:
    made = [await service.video_row() for _ in range(2)]

    order = {"videos": change(made)[::-1]}
    answer = await service.ask("tess", "PUT", "modules/m1/order", order)

    assert answer.said == "409 order-mismatch"
    assert await shown_videos(service) == made
    assert await updates(service) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        pytest.param("modules/m1/order", {}, id="nothing"),
        pytest.param("modules/m1/order", {"videos": None}, id="null"),
        pytest.param("modules/m1/order", {"videos": ["v1"]}, id="no UUID"),
        pytest.param("modules/m1/order", {"videos": [], "modules": []}, id="another field"),
        pytest.param("courses/c1/order", {"modules": [1]}, id="a number"),
        pytest.param("courses/c1/order", {"modules": ["../m1"]}, id="no identifier"),
        pytest.param("courses/c1/order", {"modules": ["m"] * 10_001}, id="too many"),
    ],
)
async def test_order_that_makes_no_sense_is_refused(service: Any, path: str, body: Any) -> None:
    assert (await service.ask("tess", "PUT", path, body)).said == "400 invalid-request"
    assert await shown_modules(service) == ["m1"]


async def test_deleted_video_has_no_place_in_an_order(service: Any) -> None:
    kept, deleted = [await service.video_row() for _ in range(2)]
    await service.ask("tess", "DELETE", f"videos/{deleted}")

    refused = await service.ask("tess", "PUT", "modules/m1/order", {"videos": [deleted, kept]})
    taken = await service.ask("tess", "PUT", "modules/m1/order", {"videos": [kept]})

    assert (refused.said, taken.said) == ("409 order-mismatch", "200")


async def test_orders_at_once_leave_one_of_them(service: Any) -> None:
    made = [await service.video_row() for _ in range(6)]
    orders = [made[turn:] + made[:turn] for turn in range(1, 6)]

    answers = await asyncio.gather(
        *(service.ask("tess", "PUT", "modules/m1/order", {"videos": order}) for order in orders)
    )

    assert [answer.said for answer in answers] == ["200"] * 5
    assert await shown_videos(service) in orders


async def test_long_module_is_put_into_an_order(service: Any) -> None:
    """2,000 ids are more bytes than other bodies may have."""
    made = [await service.video_row() for _ in range(2)]
    many = [str(UUID(int=number)) for number in range(2_000)]

    answer = await service.ask("tess", "PUT", "modules/m1/order", {"videos": [*made, *many]})

    assert answer.said == "409 order-mismatch"
