"""deploy/Caddyfile in the Caddy of Debian, on loopback ports."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.deploy.conftest import program
from tests.harness.running import ROOT, wait_for

DEPLOYED = (ROOT / "deploy" / "Caddyfile").read_text()
SITE = "courses.example.org {"
OPTIONS = "{\n\t# What goes wrong"


@contextmanager
def running_caddy(directory: Path, sites: Sequence[str], options: str = "") -> Iterator[list[Path]]:
    """One Caddy with these sites and further global options; the files it logs to."""
    config, output = directory / "Caddyfile", directory / "output"
    before = DEPLOYED[: DEPLOYED.index(SITE)]
    assert OPTIONS in before
    before = before.replace(OPTIONS, f"{{\n{options}{OPTIONS[2:]}")
    config.write_text("\n".join([before, *sites]))
    with output.open("ab") as file:
        process = subprocess.Popen(
            [program("caddy"), "run", "--config", str(config), "--adapter", "caddyfile"],
            stdout=file,
            stderr=subprocess.STDOUT,
            env={"HOME": str(directory), "CADDY_ADMIN": f"unix/{directory}/admin"},
        )
    try:
        wait_for(lambda: "serving initial configuration" in output.read_text(), "Caddy", 20)
        yield [directory / "coursestream.log", output]
    finally:
        process.kill()  # asked to stop, it waits for streams without end
        process.wait(10)


def caddy_site(directory: Path, port: int, upstream_port: int) -> str:
    """Another port and path, no certificate; all else as it is deployed."""
    text = DEPLOYED[DEPLOYED.index(SITE) :]
    for old, new in (
        (SITE, f"http://127.0.0.1:{port} {{"),
        ("127.0.0.1:8080", f"127.0.0.1:{upstream_port}"),
        ("/var/log/caddy/", f"{directory}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    return text
