"""`python -m fusion_assets_tests.chaos --seed N --kills K` or `--interrupts K`: one schedule; exit code 1 where
something went wrong.

What does not belong here: how things are killed (`system.py`) and interrupted (`interrupts.py`), and what must hold in
the end (`verdict.py`).
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from fusion_assets_tests.chaos import interrupts, verdict
from fusion_assets_tests.chaos.system import LIGHTS, VICTIMS, WHOLE, System, running

# Seconds without anything under way: sensor and automation have looked twice.
_QUIET = 10


def schedule(seed: int, kills: int) -> list[tuple[float, str, float, float]]:
    """(seconds of peace before, victim, which worker, seconds until it is started again) of every kill."""
    dice = random.Random(seed)
    # Kills follow each other quickly; where they begin decides what they hit.
    return [
        (
            dice.uniform(0.5, 11) if number else dice.uniform(0, 60),
            dice.choice(VICTIMS),
            dice.random(),
            dice.choice((0.2, dice.uniform(0, 8))),
        )
        for number in range(kills)
    ]


def run(
    folder: Path,
    kills: list[tuple[float, str, float, float]],
    choices: dict[str, Any] = WHOLE,
    size_km: int = 45,
    patience: float = 1200,
) -> list[str]:
    """Play a schedule on a new system in `folder`; returns what was wrong in the end.

    Args:
        folder: new; the archive is made beside it, unless it is there.
        kills: see `schedule`.
        choices: of the study, see `system.WHOLE`.
        size_km: edge of the region.
        patience: seconds until all must be made, after the last kill.
    """
    with running(folder, choices, size_km) as system:
        _say(system, "exports asked for")
        for pause, victim, choice, down in kills:
            time.sleep(pause)
            stopped = system.kill(victim, choice)
            _say(system, f"killed {victim}, down for {down:.1f} s")
            time.sleep(down)
            for name in stopped:
                system.start(name)
        return _settled(system, patience)


def _settled(system: System, patience: float) -> list[str]:
    """Wait until all is made and quiet, asking anew for exports whose run has died, as a person would."""
    with system.instance() as instance:
        end, quiet = time.monotonic() + patience, 0
        while time.monotonic() < end:
            time.sleep(1)
            absent = verdict.missing(system, instance)
            quiet = 0 if verdict.busy(instance) else quiet + 1
            if quiet < _QUIET:
                continue
            if not absent:
                break
            for asset, partition in absent:
                if asset in system.exports:
                    _say(system, f"asked again for {asset} {partition}")
                    system.ask_for(asset, [partition])
                    quiet = 0
        return verdict.violations(system, instance)


def _say(system: System, text: str) -> None:
    with (system.folder / "schedule.log").open("a") as log:
        print(f"{time.strftime('%H:%M:%S')} {text}", file=log)


def main() -> int:
    """Play one schedule in a folder that is kept when something was wrong."""
    parser = argparse.ArgumentParser(description="Kill parts of a running system at random, then look at what is left.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--interrupts", type=int, default=0, help="interrupt `fusion run` so often, and kill nothing")
    parser.add_argument("--lights", action="store_true", help="a study of lights alone, without a model")
    parser.add_argument("--folder", type=Path, help="where everything is written; a temporary one by default")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no component is left behind
    root = given.folder or Path(tempfile.mkdtemp(prefix="chaos-"))
    folder = root / f"seed-{given.seed}"
    started = time.monotonic()
    small = {"choices": LIGHTS, "size_km": 12} if given.lights else {}
    if given.interrupts:
        wrong = interrupts.run(folder, given.seed, given.interrupts, **small)
    else:
        wrong = run(folder, schedule(given.seed, given.kills), **small)
    counted = f"{given.interrupts} interrupts" if given.interrupts else f"{given.kills} kills"
    print(f"seed {given.seed}, {counted}, {time.monotonic() - started:.0f} s: {len(wrong)} violations")
    for line in wrong:
        print(f"  {line}")
    print((folder / "schedule.log").read_text(), end="")
    if not wrong and given.folder is None:
        shutil.rmtree(root)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
