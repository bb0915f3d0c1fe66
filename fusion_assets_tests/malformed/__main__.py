"""See the package."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

from fusion_assets_tests.malformed.generators import GENERATORS
from fusion_assets_tests.malformed.trial import FINE, generator, trial, verdict


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fusion_assets_tests.malformed")
    parser.add_argument("generator", nargs="*", help=f"of {', '.join(GENERATORS)}; all unless given")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--many", action="store_true", help="as many cases as the slow tier")
    parser.add_argument("--only", help="run one case here, and return what comes out or its traceback")
    options = parser.parse_args()
    failed = 0
    for name in options.generator or GENERATORS:
        module = generator(name)
        count = module.MANY if options.many else module.FEW
        if options.only:
            case = next(case for case in module.cases(options.seed, count) if case.name == options.only)
            with tempfile.TemporaryDirectory() as folder:
                print(verdict(case, Path(folder)))
            continue
        kinds: Counter[str] = Counter()
        for each in trial(name, options.seed, count):
            kinds[each.kind] += 1
            if each.kind not in FINE:
                failed += 1
                print(f"{name}: {each.name}: {each.kind}: {each.text}\n")
        print(f"{name}: " + ", ".join(f"{number} {kind}" for kind, number in sorted(kinds.items())), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(_main())
