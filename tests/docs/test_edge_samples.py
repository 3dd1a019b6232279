"""The code of docs/edges.md, as it stands there."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from uuid import UUID

import pytest

from handlers.access.signatures.cdn_signatures import HmacLink

PAGE = Path(__file__).resolve().parents[2] / "docs" / "edges.md"
KEY, VIDEO, EXPIRES = "k" * 32, UUID(int=7), 1_900_000_000
GENUINE = f"{HmacLink(KEY).sign(VIDEO, EXPIRES).path}v480-0123456789abcdef.mp4"
CALL = """
const asked = JSON.parse(process.argv[1]);
const answered = Promise.all(asked.map((one) => originPath(...one)));
answered.then((paths) => console.log(JSON.stringify(paths)));
"""


def test_the_worker_admits_our_signature_and_no_other() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    (code,) = re.findall(r"```js\n(.*?)```", PAGE.read_text(), re.DOTALL)
    asked = [
        (GENUINE, KEY, EXPIRES - 1),
        (GENUINE, KEY, EXPIRES),
        (GENUINE, "x" * 32, EXPIRES - 1),
        (GENUINE.replace(f"/{EXPIRES}/", f"/{EXPIRES + 1}/"), KEY, EXPIRES - 1),
        (GENUINE.replace(str(VIDEO), str(UUID(int=8))), KEY, EXPIRES - 1),
        (f"/play/grant/{VIDEO}/source.mp4", KEY, EXPIRES - 1),
    ]

    answer = subprocess.run(
        [node, "-e", code + CALL, json.dumps(asked)], capture_output=True, text=True, check=True
    )

    admitted = f"/media/{VIDEO}/v480-0123456789abcdef.mp4"
    assert json.loads(answer.stdout) == [admitted, None, None, None, None, None]
