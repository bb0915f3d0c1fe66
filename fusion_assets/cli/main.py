"""The command line: `fusion demo`, `run`, `export`, `sample`, `doctor`, `ui`. Thin: it parses, calls and prints.

Exit codes: 0 all well; 1 something failed, with the reason on the screen; 2 the command line itself is wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.cli import loopback
from fusion_assets.errors import FusionError

if TYPE_CHECKING:
    from fusion_assets.settings import Settings
    from fusion_assets.study import Study


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    _quieten()
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
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fusion",
        description="Yearly maps of human settlement from fused satellite sensors.",
        epilog="Settings come from the environment: FUSION_STUDY, FUSION_ARCHIVE, FUSION_STORAGE, FUSION_ENGINE, "
        "FUSION_DASK_SCHEDULER.",
    )
    names = "demo | run | export | sample | doctor | ui | loopback"
    commands = parser.add_subparsers(title="commands", required=True, metavar=names)
    demo = commands.add_parser("demo", help="build the synthetic demo archive if absent, and run everything on it")
    demo.set_defaults(command=_demo)
    run = commands.add_parser("run", help="make what is missing or stale, in dependency order")
    run.add_argument("--region", action="append", default=[], metavar="R", help="only this region (repeatable)")
    run.add_argument("--years", type=_years, default=[], metavar="2016-2019", help="only these years: 2016, 2016-2019")
    run.add_argument("--select", default="", metavar="ASSETS", help="Dagster asset selection, e.g. fused_stack")
    run.set_defaults(command=_run)
    export = commands.add_parser("export", help="write built-up area per region and year as GeoPackage or CSV")
    export.add_argument("output", metavar="OUT.gpkg|OUT.csv", help="file to write")
    export.add_argument("--region", action="append", default=[], metavar="R", help="only this region (repeatable)")
    export.add_argument("--years", type=_years, default=[], metavar="2016-2019", help="only these years")
    export.add_argument("--force", action="store_true", help="replace a file that exists")
    export.set_defaults(command=_export)
    sample = commands.add_parser("sample", help="draw points for people to interpret, stratified by a map")
    sample.add_argument("output", metavar="OUT.csv|OUT.parquet", help="table to write, labels empty")
    sample.add_argument("--region", metavar="R", help="by default the study's only region")
    sample.add_argument("--map", metavar="PATH", help="GeoTIFF on the region's grid with a band `built_up`")
    sample.add_argument("--year", type=int, metavar="Y", help="instead of --map: the stored map of this year")
    sample.add_argument("--points", type=int, default=400, metavar="N")
    sample.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed draws the same points")
    sample.set_defaults(command=_sample)
    doctor = commands.add_parser("doctor", help="say what is configured, what is missing and how to fix it")
    doctor.set_defaults(command=_doctor)
    ui = commands.add_parser("ui", help="serve the Dagster web UI with sensors and schedules, on 127.0.0.1")
    ui.add_argument("--port", type=_port, default=3000)
    ui.set_defaults(command=_ui)
    loopback.add_parser(commands)
    return parser


def _years(text: str) -> list[int]:
    try:
        years: set[int] = set()
        for part in text.split(","):
            first, _, last = part.partition("-")
            begin, end = int(first), int(last if "-" in part else first)
            if not 1900 <= begin <= end <= 2200:
                raise ValueError
            years.update(range(begin, end + 1))
        return sorted(years)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a year or a range such as 2016-2019") from None


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
    from fusion_assets.systems.built_up.summary import demo_summary

    started = time.perf_counter()
    settings = Settings.from_environment({"study": "demo", "archive": DEMO_ARCHIVE})
    print("SYNTHETIC demonstration: simulated imagery of a place that does not exist.")
    build_demo_archive(Path(settings.archive).parent, progress=_show_progress)
    study, failed = _run_study(settings, select="group:built_up")
    if failed:
        return 1
    print(demo_summary(study, settings))
    _print_maps(study, settings)
    print(f"finished in {time.perf_counter() - started:.0f} s; look at it in the web UI with: make ui")
    return 0


def _show_progress(done: int, total: int, what: str) -> None:
    """One line that grows on a terminal, and stays short elsewhere."""
    if sys.stdout.isatty() or done == total:
        print(f"\r  building the demo archive: {done}/{total}", end="\n" if done == total else "", flush=True)


def _run(options: argparse.Namespace) -> int:
    from fusion_assets.settings import Settings
    from fusion_assets.systems.built_up.summary import summary

    settings = Settings.from_environment()
    study, failed = _run_study(settings, options.region, options.years, options.select)
    if not failed and not options.select:
        print(summary(study, settings))
        _print_maps(study, settings)
    return 1 if failed else 0


def _print_maps(study: Study, settings: Settings) -> None:
    from fusion_assets.systems.built_up.summary import reports, write_maps

    for path in write_maps(study, settings):
        print(f"maps: {path}")
    for path in reports(study, settings):
        print(f"report: {path}")


def _run_study(
    settings: Settings, regions: Sequence[str] = (), years: Sequence[int] = (), select: str = ""
) -> tuple[Study, bool]:
    """Run what is missing or stale with a progress bar; returns the study and whether anything failed."""
    import dataclasses
    from functools import partial

    from fusion_assets.cli.runner import plan, run_steps
    from fusion_assets.definitions import build_definitions
    from fusion_assets.orchestration.instance import opened_instance, prepare_home, settle_dead_runs
    from fusion_assets.orchestration.io_managers import managers
    from fusion_assets.orchestration.resources import EngineResource
    from fusion_assets.orchestration.role_assets import check_engine_makes, expected_facts, export_request
    from fusion_assets.storage.root import Storage
    from fusion_assets.study.stored_outlines import configured_study

    study = configured_study(settings)
    asked_now = partial(export_request, study, settings)
    Storage(settings.storage).check_writable()
    EngineResource(storage=settings.storage, dask_scheduler=settings.dask_scheduler).connect_dask()
    stored = managers(settings.storage, expected_facts(study, settings))
    definitions = build_definitions(dataclasses.asdict(settings) | {"study": study})
    steps = plan(definitions, study, regions, years, select)
    check_engine_makes(settings.engine, {step.asset.key.to_user_string() for step in steps})
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
            definitions, instance, stored, steps, asked_now, lambda step: progress.update(bar, description=step.name)
        ):
            progress.advance(bar)
            counts[outcome.state] = counts.get(outcome.state, 0) + 1
            for warning in outcome.warnings:
                console.print(f"{outcome.step.name}: {warning}", style="yellow", markup=False)
            if outcome.state == "failed":
                failed = True
                console.print(f"{outcome.step.name} failed", style="bold red")
                console.print(outcome.message, markup=False)
        progress.update(bar, description="done")
    print(f"study {study.name}: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())))
    return study, failed


def _export(options: argparse.Namespace) -> int:
    from fusion_assets.settings import Settings
    from fusion_assets.study.stored_outlines import configured_study
    from fusion_assets.systems.built_up.area_table import export_areas

    settings = Settings.from_environment()
    study = configured_study(settings)
    print(export_areas(study, settings, options.output, options.region, options.years, options.force))
    return 0


def _sample(options: argparse.Namespace) -> int:
    from fusion_assets.settings import Settings
    from fusion_assets.study.stored_outlines import configured_study
    from fusion_assets.systems.built_up.areas.sample_sheet import write_sample

    settings = Settings.from_environment()
    chosen = {"region": options.region, "map_path": options.map, "year": options.year}
    study = configured_study(settings)
    print(write_sample(study, settings, options.output, **chosen, points=options.points, seed=options.seed))
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from fusion_assets.cli.doctor import diagnose
    from fusion_assets.settings import Settings

    settings = Settings.from_environment()
    findings = diagnose(settings)
    for finding in findings:
        print(f"{finding.state:4} {finding.subject}: {finding.text}")
    return 0 if all(finding.fine for finding in findings) else 1


def _ui(options: argparse.Namespace) -> int:
    import signal
    import subprocess

    from fusion_assets.orchestration.instance import opened_instance, prepare_home, settle_dead_runs
    from fusion_assets.reports.server import start_beside
    from fusion_assets.settings import Settings
    from fusion_assets.storage.root import Storage
    from fusion_assets.study import load_study

    settings = Settings.from_environment()
    home = prepare_home(load_study(settings.study).name)
    with opened_instance(home) as instance:
        settle_dead_runs(instance)
    print(f"Dagster instance: {home}")
    # A daemon that starts before its code server goes on with a backfill instead of failing it.
    os.environ.setdefault("DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR", "1")
    # `dg dev`, which Dagster now prefers, is another package, made for projects of another layout.
    command = [sys.executable, "-W", "ignore:Function `dev_command` is superseded:FutureWarning", "-m", "dagster"]
    command += ["dev", "-h", "127.0.0.1", "-p", str(options.port), "-m", "fusion_assets.definitions"]
    start_beside(Storage(settings.storage), options.port)
    process = subprocess.Popen(command)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: process.send_signal(received))
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
