from pathlib import Path
from typing import Any

import pytest

from tests.harness.waiting import wait_until
from tests.service.receiving import SECRET, receiving

URL = "https://hooks.example/coursestream"
HOOK = {"url": URL, "types": ["video.ready", "enrollment.changed"]}


async def test_a_new_webhook_gets_a_secret_that_only_its_answer_shows(service: Any) -> None:
    made = await service.ask("root", "PUT", "webhooks/w1", HOOK)
    again = await service.ask("root", "PUT", "webhooks/w1", HOOK)
    shown = await service.ask("svc", "GET", "webhooks/w1")
    (listed,) = (await service.ask("root", "GET", "webhooks")).json["items"]

    assert made.said == "201"
    assert made.json["secret"].startswith("whsec_")
    assert again.said == "200"
    assert shown.json["types"] == ["enrollment.changed", "video.ready"]
    assert shown.json["dead_letters"] == {"items": [], "next_cursor": None}
    for answer in (again.json, shown.json, listed):
        assert answer["url"] == URL
        assert "secret" not in answer


async def test_a_secret_that_was_given_is_never_shown_and_not_stored_as_it_is(
    service: Any,
) -> None:
    made = await service.ask("root", "PUT", "webhooks/w1", {**HOOK, "secret": SECRET})
    stored = await service.rows("SELECT * FROM webhooks")

    assert "secret" not in made.json
    assert SECRET.removeprefix("whsec_") not in str(stored)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"url": "ftp://hooks.example/"}, id="another scheme"),
        pytest.param({"url": "https:///path"}, id="no host"),
        pytest.param({"url": "https://u:p@hooks.example/"}, id="a password"),
        pytest.param({"url": "https://hooks.example/#top"}, id="a fragment"),
        pytest.param({"url": "https://hooks.example:99999/"}, id="no port"),
        pytest.param({"url": "https://[::1/"}, id="no address"),
        pytest.param({"url": "http://127.0.0.1/"}, id="a private address"),
        pytest.param({"url": "http://[::ffff:10.0.0.1]/"}, id="a private address, mapped"),
        pytest.param({"url": "http://2130706433/"}, id="a private address, one number"),
        pytest.param({"types": []}, id="no types"),
        pytest.param({"types": ["video.watched"]}, id="an unknown type"),
        pytest.param({"types": ["reset"]}, id="a type of streams alone"),
        pytest.param({"secret": "short"}, id="no secret"),
        pytest.param({"secrets": SECRET}, id="an unknown field"),
    ],
)
async def test_what_is_no_webhook_is_refused(service: Any, change: dict[str, Any]) -> None:
    answer = await service.ask("root", "PUT", "webhooks/w1", {**HOOK, **change})

    assert answer.said == "400 invalid-request"
    assert (await service.ask("root", "GET", "webhooks/w1")).said == "404 not-found"


async def test_from_change_to_receiver_and_back_from_the_dead(start_service: Any) -> None:
    service = await start_service(WEBHOOK_PRIVATE="on")
    await service.put("courses/c1", {"title": "Course one"})
    async with receiving() as receiver:
        body = {"url": receiver.url, "types": ["enrollment.changed"], "secret": SECRET}
        assert (await service.ask("root", "PUT", "webhooks/w1", body)).said == "201"
        await service.put("courses/c1/enrollments/ada", {"role": "student"})
        await wait_until(lambda: receiver.accepted)
        (received,) = receiver.accepted
        await wait_until(
            lambda: service.rows("SELECT FROM webhook_deliveries"), lambda left: not left
        )
        await service.execute(
            "INSERT INTO webhook_deliveries (webhook_id, event_id, type, course_id, user_id,"
            " occurred_at, payload, failure, died_at) SELECT 'w1', id, type, course_id, user_id,"
            " occurred_at, payload, 'status 500', now() FROM event_log"
        )
        shown = await service.ask("root", "GET", "webhooks/w1")
        named = {"ids": [received.id]}
        none = await service.ask("root", "POST", "webhooks/w1/resend", {"ids": ["evt_999"]})
        resent = await service.ask("root", "POST", "webhooks/w1/resend", named)
        await wait_until(lambda: len(receiver.accepted), lambda count: count == 2)

    (letter,) = shown.json["dead_letters"]["items"]
    assert letter["id"] == received.id
    assert letter["data"] == received.message["data"]
    assert (shown.json["dead"], letter["failure"]) == (1, "status 500")
    assert none.json == {"resent": 0}
    assert (resent.said, resent.json) == ("202", {"resent": 1})
    assert receiver.ids == [received.id] * 2


async def test_dead_letters_are_paged(service: Any) -> None:
    await service.ask("root", "PUT", "webhooks/w1", HOOK)
    await service.execute(
        "INSERT INTO webhook_deliveries (webhook_id, event_id, type, course_id, user_id,"
        " occurred_at, payload, failure, died_at) SELECT 'w1', n, 'enrollment.changed', 'c1', 'u',"
        """ now(), '{"role": null, "version": 1}', 'status 500', now()"""
        " FROM generate_series(1, 3) n"
    )

    first = (await service.ask("root", "GET", "webhooks/w1?limit=2")).json["dead_letters"]
    rest = await service.ask("root", "GET", f"webhooks/w1?limit=2&cursor={first['next_cursor']}")

    assert [one["id"] for one in first["items"]] == ["evt_1", "evt_2"]
    assert [one["id"] for one in rest.json["dead_letters"]["items"]] == ["evt_3"]
    assert rest.json["dead_letters"]["next_cursor"] is None


async def test_a_deleted_webhook_is_gone_with_what_waited(service: Any) -> None:
    await service.ask("root", "PUT", "webhooks/w1", HOOK)

    assert (await service.ask("root", "DELETE", "webhooks/w1")).said == "204"
    assert (await service.ask("root", "GET", "webhooks/w1")).said == "404 not-found"
    assert (await service.ask("root", "GET", "webhooks")).json["items"] == []


async def test_the_record_store_of_the_settings_is_not_put(service: Any) -> None:
    assert (await service.ask("root", "PUT", "webhooks/xapi", HOOK)).said == "400 invalid-request"


async def test_there_are_at_most_a_hundred(service: Any) -> None:
    await service.execute(
        "INSERT INTO webhooks (id, kind, url, types, sealed_secret, position)"
        " SELECT 'w' || n, 'webhook', 'https://h/', '{video.ready}', '', 0"
        " FROM generate_series(1, 100) n"
    )

    assert (await service.ask("root", "PUT", "webhooks/w101", HOOK)).said == "400 invalid-request"
    assert (await service.ask("root", "PUT", "webhooks/w100", HOOK)).said == "200"


async def test_a_record_store_of_the_settings_is_shown_and_only_they_take_it_away(
    start_service: Any, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    key.write_text("lrs:secret")
    service = await start_service(XAPI_ENDPOINT="https://lrs.invalid", XAPI_KEY_FILE=str(key))

    shown = await service.ask("root", "GET", "webhooks/xapi")

    assert shown.json["kind"] == "xapi"
    assert shown.json["url"] == "https://lrs.invalid"
    assert "playback.completed" in shown.json["types"]
    assert (await service.ask("root", "DELETE", "webhooks/xapi")).said == "400 invalid-request"
