"""What `fusion run`, `fusion demo` and `fusion status` do: a plan of a study, made or looked at, with its progress."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from fusion_assets.cli.runner import AskedNow, Outcome, foreseen_steps, run_steps
from fusion_assets.cli.steps import Step, check_engine_makes, plan
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.orchestration.instance import end_own_runs, opened_instance, prepare_home, settle_dead_runs
from fusion_assets.orchestration.system import needs_of, present, sections_of
from fusion_assets.redaction import redacted
from fusion_assets.storage.root import Storage
from fusion_assets.study.provenance import export_request
from fusion_assets.study.stored_outlines import configured_study
from fusion_assets.systems.registry import SYSTEMS

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import Console
    from rich.progress import Progress

    from fusion_assets.orchestration.site import Site
    from fusion_assets.settings import Settings

_COLOURS = {"failed": "bold red", "missing": "yellow", "stale": "yellow"}


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A study with the steps that a command is about.

    Attributes:
        site: of the study.
        definitions: of its code location.
        steps: in dependency order.
        asked_now: what an export asset would ask for now.
    """

    site: Site
    definitions: dg.Definitions
    steps: Sequence[Step]
    asked_now: AskedNow


def prepare(settings: Settings, regions: Sequence[str] = (), years: Sequence[int] = (), select: str = "") -> Prepared:
    """Read the study and plan.

    Args:
        settings: of the environment.
        regions: names; empty means all.
        years: empty means all.
        select: Dagster asset selection; empty means all.

    Raises:
        FusionError: study or selection are not as they must be.
    """
    study = configured_study(settings, sections_of(SYSTEMS))
    site = site_of(SYSTEMS, study, settings)
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": study})
    steps = plan(definitions, study, regions, years, select, needs_of(SYSTEMS, study))
    of_series = [system.name for system in present(SYSTEMS, study) if not system.roles(study)]
    check_engine_makes(settings.engine, {step.asset.key.to_user_string() for step in steps}, of_series)
    return Prepared(site, definitions, steps, partial(export_request, study, settings))


def make(prepared: Prepared) -> bool:
    """Make what is missing or stale; says whether anything failed.

    A terminal gets a bar; elsewhere every step is a line, when it has ended.

    Raises:
        FusionError: the storage cannot be written, or the cluster does not answer.
    """
    settings = prepared.site.settings
    Storage(settings.storage).check_writable()
    if settings.dask_scheduler:
        from fusion_assets.orchestration.dask_cluster import connect_dask

        connect_dask(settings.dask_scheduler)
    console = screen()
    counts: dict[str, int] = {}
    home = prepare_home(prepared.site.study.name)
    bar = progress_bar(console)
    with opened_instance(home) as instance, bar:
        settle_dead_runs(instance)
        task = bar.add_task("planning", total=len(prepared.steps))
        began = time.perf_counter()
        said: dict[str, str] = {}
        with _interruptible(instance):
            for outcome in run_steps(
                prepared.definitions,
                instance,
                prepared.site.managers,
                prepared.steps,
                prepared.asked_now,
                lambda step: bar.update(task, description=step.name),
                lambda step: _print_waiting(console, step),
            ):
                bar.advance(task)
                counts[outcome.state] = counts.get(outcome.state, 0) + 1
                seconds, began = time.perf_counter() - began, time.perf_counter()
                if not console.is_terminal and outcome.state in ("made", "skipped"):
                    line = f"{outcome.state} {outcome.step.name} ({seconds:.1f} s): {outcome.message}"
                    console.print(redacted(line), markup=False)
                _print_trouble(console, outcome, said)
        bar.update(task, description="done")
    _print_counts(prepared, counts)
    return "failed" in counts


@contextlib.contextmanager
def _interruptible(instance: dg.DagsterInstance) -> Iterator[None]:
    """Leave no run behind that looks as if it were still under way."""
    try:
        yield
    except KeyboardInterrupt:
        end_own_runs(instance)
        raise


def print_foreseen(prepared: Prepared) -> None:
    """Print what a run would make and why, a line a step, and how many are fresh."""
    console, counts = screen(), dict[str, int]()
    with opened_instance(prepare_home(prepared.site.study.name)) as instance:
        for outcome in foreseen_steps(
            prepared.definitions, instance, prepared.site.managers, prepared.steps, prepared.asked_now
        ):
            counts[outcome.state] = counts.get(outcome.state, 0) + 1
            if outcome.state != "fresh":
                line = redacted(f"{outcome.state:7} {outcome.step.name}: {outcome.message}")
                console.print(line, style=_COLOURS.get(outcome.state), markup=False)
    _print_counts(prepared, counts)


def _print_waiting(console: Console, step: Step) -> None:
    console.print(redacted(f"waiting for another process, which makes {step.name}"), markup=False)


def _print_trouble(console: Console, outcome: Outcome, said: dict[str, str]) -> None:
    """Print warnings, and an error once: `said` are the steps that failed so far, by what was said of them."""
    for warning in outcome.warnings:
        console.print(redacted(f"{outcome.step.name}: {warning}"), style="yellow", markup=False)
    if outcome.state == "failed":
        first = said.setdefault(outcome.message, outcome.step.name)
        again = "" if first == outcome.step.name else f": the same as {first}"
        console.print(f"{outcome.step.name} failed{again}", style="bold red", markup=False)
        if not again:
            console.print(redacted(outcome.message), markup=False)


def _print_counts(prepared: Prepared, counts: dict[str, int]) -> None:
    counted = ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))
    print(f"study {prepared.site.study.name}: {counted or 'nothing to do'}")


def screen() -> Console:
    """Where commands print beside a bar: lines are neither cut nor coloured by what is in them."""
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False)


def progress_bar(console: Console) -> Progress:
    """What is under way, how much is done, and since when; on a terminal, and nothing elsewhere."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
