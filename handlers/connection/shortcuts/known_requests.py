"""Requests whose responses are known: bounds of their store, and templates of response heads.

Both shortcuts use it. The key of a request is its bytes without some digits: hashing them first
took as long as a system call. No HTTP is parsed here.
"""

from collections.abc import Mapping

from aiohttp import hdrs

from handlers.delivery import head

KNOWN_REQUESTS = 10_000
MOST_HEAD_BYTES = 4096  # of a request that is remembered: keys are kept

# Fields that differ between responses; the full path made the rest of the head.
_HOLES = {
    hdrs.CONTENT_LENGTH: "%(length)s",
    hdrs.DATE: "%(date)s",
    "X-Request-ID": "%(request_id)s",
}
# Filled in for each response.
_PER_ANSWER = {
    "date": "%(date)b",
    "length": "%(length)d",
    "first": "%(first)d",
    "last": "%(last)d",
    "request_id": "%(request_id)032x",
}


def head_template(status: int, fields: head.Fields, holes: Mapping[str, str] | None = None) -> str:
    """The head of a response, for `fill`; `holes` maps more fields to their placeholders."""
    template = head.template("1.1", status, fields, {**_HOLES, **(holes or {})})
    # Filled in twice: what is escaped must still be so after the first time.
    return template.replace("%%", "%%%%")


def fill(template: str, **values: str) -> bytes:
    """A head with holes for what differs with each answer: `length`, `request_id`, `date` unless it
    is among the values, and `first` and `last` of a range."""
    escaped = {name: value.replace("%", "%%") for name, value in values.items()}
    return (template % {**_PER_ANSWER, **escaped}).encode()
