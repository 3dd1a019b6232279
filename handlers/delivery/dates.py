"""The Date of answers."""

import time

from handlers.delivery.conditional import http_date


class DateText:
    """The time of now, written once a second."""

    def __init__(self) -> None:
        self._second = 0
        self._text = ""

    def text(self) -> str:
        now = int(time.time())
        if now != self._second:
            self._second, self._text = now, http_date(now)
        return self._text
