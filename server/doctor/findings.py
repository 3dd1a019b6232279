"""Findings: a check's result in a sentence, and the fault of a proxy's configuration behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from server.doctor.cures import CURES, Cure


class Severity(Enum):
    """The value is the word before the sentence."""

    OK = "ok"
    REMARK = "remark"
    SKIPPED = "skipped"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Observation:
    """`code` names the fault in CURES; checks that are in order have none."""

    severity: Severity
    sentence: str
    code: str = ""

    @property
    def cure(self) -> Cure | None:
        return CURES.get(self.code)


def ok(sentence: str) -> Observation:
    return Observation(Severity.OK, sentence)


def remark(sentence: str, code: str = "") -> Observation:
    """Something to improve or to know; players work."""
    return Observation(Severity.REMARK, sentence, code)


def skipped(sentence: str) -> Observation:
    return Observation(Severity.SKIPPED, sentence)


def fault(code: str, sentence: str) -> Observation:
    return Observation(Severity.FAULT, sentence, code)


def blocks(findings: Sequence[Observation]) -> bool:
    return any(one.severity is Severity.FAULT for one in findings)
