"""An endpoint: path, method and description, declared beside its handler.

`endpoint` marks a handler; `declared` finds all that are marked below a package, so that adding an
endpoint touches its own file only. A handler without a description cannot be marked.
"""

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

from aiohttp import hdrs, web

from handlers.connection.expectations import answer_expectation
from handlers.openapi.descriptions import Operation

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
SomeHandler = TypeVar("SomeHandler", bound=Handler)

_MARK = "__endpoint__"
_FREQUENT = frozenset({"playback", "progress"})


class Undescribed(Exception):
    """A route has no description."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method of one path. `has_implied_head`: aiohttp answers HEAD by the handler of GET."""

    method: str
    path: str
    operation: Operation
    handler: Handler
    has_implied_head: bool = True

    def route(self) -> web.RouteDef:
        if self.method == hdrs.METH_GET:
            return web.get(
                self.path,
                self.handler,
                allow_head=self.has_implied_head,
                expect_handler=answer_expectation,
            )
        return web.route(self.method, self.path, self.handler, expect_handler=answer_expectation)


def endpoint(
    route: str, operation: Operation, *, has_implied_head: bool = True
) -> Callable[[SomeHandler], SomeHandler]:
    """Declares a handler: `route` is a method and a path, `"GET /api/v1/courses"`."""
    method, _, path = route.partition(" ")

    def mark(handler: SomeHandler) -> SomeHandler:
        setattr(handler, _MARK, Endpoint(method, path, operation, handler, has_implied_head))
        return handler

    return mark


def declared(package: ModuleType) -> list[Endpoint]:
    """Returns the endpoints of all modules below `package`, in routing order.

    aiohttp tries one path after the other and takes the first that matches, so literal segments
    come before variable ones, and of literals those that most requests ask for.
    """
    return sorted(_all(package), key=_place)


def require_description(router: web.UrlDispatcher) -> None:
    """Raises Undescribed for a route that was added without a declaration."""
    for route in router.routes():
        if not isinstance(getattr(route.handler, _MARK, None), Endpoint):
            raise Undescribed(f"{route.method} {route.resource}: declare it with @endpoint")


def _all(package: ModuleType) -> Iterator[Endpoint]:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(found.name)
        for value in vars(module).values():
            mark = getattr(value, _MARK, None)
            if isinstance(mark, Endpoint) and value.__module__ == module.__name__:
                yield mark


def _place(one: Endpoint) -> tuple[object, ...]:
    segments = one.path.split("/")
    return ([("{" in each, each not in _FREQUENT, each) for each in segments], one.method)
