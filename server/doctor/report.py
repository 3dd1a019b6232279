"""The examination as sentences, each kind of fault with the lines to change."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import groupby

from server.doctor.cures import Cure
from server.doctor.examination import Examination
from server.doctor.findings import Observation, Severity

WIDTH = max(len(severity.value) for severity in Severity)
SPELT = {"nginx": "nginx", "haproxy": "HAProxy", "caddy": "Caddy", "apache": "Apache"}


def written(examination: Examination) -> str:
    """Faults come last, before the count: there a terminal shows them."""
    order = list(Severity)
    findings = sorted(
        examination.findings, key=lambda finding: (order.index(finding.severity), finding.code)
    )
    groups = [list(group) for _, group in groupby(findings, key=lambda finding: finding.code)]
    lines = [line for group in groups for line in _lines(group, examination.front)]
    return "\n".join([*lines, _total(findings)])


def _lines(findings: Sequence[Observation], front: Sequence[str]) -> Iterator[str]:
    """Lists each place of one fault where it showed, then its cure."""
    for finding in findings:
        yield f"{finding.severity.value:{WIDTH}}  {finding.sentence}"
    if (cure := findings[0].cure) is not None:
        for name, line in _applicable(cure, front):
            yield f"{'':{WIDTH}}    {name}: {line}"


def _applicable(cure: Cure, front: Sequence[str]) -> list[tuple[str, str]]:
    """The lines of the proxies that showed themselves, else of all."""
    every = [(SPELT[name], line) for name, line in asdict(cure).items() if line]
    return [(name, line) for name, line in every if name in front] or every


def _total(findings: Sequence[Observation]) -> str:
    faults, remarks = (
        sum(finding.severity is severity for finding in findings)
        for severity in (Severity.FAULT, Severity.REMARK)
    )
    begun = _counted(faults, "fault") if faults else "players get what they need"
    return f"{begun}; {_counted(remarks, 'remark')}"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
