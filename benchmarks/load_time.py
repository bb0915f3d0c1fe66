"""Time to load the code location, against an empty Dagster project; each in a fresh process."""

import subprocess
import sys
import time

_EMPTY = "import dagster as dg; defs = dg.Definitions(); dg.Definitions.validate_loadable(defs)"
_OURS = "import dagster as dg; from fusion_assets.definitions import defs; dg.Definitions.validate_loadable(defs)"


def run(repeats: int = 3) -> list[dict]:
    """Best of `repeats`, seconds."""
    rows = []
    for name, code in (("empty Dagster project", _EMPTY), ("fusion_assets", _OURS)):
        command = [sys.executable, "-W", "ignore", "-c", code]
        seconds = []
        for _ in range(repeats):
            start = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
        rows.append({"name": name, "seconds": min(seconds)})
    return rows


if __name__ == "__main__":
    print(run())
