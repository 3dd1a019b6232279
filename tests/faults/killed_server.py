"""`run_server.py serve` that kills itself at a named step; never part of the service.

Reads lines `STEP OUTPUT` and answers each with the process id of a child that serves, its settings
from the environment. STEP is `module:function:before` or `:after` with `#N` for the Nth call, or
`-`. Everything is imported once, so that a start costs milliseconds; each child is a process of
its own, and SIGKILL leaves it no chance to tidy up.
"""

import asyncio
import functools
import importlib
import os
import signal
import sys
from typing import Any, NoReturn

import run_server
from db.pool import Database
from handlers.uploads import form_upload
from storage import videos

IMPORTED = (form_upload, videos, Database)


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still here")


def break_at(step: str) -> None:
    """Patch the function that `step` names, so that the process dies there."""
    place, _, count = step.partition("#")
    module_name, path, moment = place.split(":")
    *owners, name = path.split(".")
    owner: Any = functools.reduce(getattr, owners, importlib.import_module(module_name))
    setattr(owner, name, dying(getattr(owner, name), moment, int(count or 1)))


def dying(function: Any, moment: str, count: int) -> Any:
    """`function`, but its Nth call is the last thing that the process does."""
    left = [count]

    def is_last() -> bool:
        left[0] -= 1
        return left[0] == 0

    @functools.wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        fatal = is_last()
        if fatal and moment == "before":
            die()
        result = function(*arguments, **named)
        if fatal:
            die()
        return result

    @functools.wraps(function)
    async def acall(*arguments: Any, **named: Any) -> Any:
        fatal = is_last()
        if fatal and moment == "before":
            die()
        result = await function(*arguments, **named)
        if fatal:
            die()
        return result

    return acall if asyncio.iscoroutinefunction(function) else call


def serve(step: str, output: str) -> NoReturn:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    if step != "-":
        break_at(step)
    os._exit(run_server.main(["serve"]))


def main() -> None:
    for line in sys.stdin:
        step, output = line.split()
        pid = os.fork()
        if pid == 0:
            serve(step, output)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
