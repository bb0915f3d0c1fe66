"""Run every benchmark and write `build/benchmarks.json` and a table: `make bench`, or `python -m benchmarks median`."""

import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

BENCHMARKS = {
    "median": "the compositing kernel against its peers (24 x 1500 x 1500 uint16, 35 % masked)",
    "composite": "a composite from COG files against odc-stac, and growth with scenes and area",
    "prediction": "mapping, against scikit-learn's forest",
    "ndvi": "gap-free NDVI: the smoother against a loop, growth of filling, errors by length of gap on `leie`",
    "ndvi_places": "gap-free NDVI on every real place at hand, within a series and at its ends",
    "ndvi_scale": "gap-free NDVI of a year asset by asset: time and memory as pixels grow",
    "night_radiance": "methods of night radiance on real lights, and the speed of a map",
    "so2sat": "So2Sat's patches: conversion and random batches, against h5py and a plain generator",
    "climate_zones": "local climate zones: memory and processor time of trainings",
    "load_time": "loading the code location, against an empty Dagster project",
    "sensor": "a tick of the sensor beside ten thousand other operations",
    "demo_stages": "`fusion demo` by stage",
    "requests_per_composite": "what composites ask of Earth Engine, in requests and bytes",
}


def main(names: list[str]) -> None:
    """Run the named benchmarks, or all of them."""
    machine = {"cores": os.cpu_count(), "processor": platform.machine(), "python": platform.python_version()}
    report: dict = {"machine": machine, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "results": {}}
    for name in names or BENCHMARKS:
        print(f"\n{name}: {BENCHMARKS[name]}", flush=True)
        rows = importlib.import_module(f"benchmarks.{name}").run()
        report["results"][name] = rows
        print(table(rows), flush=True)
    target = Path("build") / "benchmarks.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwritten to {target}")


def table(rows: list[dict]) -> str:
    """Rows as text, a column for every key."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    cells = [[_shown(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *cells, strict=True)]
    lines = [columns, *cells]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines)


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
