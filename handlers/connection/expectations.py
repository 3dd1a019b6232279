"""`Expect: 100-continue` (RFC 9110 section 10.1.1); a packed body is never asked for."""

from aiohttp import HttpVersion11, hdrs, web

from handlers.header_values import is_packed

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def answer_expectation(request: web.Request) -> None:
    """Asks for the body, unless it is packed: then the final response says so at once.

    Raises: HTTPExpectationFailed for any other expectation.
    """
    if request.version != HttpVersion11:
        return
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed
    if not is_packed(request.headers):
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # an interim response is none that has begun
