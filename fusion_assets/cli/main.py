"""The command line: `fusion demo`, `run`, `doctor`, `ui`, and the commands of the systems. It parses, calls, prints.

Exit codes: 0 all well; 1 something failed, with the reason on the screen; 2 the command line itself is wrong; 130 and
143 ended by SIGINT and SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.cli import interruption, loopback, verification
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.system import REGIONS, YEARS, Command, needs_of, present, sections_of
from fusion_assets.redaction import printable, redact_logs, redacted
from fusion_assets.systems.registry import MAIN, SYSTEMS

if TYPE_CHECKING:
    from fusion_assets.orchestration.site import Site
    from fusion_assets.settings import Settings

_OWN = ("demo", "run", "verify", "doctor", "ui", "loopback")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: of the command; without them those of this process, which SIGINT and SIGTERM then end in time.
    """
    if arguments is None:
        return interruption.supervised(lambda: main(sys.argv[1:]), _settle)
    options = _parser().parse_args(arguments)
    _quieten()
    redact_logs()
    try:
        if options.command is not _doctor:  # which says it among all else
            from fusion_assets.grids.projections import check_projections

            check_projections()
        return int(options.command(options))
    except FusionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read our output (head, less) has left; what was made is kept.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("stopped; what was finished is kept, and the next run goes on from there", file=sys.stderr)
        return interruption.exit_code()


def _settle() -> None:
    """Mark the run of a command as failed that had to be killed."""
    from fusion_assets.orchestration.instance import home_of, opened_instance, settle_dead_runs
    from fusion_assets.settings import Settings
    from fusion_assets.study import load_study

    chosen = Settings.from_environment().study
    name = "demo" if "demo" in sys.argv[1:2] else load_study(chosen, sections=sections_of(SYSTEMS)).name
    home = home_of(name)
    if home.exists():
        with opened_instance(home) as instance:
            settle_dead_runs(instance)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fusion",
        description="Yearly maps of human settlement from fused satellite sensors.",
        epilog="Settings come from the environment: FUSION_STUDY, FUSION_ARCHIVE, FUSION_STORAGE, FUSION_ENGINE, "
        "FUSION_DASK_SCHEDULER.",
    )
    of_systems = [command for system in SYSTEMS for command in system.commands]
    names = [*_OWN[:2], *(command.name for command in of_systems), *_OWN[2:]]
    commands = parser.add_subparsers(title="commands", required=True, metavar=" | ".join(names))
    demo = commands.add_parser("demo", help="build the synthetic demo archive if absent, and run everything on it")
    demo.set_defaults(command=_demo)
    run = commands.add_parser("run", help="make what is missing or stale, in dependency order")
    for flags, keywords in (REGIONS, YEARS):
        run.add_argument(*flags, **keywords)
    run.add_argument("--select", default="", metavar="ASSETS", help="Dagster asset selection, e.g. fused_stack")
    run.set_defaults(command=_run)
    for each in of_systems:
        added = commands.add_parser(each.name, help=each.help)
        for flags, keywords in each.arguments:
            added.add_argument(*flags, **keywords)
        added.set_defaults(command=partial(_of_a_system, each))
    verification.add_parser(commands)
    doctor = commands.add_parser("doctor", help="say what is configured, what is missing and how to fix it")
    doctor.set_defaults(command=_doctor)
    ui = commands.add_parser("ui", help="serve the Dagster web UI with sensors and schedules, on 127.0.0.1")
    ui.add_argument("--port", type=_port, default=3000)
    ui.set_defaults(command=_ui)
    loopback.add_parser(commands)
    return parser


def _port(text: str) -> int:
    # The reports are served beside the UI, on the port after it.
    if not text.isdigit() or not 1 <= int(text) < 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65534")
    return int(text)


def _quieten() -> None:
    """Keep libraries' banners off the screen; errors still come through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _demo(options: argparse.Namespace) -> int:
    import time

    from fusion_assets.demo import build_demo_archive
    from fusion_assets.settings import DEMO_ARCHIVE, Settings

    started = time.perf_counter()
    settings = Settings.from_environment({"study": "demo", "archive": DEMO_ARCHIVE})
    print("SYNTHETIC demonstration: simulated imagery of a place that does not exist.")
    build_demo_archive(Path(settings.archive).parent, progress=_show_progress)
    site, failed = _run_study(settings, select=f"+group:{MAIN.name}")
    if failed:
        return 1
    _print_results(site, synthetic=True)
    print(f"finished in {time.perf_counter() - started:.0f} s; look at it in the web UI with: make ui")
    return 0


def _show_progress(done: int, total: int, what: str) -> None:
    """One line that grows on a terminal, and stays short elsewhere."""
    if sys.stdout.isatty() or done == total:
        print(f"\r  building the demo archive: {done}/{total}", end="\n" if done == total else "", flush=True)


def _run(options: argparse.Namespace) -> int:
    from fusion_assets.settings import Settings

    site, failed = _run_study(Settings.from_environment(), options.region, options.years, options.select)
    if not failed and not options.select:
        _print_results(site)
    return 1 if failed else 0


def _print_results(site: Site, synthetic: bool = False) -> None:
    """What the systems say of a run, and the files that people look at."""
    for system in present(SYSTEMS, site.study):
        print(printable(system.summary(site, synthetic)))
        for kind, path in system.results(site):
            print(f"{kind}: {path}")


def _run_study(
    settings: Settings, regions: Sequence[str] = (), years: Sequence[int] = (), select: str = ""
) -> tuple[Site, bool]:
    """Run what is missing or stale with a progress bar; returns the site and whether anything failed."""
    import dataclasses

    from fusion_assets.cli.runner import check_engine_makes, plan, run_steps
    from fusion_assets.orchestration.assembly import build_definitions, site_of
    from fusion_assets.orchestration.instance import opened_instance, prepare_home, settle_dead_runs
    from fusion_assets.storage.root import Storage
    from fusion_assets.study.provenance import export_request
    from fusion_assets.study.stored_outlines import configured_study

    study = configured_study(settings, sections_of(SYSTEMS))
    Storage(settings.storage).check_writable()
    if settings.dask_scheduler:
        from fusion_assets.orchestration.dask_cluster import connect_dask

        connect_dask(settings.dask_scheduler)
    site = site_of(SYSTEMS, study, settings)
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": study})
    steps = plan(definitions, study, regions, years, select, needs_of(SYSTEMS, study))
    of_series = [system.name for system in present(SYSTEMS, study) if not system.roles(study)]
    check_engine_makes(settings.engine, {step.asset.key.to_user_string() for step in steps}, of_series)
    home = prepare_home(study.name)
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(soft_wrap=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    failed = False
    with opened_instance(home) as instance, Progress(*columns, console=console) as progress:
        settle_dead_runs(instance)
        bar = progress.add_task("planning", total=len(steps))
        counts: dict[str, int] = {}
        for outcome in run_steps(
            definitions,
            instance,
            site.managers,
            steps,
            partial(export_request, study, settings),
            lambda step: progress.update(bar, description=step.name),
        ):
            progress.advance(bar)
            counts[outcome.state] = counts.get(outcome.state, 0) + 1
            for warning in outcome.warnings:
                console.print(redacted(f"{outcome.step.name}: {warning}"), style="yellow", markup=False)
            if outcome.state == "failed":
                failed = True
                console.print(f"{outcome.step.name} failed", style="bold red")
                console.print(redacted(outcome.message), markup=False)
        progress.update(bar, description="done")
    print(f"study {study.name}: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
    return site, failed


def _of_a_system(command: Command, options: argparse.Namespace) -> int:
    from fusion_assets.orchestration.assembly import site_of
    from fusion_assets.settings import Settings
    from fusion_assets.study.stored_outlines import configured_study

    settings = Settings.from_environment()
    text = command.run(site_of(SYSTEMS, configured_study(settings, sections_of(SYSTEMS)), settings), options)
    print(printable(text))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from fusion_assets.cli.doctor import diagnose
    from fusion_assets.settings import Settings

    settings = Settings.from_environment()
    findings = diagnose(settings)
    for finding in findings:
        print(redacted(f"{finding.state:4} {finding.subject}: {finding.text}"))
    return 0 if all(finding.fine for finding in findings) else 1


def _ui(options: argparse.Namespace) -> int:
    from fusion_assets.cli.web_ui import serve
    from fusion_assets.settings import Settings
    from fusion_assets.study import load_study

    settings = Settings.from_environment()
    return serve(options, load_study(settings.study, sections=sections_of(SYSTEMS)).name, settings.storage)


if __name__ == "__main__":
    sys.exit(main())
