"""Time to load the code location, against an empty Dagster project, and to ask for help; each in a fresh process."""

import resource
import subprocess
import sys
import time

_EMPTY = "import dagster as dg; defs = dg.Definitions(); dg.Definitions.validate_loadable(defs)"
_OURS = "import dagster as dg; from fusion_assets.definitions import defs; dg.Definitions.validate_loadable(defs)"
_HELP = "import sys; from fusion_assets.cli.main import main; sys.argv = ['fusion', '--help']; main()"


def run(repeats: int = 5) -> list[dict]:
    """Best of `repeats`: `seconds`, `processor_seconds`, which a busy machine leaves as they are, and their `ratio`."""
    rows: list[dict] = []
    for name, code in (("empty Dagster project", _EMPTY), ("fusion_assets", _OURS), ("fusion --help", _HELP)):
        command = [sys.executable, "-W", "ignore", "-c", code]
        seconds, processor = [], []
        for _ in range(repeats):
            start, used = time.perf_counter(), _processor()
            subprocess.run(command, check=True, capture_output=True)
            seconds.append(time.perf_counter() - start)
            processor.append(_processor() - used)
        rows.append({"name": name, "seconds": min(seconds), "processor_seconds": min(processor)})
    return [row | {"ratio": row["processor_seconds"] / rows[0]["processor_seconds"]} for row in rows]


def _processor() -> float:
    """Processor seconds of all processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    for row in run():
        print(row)
