"""`run_server.py import-s3` that kills itself at a named step; never part of the service.

Reads lines of JSON, `[STEP, ARGUMENTS]`, and answers each with the status of the child's end.
"""

import json
import os
import sys

import run_server
from server.takeover import import_s3
from tests.faults.killed_server import break_at

IMPORTED = (import_s3,)


def take_over(step: str, arguments: list[str]) -> int:
    os.dup2(2, 1)
    if step != "-":
        break_at(step)
    return run_server.main(["import-s3", *arguments])


def main() -> None:
    for line in sys.stdin:
        step, arguments = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os._exit(take_over(step, arguments))
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main()
