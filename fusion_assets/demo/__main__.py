"""Build a demo archive from the command line: `python -m fusion_assets.demo ARCHIVE --seed 7`."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from pathlib import Path
from typing import get_args

from fusion_assets.demo import DEFAULT_PLACE, build_demo_archive
from fusion_assets.demo.catalog import NOTICE
from fusion_assets.demo.collections import Level
from fusion_assets.errors import FusionError


def main() -> None:
    """Parse the arguments, build, say where and how long it took."""
    parser = argparse.ArgumentParser(prog="python -m fusion_assets.demo", description=NOTICE)
    parser.add_argument("root", type=Path, help="folder of the archive")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--place", type=float, nargs=2, default=DEFAULT_PLACE, metavar=("LON", "LAT"))
    parser.add_argument("--size-km", type=int, default=100, help="edge of the area, 10 to 200")
    parser.add_argument("--growth", type=float, default=1.0, help="0 for none")
    parser.add_argument("--years", default="2015-2019", help="first-last")
    parser.add_argument("--name", default="demo")
    parser.add_argument(
        "--level", choices=get_args(Level), default="l2a", help="of Sentinel-2; l1c also brings both settlement codes"
    )
    parser.add_argument("--squares", action="store_true", help="also four squares with the truth of their nights")
    options = parser.parse_args()
    try:
        first, _, last = options.years.partition("-")
        years = range(int(first), int(last or first) + 1)
    except ValueError:
        parser.error(f"--years {options.years}: expected a year or first-last, such as 2015-2019")
    begin = dt.datetime.now()
    try:
        catalog = build_demo_archive(
            options.root,
            seed=options.seed,
            place=tuple(options.place),
            size_km=options.size_km,
            growth=options.growth,
            years=years,
            name=options.name,
            level=options.level,
            squares=options.squares,
            progress=_show if sys.stdout.isatty() else None,
        )
    except FusionError as error:
        parser.exit(1, f"{error}\n")
    print(f"{catalog} ({(dt.datetime.now() - begin).total_seconds():.1f} s)")


def _show(done: int, total: int, what: str) -> None:
    """One line that is written over, on a terminal."""
    print(f"\r{done}/{total} {what:<60}", end="\n" if done == total else "", flush=True)


main()
