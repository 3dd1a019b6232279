"""Findings: a check's verdict in a sentence, and the fault of a proxy's configuration behind it."""

from dataclasses import dataclass
from enum import Enum

from server.doctor.cures import CURES, Cure


class Verdict(Enum):
    """The value is the word before the sentence."""

    OK = "ok"
    REMARK = "remark"
    SKIPPED = "skipped"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` names the fault in CURES; checks that are in order have none."""

    verdict: Verdict
    sentence: str
    code: str = ""

    @property
    def cure(self) -> Cure | None:
        return CURES.get(self.code)


def ok(sentence: str) -> Finding:
    return Finding(Verdict.OK, sentence)


def remark(sentence: str, code: str = "") -> Finding:
    """Something to improve or to know; players work."""
    return Finding(Verdict.REMARK, sentence, code)


def skipped(sentence: str) -> Finding:
    return Finding(Verdict.SKIPPED, sentence)


def fault(code: str, sentence: str) -> Finding:
    return Finding(Verdict.FAULT, sentence, code)
