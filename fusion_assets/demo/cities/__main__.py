"""Build synthetic cities from the command line: `python -m fusion_assets.demo.cities FOLDER --seed 7`."""

from __future__ import annotations

import argparse
from pathlib import Path

from fusion_assets.demo.catalog import NOTICE
from fusion_assets.demo.cities.files import build
from fusion_assets.demo.cities.look import USUAL
from fusion_assets.errors import FusionError


def main() -> None:
    """Parse the arguments, build, say where."""
    parser = argparse.ArgumentParser(prog="python -m fusion_assets.demo.cities", description=NOTICE)
    parser.add_argument("folder", type=Path, help="for patches in the shape of So2Sat, and the catalog of scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cities", type=int, default=12, help="4 to 60; the second half is held out")
    parser.add_argument("--shift", type=float, default=USUAL, help="how unlike each other cities are; 0 for alike")
    parser.add_argument("--clean", action="store_true", help="without wrong labels")
    options = parser.parse_args()
    try:
        print(build(options.folder, options.seed, cities=options.cities, shift=options.shift, noise=not options.clean))
    except FusionError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
