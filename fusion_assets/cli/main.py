"""The command line: `fusion demo`, `run`, `doctor`, `ui`, and the commands of the systems. It parses, calls, prints.

Exit codes: 0 all well; 1 something failed, with the reason on the screen; 2 the command line itself is wrong; 130 and
143 ended by SIGINT and SIGTERM.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_assets.cli import catalog, init, interruption, loopback, verification
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.system import REGIONS, SELECTION, YEARS, Command, present, sections_of
from fusion_assets.redaction import printable, redact_logs, redacted
from fusion_assets.systems.registry import MAIN, SYSTEMS

if TYPE_CHECKING:
    from fusion_assets.cli.run import Prepared

_OWN = ("demo", "run", "status", "verify", "doctor", "ui", "init", "catalog", "loopback")


_NEXT = """What to do next:
  . .venv/bin/activate                  puts `fusion` on the path
  fusion ui                             the asset graph and the reports, on http://127.0.0.1:3000
  fusion run --select 'group:ndvi'      gap-free NDVI of the same place, a minute or two
  fusion init --help                    a study of your own region; README.md and docs/your-region.md say how"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Args:
        arguments: of the command; without them those of this process, which SIGINT and SIGTERM then end in time.
    """
    if arguments is None:
        return interruption.supervised(lambda: main(sys.argv[1:]), _settle)
    options = _parser().parse_args(_meant(arguments))
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


def _meant(arguments: Sequence[str]) -> Sequence[str]:
    """The command line with the command that a flag of another one stands for."""
    for command in (command for system in SYSTEMS for command in system.commands if command.instead_of):
        name, flag = command.instead_of or ("", "")
        if arguments[:1] == [name] and flag in arguments:
            return [command.name, *(word for word in arguments[1:] if word != flag)]
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fusion",
        description="Yearly maps of human settlement from fused satellite sensors.",
        epilog="examples: fusion demo; FUSION_STUDY=nairobi.yaml fusion run; fusion COMMAND --help. Settings come from "
        "the environment: FUSION_STUDY, FUSION_ARCHIVE, FUSION_STORAGE, FUSION_ENGINE, FUSION_DASK_SCHEDULER.",
    )
    of_systems = [command for system in SYSTEMS for command in system.commands]
    parser.add_argument("--version", action="version", version=f"fusion_assets {version('fusion-assets')}")
    first_words = dict.fromkeys(command.name.partition(" ")[0] for command in of_systems)
    names = [*_OWN[:3], *first_words, *_OWN[3:]]
    commands = parser.add_subparsers(title="commands", required=True, metavar=" | ".join(names))
    demo = commands.add_parser(
        "demo",
        help="build the synthetic demo archive if absent, and run everything on it",
        epilog="example: FUSION_STORAGE=demo-data fusion demo",
    )
    demo.set_defaults(command=_demo)
    run = commands.add_parser(
        "run",
        help="make what is missing or stale, in dependency order",
        epilog="examples: fusion run; fusion run --region nairobi --years 2018-2020 --select sentinel2_composite; "
        "fusion run --select 'group:ndvi'; fusion run --dry-run",
    )
    run.add_argument("--dry-run", action="store_true", help="say what would be made and why, and make nothing")
    run.set_defaults(command=_run)
    status = commands.add_parser(
        "status",
        help="say what is missing, stale or failed, and why",
        epilog="examples: fusion status; fusion status --region nairobi --select built_up_report",
    )
    status.set_defaults(command=_status)
    for parts in (run, status):
        for flags, keywords in (REGIONS, YEARS, SELECTION):
            parts.add_argument(*flags, **keywords)
    shared: dict[str, Any] = {}
    for each in of_systems:
        epilog = f"examples: {each.examples}" if each.examples else None
        added = _place_of(each, of_systems, commands, shared).add_parser(
            each.name.split()[-1], help=each.help, epilog=epilog
        )
        for flags, keywords in each.arguments:
            added.add_argument(*flags, **keywords)
        added.set_defaults(command=partial(_of_a_system, each))
    for each in of_systems:
        if each.instead_of:
            name, flag = each.instead_of
            commands.choices[name].add_argument(flag, action="store_true", help=f"the same as fusion {each.name}")
    verification.add_parser(commands)
    doctor = commands.add_parser(
        "doctor",
        help="say what is configured, what is missing and how to fix it",
        epilog="example: FUSION_STUDY=nairobi.yaml fusion doctor",
    )
    doctor.set_defaults(command=_doctor)
    ui = commands.add_parser(
        "ui",
        help="serve the Dagster web UI with sensors and schedules, on 127.0.0.1",
        epilog="example: fusion ui --port 4000",
    )
    ui.add_argument("--port", type=_port, default=3000, help="of the web UI (3000 by default); reports are on the next")
    ui.set_defaults(command=_ui)
    init.add_parser(commands)
    catalog.add_parser(commands)
    loopback.add_parser(commands)
    return parser


def _place_of(command: Command, others: Sequence[Command], commands: Any, shared: dict[str, Any]) -> Any:
    """Where a command's parser is added: among all, or among those whose names begin with the same word."""
    first, _, second = command.name.partition(" ")
    if not second:
        return commands
    if first not in shared:
        alike = [other for other in others if other.name.startswith(f"{first} ")]
        seconds = [other.name.split()[-1] for other in alike]
        examples = "; ".join(other.examples for other in alike)
        told = f"{' and '.join(seconds)}; see fusion {first} --help"
        group = commands.add_parser(first, help=told, epilog=f"examples: {examples}")
        shared[first] = group.add_subparsers(title="commands", required=True, metavar=" | ".join(seconds))
    return shared[first]


def _port(text: str) -> int:
    # The reports are served beside the UI, on the port after it.
    if not text.isdigit() or not 1 <= int(text) < 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65534")
    return int(text)


def _quieten() -> None:
    """Keep libraries' banners off the screen; errors still come through."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore", message=".*is currently in (beta|preview)", module=r"dagster\b|fusion_assets\b")
    warnings.filterwarnings("ignore", category=PendingDeprecationWarning, module=r"rioxarray\b|affine\b|rasterio\b")


def _demo(options: argparse.Namespace) -> int:
    import time

    from fusion_assets.cli.run import make, prepare
    from fusion_assets.demo import build_demo_archive
    from fusion_assets.settings import DEMO_ARCHIVE, Settings

    started = time.perf_counter()
    settings = Settings.from_environment({"study": "demo", "archive": DEMO_ARCHIVE})
    print("SYNTHETIC demonstration: simulated imagery of a place that does not exist.")
    build_demo_archive(Path(settings.archive).parent, squares=True, progress=_show_progress)
    prepared = prepare(settings, select=f"+group:{MAIN.name}")
    if make(prepared):
        return 1
    _print_results(prepared, synthetic=True)
    print(f"\nfinished in {time.perf_counter() - started:.0f} s. {_NEXT}")
    return 0


def _show_progress(done: int, total: int, what: str) -> None:
    """One line that grows on a terminal, and stays short elsewhere."""
    terminal = sys.stdout.isatty()
    if terminal or done == total:
        line = f"  building the demo archive: {done}/{total}"
        print(f"\r{line}" if terminal else line, end="\n" if done == total else "", flush=True)


def _run(options: argparse.Namespace) -> int:
    from fusion_assets.cli.run import make, prepare, print_foreseen
    from fusion_assets.settings import Settings

    prepared = prepare(Settings.from_environment(), options.region, options.years, options.select)
    if options.dry_run:
        print_foreseen(prepared)
        return 0
    failed = make(prepared)
    if not failed:
        _print_results(prepared, figures=not options.select)
    return 1 if failed else 0


def _status(options: argparse.Namespace) -> int:
    from fusion_assets.cli.run import prepare, print_foreseen
    from fusion_assets.settings import Settings

    print_foreseen(prepare(Settings.from_environment(), options.region, options.years, options.select))
    return 0


def _print_results(prepared: Prepared, synthetic: bool = False, figures: bool = True) -> None:
    """What the systems that were run say of it, and the files that people look at."""
    site, run = prepared.site, {step.asset.key.to_user_string() for step in prepared.steps}
    for system in present(SYSTEMS, site.study):
        if not system.asset_names & run:
            continue
        if figures:
            print(printable(system.summary(site, synthetic)))
        for kind, path in system.results(site):
            print(printable(f"{kind}: {path}".replace("\n", " ")))


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
