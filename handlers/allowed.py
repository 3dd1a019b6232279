"""What a path names, once the caller has a right to it: no endpoint gets one without the other."""

from aiohttp import web

from db import courses
from db.courses import Course, Module
from handlers import keys
from handlers.access.rules import Right
from handlers.messages import identifier


async def allowed_course(request: web.Request, right: Right) -> Course:
    """The course of the path. Raises as `Access.require`, and InvalidRequest."""
    course = await courses.get_course(request.app[keys.DATABASE], identifier(request, "course_id"))
    await _require(request, course.id if course else None, right)
    assert course is not None
    return course


async def allowed_module(request: web.Request, right: Right) -> Module:
    """The module of the path, and of its course where the path names one. Raises as above."""
    module = await courses.get_module(request.app[keys.DATABASE], identifier(request, "module_id"))
    if module and "course_id" in request.match_info:
        module = module if module.course_id == identifier(request, "course_id") else None
    await _require(request, module.course_id if module else None, right)
    assert module is not None
    return module


async def _require(request: web.Request, course_id: str | None, right: Right) -> None:
    await request.app[keys.ACCESS].require(request[keys.VIEWER], course_id, right)
