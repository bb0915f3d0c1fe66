"""Are the trend's intervals honest? The whole pipeline on many demo archives, against their truth.

    python benchmarks/trend_coverage.py --seeds 100-119
    python benchmarks/trend_coverage.py --seeds 200-239 --growth 0

One archive a seed is built, run from exports to `built_up_trend`, and removed. Printed for each: truth, estimate and
interval of every year, both changes, and the expected calibration error (ECE) of the model, out of fold. At the end:
how many intervals cover the truth, their mean half width, how many archives had a significant change claimed that is
not there, and mean and largest ECE. About 100 s a seed on two cores at 100 km.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import tempfile
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np


def judge(seed: int, growth: float, size_km: int) -> dict[str, Any]:
    """Truth, estimates and claims of one archive."""
    import dagster as dg
    import pandas as pd

    from fusion_assets.cli.runner import run_steps
    from fusion_assets.cli.steps import plan
    from fusion_assets.demo import build_demo_archive
    from fusion_assets.demo.truth import true_area_km2
    from fusion_assets.orchestration.assembly import build_definitions, site_of
    from fusion_assets.orchestration.instance import prepare_home
    from fusion_assets.orchestration.io_managers import managers
    from fusion_assets.orchestration.system import sections_of
    from fusion_assets.settings import Settings
    from fusion_assets.study import load_study, study_of
    from fusion_assets.study.file import find_study, read_yaml
    from fusion_assets.study.provenance import export_request
    from fusion_assets.systems.registry import SYSTEMS

    with tempfile.TemporaryDirectory(prefix="trend-coverage-") as folder:
        catalog = build_demo_archive(Path(folder) / "archive", seed=seed, growth=growth, size_km=size_km)
        study = load_study("demo", sections=sections_of(SYSTEMS))
        if size_km != 100:
            region = json.loads((catalog.parent / "demo.json").read_text())["region"]
            regions = [{"name": "demo", "geometry": region["geometry"], "crs": region["crs"]}]
            study = study_of(read_yaml(find_study("demo")) | {"regions": regions}, sections=sections_of(SYSTEMS))
        os.environ["DAGSTER_HOME"] = str(Path(folder) / "home")
        prepare_home(study.name)
        storage = str(Path(folder) / "data")
        settings = Settings.from_environment({"study": study, "archive": str(catalog), "storage": storage})
        definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": study})
        stored = managers(storage, site_of(SYSTEMS, study, settings).facts)
        steps = plan(definitions, study, select="*built_up_trend")
        with dg.DagsterInstance.get() as instance:
            for outcome in run_steps(definitions, instance, stored, steps, partial(export_request, study, settings)):
                assert outcome.state == "made", outcome
        table = pd.read_parquet(f"{storage}/built_up_trend/demo.parquet")
        document = json.loads(Path(f"{storage}/built_up_trend/demo.json").read_text())
        metrics = json.loads(Path(f"{storage}/model_evaluation/demo/{study.label_year}.json").read_text())
        truth = {year: true_area_km2(str(catalog), year, study.polygon("demo")) for year in study.prediction_years}
    years = [
        {"year": year, "truth": truth[year], "km2": km2, "low": low, "high": high, "mapped": mapped}
        for year, km2, low, high, mapped in zip(
            *(table[name].tolist() for name in ("year", "area_km2", "low", "high", "mapped_km2")), strict=True
        )
    ]
    keys = ("from", "to", "km2", "low", "high", "verdict")
    changes = [
        {key: change[key] for key in keys} | {"truth": truth[change["to"]] - truth[change["from"]]}
        for change in document["changes"]
    ]
    ece = metrics["calibration"]["ece"]
    return {"seed": seed, "growth": growth, "ece": ece, "years": years, "changes": changes}


def told(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Coverage, widths and claims over all archives."""
    years = [year for archive in found for year in archive["years"]]
    changes = [change for archive in found for change in archive["changes"]]
    false = [
        any(c["verdict"] == ("grew" if c["truth"] <= 0 else "shrank") for c in archive["changes"]) for archive in found
    ]
    covered = [entry["low"] <= entry["truth"] <= entry["high"] for entry in years]
    return {
        "archives": len(found),
        "year_intervals": len(years),
        "covered": sum(covered),
        "mean_half_width_km2": float(np.mean([(y["high"] - y["low"]) / 2 for y in years])),
        "mean_error_km2": float(np.mean([abs(y["km2"] - y["truth"]) for y in years])),
        "mean_error_of_the_map_km2": float(np.mean([abs(y["mapped"] - y["truth"]) for y in years])),
        "change_intervals": len(changes),
        "changes_covered": sum(c["low"] <= c["truth"] <= c["high"] for c in changes),
        "changes_claimed": sum(c["verdict"] != "cannot tell" for c in changes),
        "false_alarms": sum(false),
        "mean_ece": float(np.mean([archive["ece"] for archive in found])),
        "largest_ece": max(archive["ece"] for archive in found),
    }


def main() -> None:
    """Judge one archive a seed, and all together."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="100-119", help="first-last")
    parser.add_argument("--growth", type=float, default=1.0)
    parser.add_argument("--size-km", type=int, default=100)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.filterwarnings("ignore")
    first, _, last = options.seeds.partition("-")
    found = []
    for seed in range(int(first), int(last or first) + 1):
        found.append(judge(seed, options.growth, options.size_km))
        print(json.dumps(found[-1]), flush=True)
    print(json.dumps(told(found), indent=1))


if __name__ == "__main__":
    main()
