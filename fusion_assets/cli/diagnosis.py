"""Findings and how they are collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fusion_assets.cli import interruption
from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import ExportRequest, NoScenes
from fusion_assets.imagery.engines.tolerance import tolerated
from fusion_assets.redaction import redacted

if TYPE_CHECKING:
    from fusion_assets.imagery.scenes import Scene

_SHOWN = 300


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis.

    Attributes:
        subject: what was looked at.
        state: `ok`, `FAIL`, or `--` where it was not tried because of another finding.
        text: what was found and, where that is wrong, what to do.
    """

    subject: str
    state: Literal["ok", "FAIL", "--"]
    text: str

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong."""
        return self.state == "ok"


class Diagnosis:
    """Findings in the order in which they were looked for."""

    def __init__(self) -> None:
        self.findings: list[Finding] = []

    def look(self, subject: str, work: Callable[[], str], *needs: str) -> None:
        """Add a finding; one that needs another subject is not tried where that was not fine."""
        interruption.check()
        fine = {finding.subject for finding in self.findings if finding.fine}
        missing = next((need for need in needs if need not in fine), None)
        if missing is not None:
            self.findings.append(Finding(subject, "--", f"not tried: first see to {missing}"))
            return
        try:
            self.findings.append(Finding(subject, "ok", work()))
        except Exception as error:
            self.findings.append(_failed(subject, error))

    def gather(self, subject: str, work: Callable[[], object]) -> None:
        """Add the findings of `work`, which looks at several things; one of its own where it does not come to its end.

        Args:
            subject: of that finding.
            work: calls `look`.
        """
        try:
            work()
        except Exception as error:
            self.findings.append(_failed(subject, error))


def _failed(subject: str, error: Exception) -> Finding:
    """What is wrong; whatever libraries raise is named, for the other findings must not be lost with it."""
    if isinstance(error, FusionError):
        return Finding(subject, "FAIL", str(error))
    said = next(iter(redacted(error).splitlines()), "")[:_SHOWN]
    text = f"could not be looked at: {type(error).__name__}" + (f": {said}" if said else "")
    return Finding(subject, "FAIL", text)


def usable(scenes: Sequence[Scene], request: ExportRequest, tolerance: float) -> int:
    """How many scenes a run would use.

    Raises:
        FusionError: more cannot be used than the study tolerates.
    """
    problems = {scene.id: scene.problem for scene in scenes}
    return len(problems) - len(tolerated(problems, request.partition, tolerance))


def _shown(answer: int | FusionError) -> str:
    """A count; none that is known, or none that could be made."""
    return str(answer) if isinstance(answer, int) else "0" if isinstance(answer, NoScenes) else "?"


def counted(requests: Callable[[], list[ExportRequest]], count: Callable[[ExportRequest], int], at_once: int) -> str:
    """Scenes of every region, year by year.

    Raises:
        FusionError: not for every one of them; shows the first error.
    """

    def number(request: ExportRequest) -> int | FusionError:
        try:
            return count(request)
        except FusionError as error:
            return error

    wanted = requests()
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(number, wanted))
    lines: dict[str, list[str]] = {}
    for request, answer in zip(wanted, answers, strict=True):
        lines.setdefault(request.region, []).append(f"{_shown(answer)} in {request.year}")
    text = "; ".join(f"{region}: {', '.join(parts)}" for region, parts in lines.items())
    for answer in answers:
        if isinstance(answer, FusionError):
            raise FusionError(f"{text}; {answer.found}", answer.expected, answer.remedy)
    return text
