"""Build a world of pairs from the command line: `python -m fusion_assets.demo.pairs FOLDER --seed 7 --world 1`."""

from __future__ import annotations

import argparse
from pathlib import Path

from fusion_assets.demo.catalog import NOTICE
from fusion_assets.demo.pairs.files import MOST, build
from fusion_assets.errors import FusionError


def main() -> None:
    """Parse the arguments, build, say where."""
    parser = argparse.ArgumentParser(prog="python -m fusion_assets.demo.pairs", description=NOTICE)
    parser.add_argument("folder", type=Path, help="for the catalog and its files")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--world", type=int, default=0, help="0 to learn from, 1 for other places")
    parser.add_argument("--places", type=int, default=MOST, help="how many of its places, 1 to 6")
    options = parser.parse_args()
    try:
        print(build(options.folder, options.seed, world=options.world, places=options.places))
    except FusionError as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
