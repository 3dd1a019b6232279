"""Steps of the work of a process that kills itself right before one of them."""

import os
import signal
from collections.abc import Callable
from typing import Any

from db.pool import Database

FILE_STEPS = ("replace", "link", "mkdir", "unlink", "rmdir", "fsync")


class Steps:
    """Counts them; the one that must not be taken takes the process with it."""

    def __init__(self, die_at: int | None, told: int) -> None:
        self._left = die_at
        self._told = told

    def take(self, name: str) -> None:
        os.write(self._told, f"{name}\n".encode())
        if self._left is not None:
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1

    def before(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **options: Any) -> Any:
            self.take(name)
            return function(*arguments, **options)

        return stepping

    def arm(self) -> None:
        for name in FILE_STEPS:
            setattr(os, name, self.before(name, getattr(os, name)))
        run = Database.run

        async def stepping(self_: Database, connection: Any, sql: str, *rest: Any) -> Any:
            self.take(" ".join(sql.split())[:60])
            return await run(self_, connection, sql, *rest)

        Database.run = stepping  # type: ignore[method-assign, assignment]
