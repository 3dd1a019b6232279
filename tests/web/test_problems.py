"""Every error of the service is a sentence in the player, every failure of a file one in lists."""

import re

from handlers.errors import RequestError
from storage.errors import StorageError
from tests.programs.web_build import WEB

TEXTS = (WEB / "src" / "texts" / "player" / "en.ts").read_text()
TABLE = TEXTS.partition("\n  problems: {")[2].partition("\n  },")[0]
SAID = set(re.findall(r'^    "?([a-z-]+)"?: \{', TABLE, re.MULTILINE))

FAILURES = (WEB / "src" / "courses" / "failure.ts").read_text()
REASONS = set(re.findall(r'^  "?([a-z-]+)"?: "', FAILURES, re.MULTILINE))


def _codes(family: type) -> set[str]:
    own = {family.__dict__["code"]} if "code" in family.__dict__ else set()
    return own.union(*map(_codes, family.__subclasses__()))


def test_every_code_of_a_refusal_has_its_sentence() -> None:
    assert len(SAID) > 20
    assert _codes(RequestError) - SAID == set()


def test_the_codes_of_storage_reach_clients_as_those() -> None:
    assert {"undecodable", "no-video", "too-complex"} <= _codes(StorageError) & SAID


def test_every_code_of_a_failed_file_has_its_sentence() -> None:
    assert _codes(StorageError) | {"internal"} == REASONS
