"""`Expect: 100-continue` (RFC 9110 section 10.1.1); no encoded body is requested."""

from aiohttp import HttpVersion11, hdrs, web

from handlers.header_values import has_unknown_coding, is_packed

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


async def answer_expectation(request: web.Request) -> None:
    """Requests the body with 100, unless it is encoded: then the final response refuses it.

    Raises: HTTPExpectationFailed for any other expectation.
    """
    if request.version != HttpVersion11:
        return
    if request.headers[hdrs.EXPECT].lower() != "100-continue":
        raise web.HTTPExpectationFailed
    if not (is_packed(request.headers) or has_unknown_coding(request.headers)):
        await request.writer.write(CONTINUE)
        request.writer.output_size = 0  # an interim response does not begin the final one
