"""Signals to sandboxed children of this process, as soon as they are started."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO
from unittest import mock

import msgspec

from storage.sandbox import child_process
from storage.sandbox.forked_child import Child, ForkedChild, fork_child


@contextmanager
def striking(function: str, number: int, times: int) -> Iterator[list[int]]:
    """The first children that carry out `function` get the signal; their ids are in the list."""
    struck: list[int] = []

    async def fork_and_strike(child: Child, order_text: str, content: IO[bytes]) -> ForkedChild:
        forked = await fork_child(child, order_text, content)
        if msgspec.json.decode(order_text)["function"] == function and len(struck) < times:
            os.kill(forked.pid, number)
            struck.append(forked.pid)
        return forked

    with mock.patch.object(child_process, "fork_child", fork_and_strike):
        yield struck
