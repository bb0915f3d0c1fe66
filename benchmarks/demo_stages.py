"""`fusion demo` by stage, from nothing: the archive, then each asset over all its partitions."""

import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path


def run() -> list[dict]:
    """Seconds and runs a stage."""
    import dataclasses
    from functools import partial

    import dagster as dg

    from fusion_assets.cli.runner import run_steps
    from fusion_assets.cli.steps import plan
    from fusion_assets.demo import build_demo_archive
    from fusion_assets.orchestration.assembly import build_definitions, site_of
    from fusion_assets.orchestration.instance import prepare_home
    from fusion_assets.orchestration.io_managers import managers
    from fusion_assets.orchestration.system import sections_of
    from fusion_assets.settings import Settings
    from fusion_assets.study import load_study
    from fusion_assets.study.provenance import export_request
    from fusion_assets.systems.registry import SYSTEMS

    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        catalog = build_demo_archive(Path(folder) / "archive")
        rows = [{"stage": "demo archive", "seconds": time.perf_counter() - start, "runs": 1}]
        os.environ["DAGSTER_HOME"] = str(Path(folder) / "home")
        study = load_study("demo", sections=sections_of(SYSTEMS))
        prepare_home(study.name)
        storage = str(Path(folder) / "data")
        settings = Settings.from_environment({"study": study, "archive": str(catalog), "storage": storage})
        definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": study})
        spent: dict[str, float] = defaultdict(float)
        runs: dict[str, int] = defaultdict(int)
        with dg.DagsterInstance.get() as instance:
            last = time.perf_counter()
            facts = site_of(SYSTEMS, study, settings).facts
            stored = managers(storage, facts)
            asked_now = partial(export_request, study, settings)
            for outcome in run_steps(definitions, instance, stored, plan(definitions, study), asked_now):
                asset = outcome.step.asset.key.to_user_string()
                assert outcome.state == "made", outcome
                now = time.perf_counter()
                spent[asset] += now - last
                runs[asset] += 1
                last = now
        rows += [{"stage": asset, "seconds": spent[asset], "runs": runs[asset]} for asset in spent]
    rows.append({"stage": "all", "seconds": sum(row["seconds"] for row in rows), "runs": sum(runs.values())})
    return rows


if __name__ == "__main__":
    for row in run():
        print(row)
