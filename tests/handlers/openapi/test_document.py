"""The document is OpenAPI, and tells of every route, problem and message."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web
from openapi_spec_validator import OpenAPIV31SpecValidator

import handlers
from handlers.openapi import document as openapi
from handlers.openapi.endpoints import Endpoint, Undescribed, declared, require_description
from tests.handlers.conftest import Service

CODES = """
    invalid-request invalid-token not-enrolled not-allowed not-found module-elsewhere
    method-not-allowed not-acceptable not-ready failed precondition-failed range-not-satisfiable
    offset-mismatch checksum-mismatch locked empty too-large over-quota unsupported-format
    undecodable no-video too-complex rate-limited unavailable internal licence-refused
    order-mismatch
"""


@pytest.fixture(scope="module")
def document() -> Any:
    return json.loads(openapi.encode(openapi.build(declared(handlers))))


NO_TOKEN = {("/api/v1/session", "get"), ("/api/v1/session", "delete")}


def operations_of(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def test_is_valid_openapi(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


@pytest.mark.parametrize("one", declared(handlers), ids=lambda one: f"{one.method} {one.path}")
def test_each_endpoint_is_described(document: Any, one: Endpoint) -> None:
    described = document["paths"][one.path][one.method.lower()]

    assert described["summary"]
    assert any(status.startswith("2") for status in described["responses"])


def test_route_without_a_description_keeps_the_server_from_starting() -> None:
    async def undescribed(request: web.Request) -> web.Response:
        return web.Response()

    app = web.Application()
    app.add_routes([one.route() for one in declared(handlers)])
    require_description(app.router)
    app.router.add_get("/new", undescribed)

    with pytest.raises(Undescribed, match="/new"):
        require_description(app.router)


def test_literal_paths_are_tried_before_variable_ones() -> None:
    paths = [one.path for one in declared(handlers) if one.method == "GET"]

    asset = paths.index("/play/{grant}/{video_id}/{asset}")
    assert paths.index("/play/{grant}/{video_id}/chapters") < asset


def test_paths_that_most_requests_ask_for_are_tried_first() -> None:
    paths = list(dict.fromkeys(one.path for one in declared(handlers)))

    beside = [path for path in paths if path.startswith("/api/v1/videos/{video_id}/")]
    assert beside[:2] == [
        f"/api/v1/videos/{{video_id}}/{last}" for last in ("playback", "progress")
    ]


def test_each_problem_code_is_listed_with_its_meaning(document: Any) -> None:
    types = document["components"]["schemas"]["Problem"]["properties"]["type"]

    expected = {f"urn:coursestream:{code}" for code in CODES.split()}
    assert set(types["enum"]) == expected
    assert len(types["enum"]) == len(types["x-enum-varnames"]) == len(expected)
    for meaning in types["x-enum-descriptions"]:
        assert re.fullmatch(r"[45]\d\d [A-Z][a-z ]+\. [A-Z].+", meaning, re.S)


def test_each_error_lists_its_problems_by_name(document: Any) -> None:
    for answers in document["components"]["responses"].values():
        (content,) = answers["content"].values()
        name = content["schema"]["$ref"].rpartition("/")[2]
        whole, narrow = document["components"]["schemas"][name]["allOf"]
        assert whole == {"$ref": "#/components/schemas/Problem"}
        assert narrow["properties"]["type"]["enum"]


def test_files_are_strings_of_bytes_with_their_media_type(document: Any) -> None:
    found = {}
    for _, _, operation in operations_of(document):
        for answer in operation["responses"].values():
            found |= answer.get("content", {})
    media = {"video/mp4", "video/webm", "image/jpeg", "image/avif", "multipart/byteranges"}

    assert media <= found.keys()
    for media_type in media:
        expected = {"type": "string", "format": "binary", "contentMediaType": media_type}
        assert found[media_type]["schema"] == expected


def test_every_call_of_the_api_needs_a_token(document: Any) -> None:
    for path, method, operation in operations_of(document):
        # tus asks before it has one; pages ask for a session, and end it, without one
        if path.startswith("/api/") and method != "options" and (path, method) not in NO_TOKEN:
            assert operation["security"] == [{"bearer": []}, {"cookie": []}]
            assert "401" in operation["responses"]


def test_each_name_in_a_path_is_a_parameter(document: Any) -> None:
    for path, _, operation in operations_of(document):
        named = [one["$ref"].rpartition("/path.")[2] for one in operation["parameters"]]
        assert [name for name in named if "/" not in name] == openapi.IN_PATH.findall(path)


def test_operation_names_are_unique(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations_of(document)]

    assert len(names) == len(set(names))


def test_what_is_sent_is_sent_whole(document: Any) -> None:
    schemas = document["components"]["schemas"]

    assert schemas["ProgressView"]["required"] == list(schemas["ProgressView"]["properties"])
    assert "delayed_s" not in schemas["ProgressPut"]["required"]


def test_patterns_are_those_of_javascript(document: Any) -> None:
    assert "\\\\Z" not in json.dumps(document)


def test_head_is_described_without_ranges(document: Any) -> None:
    head = document["paths"]["/api/v1/videos/{video_id}/stream"]["head"]

    assert {"200", "304", "412"} <= head["responses"].keys()
    assert not {"206", "416"} & head["responses"].keys()


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/api/v1/courses", "get", {"limit", "cursor"}),
        ("/api/v1/courses/{course_id}/progress", "get", {"of_user", "limit", "cursor"}),
        ("/api/v1/videos/{video_id}/stream", "get", {"format", "Accept", "Range", "If-Range"}),
        ("/play/{grant}/{video_id}/{asset}", "get", {"Range", "If-Match", "If-None-Match"}),
        ("/api/v1/events", "get", {"types", "of_video", "Last-Event-ID", "last_event_id"}),
    ],
)
def test_parameters_are_described(
    document: Any, path: str, method: str, expected: set[str]
) -> None:
    parameters = document["paths"][path][method]["parameters"]

    assert expected <= {one["$ref"].removeprefix("#/components/parameters/") for one in parameters}


@pytest.mark.parametrize(
    ("path", "method", "status", "media_type"),
    [
        ("/api/v1/videos/{video_id}/stream", "get", "206", "multipart/byteranges"),
        ("/api/v1/events", "get", "200", "text/event-stream"),
        ("/readyz", "get", "503", "application/json"),
        ("/metrics", "get", "200", "text/plain"),
    ],
)
def test_answers_that_are_no_json_are_described(
    document: Any, path: str, method: str, status: str, media_type: str
) -> None:
    assert media_type in document["paths"][path][method]["responses"][status]["content"]


def test_upload_is_a_form(document: Any) -> None:
    upload = document["paths"]["/api/v1/modules/{module_id}/videos"]["post"]
    form = upload["requestBody"]["content"]["multipart/form-data"]["schema"]

    assert list(form["properties"]) == ["title", "file"]
    assert "Location" in upload["responses"]["201"]["headers"]


@pytest.mark.asyncio(loop_scope="module")
async def test_is_served_without_a_token(shared_service: Service, document: Any) -> None:
    answer = await shared_service.ask(None, "GET", "/openapi.json")

    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
    assert answer.json == document
