"""Each address of the host's name: browsers try some of them, and wait for one that is silent."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from server.doctor.client import DEFAULT_PORTS
from server.doctor.findings import Observation, fault, ok, skipped

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
TIMEOUT_S = 5.0
NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL)  # from this machine


async def resolve(host: str, port: int) -> Sequence[str]:
    """Raises: OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def examine_addresses(url: str, resolved: Resolve = resolve) -> list[Observation]:
    """Nothing where there is but one, for `localhost`, and where none answers: others tell."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme]
    if host == "localhost":
        return []
    try:
        addresses = await resolved(host, port)
    except OSError:
        return []
    outcomes = await asyncio.gather(*(_outcome(address, port) for address in addresses))
    if len(addresses) < 2 or None not in outcomes:
        return []
    found = []
    for address, failure in zip(addresses, outcomes, strict=True):
        if failure is not None and failure.errno in NO_WAY:
            found.append(skipped(f"{address} of {host}: no way to it from here ({failure})"))
        elif failure is not None:
            said = str(failure) or f"no answer in {TIMEOUT_S:g} s"
            sentence = f"{address}, an address of {host}, does not answer: {said}"
            found.append(fault("address-silent", f"{sentence}. Others do: some viewers wait"))
    return found or [ok(f"all {len(addresses)} addresses of {host} answer")]


async def _outcome(address: str, port: int) -> OSError | None:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(address, port)
    except OSError as exc:  # TimeoutError as well
        return exc
    writer.close()
    return None
