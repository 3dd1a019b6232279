"""The OpenAPI 3.1 document, built once from the endpoints' declarations and the message types.

Pure except for the handler that serves it. It contains every error of `handlers/errors.py`. A grant
is a path parameter, since OpenAPI has no security scheme in a path.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from aiohttp import hdrs, web

from handlers.access.own_origin import SAFE_METHODS
from handlers.access.session_cookie import PLAIN_NAME, SECURE_NAME
from handlers.errors import (
    PROBLEM_JSON,
    Internal,
    InvalidToken,
    NotAllowed,
    NotEnrolled,
    NotFound,
    Problem,
    RangeNotSatisfiable,
    RateLimited,
    RequestError,
    Unavailable,
)
from handlers.openapi.descriptions import (
    BYTES,
    HEADERS,
    JSON,
    PARAMETERS,
    PATH_PARAMETERS,
    Access,
    Answer,
    Content,
    Operation,
    Tag,
)
from handlers.openapi.endpoints import Endpoint, endpoint

Schema = dict[str, Any]

COOKIE = (
    f"Set by `POST /api/v1/session`; `{PLAIN_NAME}` without TLS. Counts where no Authorization"
    " header is sent, for requests of this origin; a write needs `Origin` or"
    " `Sec-Fetch-Site: same-origin`, else 403."
)

DOCUMENT = web.AppKey("openapi_document", bytes)

REF = "#/components/{}/{}"
IN_PATH = re.compile(r"{(\w+)}")
PROBLEMS_BY_ACCESS: Mapping[Access, tuple[type[RequestError], ...]] = {
    "bearer": (InvalidToken,),
    "optional": (InvalidToken,),
    "grant": (InvalidToken, NotEnrolled),
    "open": (),
}
TOKENS: list[Schema] = [{"bearer": []}, {"cookie": []}]
SECURITY_BY_ACCESS: Mapping[Access, list[Schema]] = {
    "bearer": TOKENS,
    "optional": [*TOKENS, {}],
}
HEADERS_BY_PROBLEM: Mapping[type[RequestError], str] = {
    InvalidToken: "WWW-Authenticate",
    RangeNotSatisfiable: "Content-Range",
    RateLimited: "Retry-After",
    Unavailable: "Retry-After",
}
INTRODUCTION = """\
Course videos: uploaded, streamed by byte range, their progress kept, what happens published as
server-sent events. Times are RFC 3339 UTC, durations and positions seconds, sizes bytes.
Unknown fields of a body are refused. Lists go from the oldest on, a page at a time."""


@endpoint(
    "GET /openapi.json",
    Operation(
        tag=Tag.OPERATING,
        summary="This document",
        answers=(Answer(200, "OpenAPI 3.1.", {JSON: {"type": "object"}}, ("Cache-Control",)),),
    ),
)
async def get_openapi(request: web.Request) -> web.Response:
    return web.Response(
        body=request.app[DOCUMENT],
        content_type=JSON,
        headers={hdrs.CACHE_CONTROL: "no-cache"},
    )


def encode(document: Schema) -> bytes:
    return msgspec.json.encode(document)


def build(endpoints: Iterable[Endpoint]) -> Schema:
    """Builds the document, ordered by tag, then by path."""
    shown_first = list(Tag).index
    ordered = sorted(endpoints, key=lambda one: (shown_first(one.operation.tag), one.path))
    schemas = Schemas(_contents(one.operation for one in ordered))
    paths: dict[str, Schema] = defaultdict(dict)
    for one in ordered:
        name, shown = one.handler.__name__, _operation(one, schemas)
        paths[one.path][one.method.lower()] = {"operationId": name, **shown}
        if one.operation.has_head:
            paths[one.path]["head"] = _head(name, shown)
    return {
        "openapi": "3.1.0",
        "info": {"title": "coursestream", "version": "1", "description": INTRODUCTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": tag} for tag in dict.fromkeys(one.operation.tag for one in ordered)],
        "paths": dict(paths),
        "components": _components(schemas),
    }


def problem_kinds() -> list[type[RequestError]]:
    """Returns the error class of every code, ordered by status: that of the least status, where an
    unknown method or coding (501) shares the code of a known one."""
    ordered = sorted(_narrower(RequestError), key=lambda kind: (kind.status, kind.code))
    by_code: dict[str, type[RequestError]] = {}
    for kind in ordered:
        by_code.setdefault(kind.code, kind)
    return list(by_code.values())


class Schemas:
    """The referenced components: message types and problems."""

    def __init__(self, types: Iterable[Any]) -> None:
        kinds = list(dict.fromkeys([*types, Problem]))
        shown, self.components = msgspec.json.schema_components(
            kinds, ref_template="#/components/schemas/{name}"
        )
        self._shown = dict(zip(kinds, map(_plain, shown), strict=True))
        self.components = {name: _whole(_plain(one)) for name, one in self.components.items()}
        self.problems: Schema = {}

    def content(self, content: Content) -> Schema:
        return {
            media_type: {"schema": self._content_schema(media_type, kind)}
            for media_type, kind in content.items()
        }

    def _content_schema(self, media_type: str, kind: Any) -> Any:
        if _is_message(kind):
            return self._shown[kind]
        return {**kind, "contentMediaType": media_type} if kind is BYTES else kind

    def problem(self, kinds: list[type[RequestError]]) -> Schema:
        """Returns a reference to the response shared by these problems of one status."""
        name = "-".join([str(kinds[0].status), *(kind.code for kind in kinds)])
        self.problems.setdefault(name, self.problem_answer(kinds))
        return {"$ref": REF.format("responses", name)}

    def problem_answer(self, kinds: list[type[RequestError]]) -> Schema:
        headers = [HEADERS_BY_PROBLEM[kind] for kind in kinds if kind in HEADERS_BY_PROBLEM]
        return {
            "description": " ".join(f"`{kind.code}`: {_sentence(kind)}" for kind in kinds),
            "headers": _headers(headers),
            "content": {PROBLEM_JSON: {"schema": self._problem_schema(kinds)}},
        }

    def _problem_schema(self, kinds: list[type[RequestError]]) -> Schema:
        """Returns a reference to `Problem` with these types alone: clients are made of names."""
        name = "".join([*(kind.__name__ for kind in kinds), "Problem"])
        narrow = {"type": "object", "properties": {"type": _problem_types(kinds)}}
        problem = {"$ref": REF.format("schemas", "Problem")}
        self.components.setdefault(name, {"allOf": [problem, narrow]})
        return {"$ref": REF.format("schemas", name)}


def _plain(schema: Any) -> Any:
    r"""Adapts a schema: `\Z` becomes `$`, since JSON Schema uses JavaScript's patterns, a pair of
    numbers becomes two items of one type, since many tools do not support `prefixItems`, and an
    enumeration of one truth value a constant, since they know enumerations of text and numbers."""
    if isinstance(schema, dict):
        if schema.get("enum") in ([True], [False]):
            return {"type": "boolean", "const": schema["enum"][0]}
        if _is_pair(schema):
            schema = {**schema, "items": schema["prefixItems"][0]}
            del schema["prefixItems"]
        return {name: _plain(value) for name, value in schema.items()}
    if isinstance(schema, list):
        return [_plain(value) for value in schema]
    return schema.removesuffix("\\Z") + "$" if _is_pattern(schema) else schema


def _whole(schema: Schema) -> Schema:
    """Marks all properties of sent messages as required; only received ones have defaults.

    One that is neither required nor has a default is left out where it is unset.
    """
    if schema.get("additionalProperties") is False:
        return schema
    required = schema.get("required", ())
    always = [
        name
        for name, value in schema["properties"].items()
        if name in required or "default" in value
    ]
    return {**schema, "required": always}


def _is_pair(schema: Schema) -> bool:
    items = schema.get("prefixItems", ())
    return len(items) == 2 == schema.get("minItems") and items[0] == items[1]


def _is_pattern(value: Any) -> bool:
    return isinstance(value, str) and value.endswith("\\Z")


def _contents(operations: Iterable[Operation]) -> Iterator[Any]:
    """Yields the message types of all bodies and answers."""
    for operation in operations:
        contents = [answer.content for answer in operation.answers]
        contents += [operation.body.content] if operation.body else []
        for content in contents:
            yield from (kind for kind in (content or {}).values() if _is_message(kind))


def _is_message(kind: Any) -> bool:
    return not isinstance(kind, dict)


def _operation(one: Endpoint, schemas: Schemas) -> Schema:
    operation = one.operation
    access = operation.access or _access_of(one.path)
    names = IN_PATH.findall(one.path)
    shown: Schema = {
        "tags": [operation.tag],
        "summary": operation.summary,
        "security": SECURITY_BY_ACCESS.get(access, []),
        "parameters": [
            *({"$ref": REF.format("parameters", f"path.{name}")} for name in names),
            *({"$ref": REF.format("parameters", name)} for name in operation.parameters),
        ],
        "responses": _responses(
            operation, _problems_of(one, access), schemas, is_of_something=bool(names)
        ),
    }
    if operation.body:
        shown["requestBody"] = {
            "required": operation.body.is_required,
            "content": schemas.content(operation.body.content),
        }
    return shown


def _problems_of(one: Endpoint, access: Access) -> tuple[type[RequestError], ...]:
    """Returns the problems of how the caller is known; a write by cookie may be refused."""
    is_write = access == "bearer" and one.method not in SAFE_METHODS
    return (*PROBLEMS_BY_ACCESS[access], *((NotAllowed,) if is_write else ()))


def _access_of(path: str) -> Access:
    if path.startswith("/api/"):
        return "bearer"
    return "grant" if path.startswith("/play/") else "open"


def _responses(
    operation: Operation,
    identifying: tuple[type[RequestError], ...],
    schemas: Schemas,
    *,
    is_of_something: bool,
) -> Schema:
    """Returns answers and problems by status; a path with parameters adds NotFound."""
    by_status: dict[int, list[type[RequestError]]] = defaultdict(list)
    everywhere = (*identifying, Internal, Unavailable)
    missing = (NotFound,) if is_of_something else ()
    for kind in sorted({*operation.problems, *everywhere, *missing}, key=_urn):
        by_status[kind.status].append(kind)
    shown = {str(status): schemas.problem(kinds) for status, kinds in by_status.items()}
    for answer in operation.answers:
        also = by_status.get(answer.status, [])
        problem = schemas.problem_answer(also) if also else {}
        shown[str(answer.status)] = _answer(answer, schemas, problem)
    return dict(sorted(shown.items()))


def _answer(answer: Answer, schemas: Schemas, problem: Schema) -> Schema:
    """Merges `problem`, the error response of the same status, under its own media type."""
    shown: Schema = {"description": answer.description, "headers": _headers(answer.headers)}
    content = schemas.content(answer.content or {}) | problem.get("content", {})
    return {**shown, "content": content} if content else shown


def _problem_types(kinds: Iterable[type[RequestError]]) -> Schema:
    """Returns the enumeration of `type`, with names and meanings as generators know them."""
    kinds = list(kinds)
    return {
        "type": "string",
        "enum": [_urn(kind) for kind in kinds],
        "x-enum-varnames": [kind.code.replace("-", "_").upper() for kind in kinds],
        "x-enum-descriptions": [f"{kind.status} {kind.title}. {_sentence(kind)}" for kind in kinds],
    }


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": REF.format("headers", name)} for name in ("X-Request-ID", *names)}


def _head(name: str, shown: Schema) -> Schema:
    """Returns the operation for HEAD: without bodies, and without ranges, defined for GET only."""
    responses = {
        status: {part: answer[part] for part in answer if part != "content"}
        for status, answer in shown["responses"].items()
        if status not in ("206", "416")
    }
    return {**shown, "operationId": f"{name}_head", "responses": responses}


def _components(schemas: Schemas) -> Schema:
    problem = schemas.components["Problem"]
    problem["properties"]["type"] = _problem_types(problem_kinds())
    return {
        "schemas": schemas.components,
        "responses": schemas.problems,
        "parameters": {**PARAMETERS, **dict(_path_parameters())},
        "headers": {
            name: {"description": description, "schema": {"type": "string"}}
            for name, description in HEADERS.items()
        },
        "securitySchemes": {
            "bearer": {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "JWT",
                "description": "Claims: `sub` and `exp`; `roles` may hold `admin` or `service`.",
            },
            "cookie": {
                "type": "apiKey",
                "in": "cookie",
                "name": SECURE_NAME,
                "description": COOKIE,
            },
        },
    }


def _path_parameters() -> Iterator[tuple[str, Schema]]:
    for name, (description, schema) in PATH_PARAMETERS.items():
        yield (
            f"path.{name}",
            {
                "name": name,
                "in": "path",
                "required": True,
                "description": description,
                "schema": schema,
            },
        )


def _narrower(kind: type[RequestError]) -> Iterator[type[RequestError]]:
    for narrower in kind.__subclasses__():
        yield narrower
        yield from _narrower(narrower)


def _urn(kind: type[RequestError]) -> str:
    return f"urn:coursestream:{kind.code}"


def _sentence(kind: type[RequestError]) -> str:
    return (kind.__doc__ or kind.title).strip()
