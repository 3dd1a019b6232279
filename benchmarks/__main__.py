"""`python -m benchmarks`: outside the isolated place it makes that, inside it measures."""

import subprocess
import sys
import tempfile
from argparse import Namespace
from importlib.util import find_spec

from benchmarks import arguments, comparison, own_server
from benchmarks.clients.load import LoadError
from benchmarks.measurement import isolation
from benchmarks.servers.contenders import CONTENDERS
from benchmarks.servers.processes import CannotStart


def main(given: list[str]) -> int:
    options = arguments.parse(given)
    try:
        if options.inside:
            isolation.prepare_network()
            return comparison.compare(options)
        if options.url:
            return own_server.ask(options)
        return _outside(options, given)
    except (isolation.CannotIsolate, LoadError, CannotStart, own_server.Refused) as exc:
        print(f"benchmarks: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _outside(options: Namespace, given: list[str]) -> int:
    isolation.check_possible()
    for contender in CONTENDERS.values():
        if reason := contender.missing():
            print(f"not measured: {contender.name}: {reason}", file=sys.stderr)
    options.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=options.output) as scratch:
        code = isolation.run_isolated("benchmarks", [*given, "--inside", scratch])
    if code in (0, comparison.WRONG_ANSWERS):
        _plot(options)
    return code


def _plot(options: Namespace) -> None:
    if find_spec("matplotlib") is None:
        print("no plot: matplotlib is not installed (the extra `bench`)", file=sys.stderr)
        return
    results = options.output / comparison.JSON
    subprocess.run([sys.executable, "-m", "benchmarks.plot", str(results)], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
