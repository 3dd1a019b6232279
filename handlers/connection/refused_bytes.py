"""Responses to bytes that never become a request: problem details.

aiohttp's own responses repeat the input (a grant, a token), name its version and bypass every
middleware. Errors that it raises between parser and application are converted here, too.
"""

import logging
import os
import re
from collections.abc import Coroutine
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http_exceptions import BadHttpMethod, LineTooLong
from multidict import istr

from handlers.connection.aiohttp_private import ExposedHandler
from handlers.errors import Internal, InvalidRequest, RequestError, UnknownMethod, as_request_error

logger = logging.getLogger(__name__)

SERVER = "coursestream"
# Names that a header's map need not fold to lower case each time.
REQUEST_ID = istr("X-Request-ID")
CONTENT_TYPE_OPTIONS = istr("X-Content-Type-Options")
# The line that the parser shows under its sentence; other bytes than these have no method at all.
_REQUEST_LINE = re.compile(
    r"\n  b['\"][!#$%&'*+.^_`|~0-9A-Za-z-]{1,64} [^ \n]+ HTTP/1\.[01]['\"]\n"
)


class RefusingBytes(ExposedHandler):
    """aiohttp's protocol with these responses; each is the last of its connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Raises ConnectionError where a response has begun already."""
        if isinstance(exc, UnicodeEncodeError) and hdrs.EXPECT in request.headers:
            status = 400  # where nothing is, aiohttp itself repeats an expectation, in UTF-8
        if status >= 500:
            logger.error("a request could not be answered", exc_info=exc)
        else:  # its message may contain anything, a token included
            logger.info("no HTTP request, from %s: %s", request.remote, type(exc).__name__)
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun already")
        response = _answer(_refusal(status, exc))
        response.force_close()
        return response

    def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> Coroutine[Any, Any, tuple[web.StreamResponse, bool]]:
        if isinstance(resp, web.HTTPException):  # raised before the first middleware
            resp = _answer(as_request_error(resp))
        return super().finish_response(request, resp, start_time)


def _refusal(status: int, exc: BaseException | None) -> RequestError:
    if status >= 500:
        return Internal()
    if isinstance(exc, LineTooLong):
        return InvalidRequest("A line of the request's head is too long.")
    if isinstance(exc, BadHttpMethod) and _REQUEST_LINE.search(exc.message):
        return UnknownMethod()
    return InvalidRequest("These bytes are no HTTP request.")


def _answer(exc: RequestError) -> web.Response:
    """Builds the response with the fields that the application adds to its own responses."""
    request_id = os.urandom(16).hex()
    response = exc.answer(request_id)
    response.headers[REQUEST_ID] = request_id
    response.headers[CONTENT_TYPE_OPTIONS] = "nosniff"
    response.headers[hdrs.SERVER] = SERVER
    return response
