"""The project-local Dagster instance: where it lies and what is in its dagster.yaml."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_PROJECT_FILE = Path(__file__).parent.parent / "dagster.yaml"


def prepare_home(study_name: str) -> Path:
    """Set DAGSTER_HOME to `.dagster/<study>` unless it is set already, and give it the project's dagster.yaml.

    One study has one instance: partitions and records of two studies never meet. `fusion run` and the web UI share it.
    """
    given = os.environ.get("DAGSTER_HOME")
    home = Path(given) if given else Path(".dagster") / study_name
    home = home.expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    os.environ["DAGSTER_HOME"] = str(home)
    settings = home / "dagster.yaml"
    if not settings.exists():
        if _PROJECT_FILE.exists():
            shutil.copyfile(_PROJECT_FILE, settings)
        else:
            settings.write_text("telemetry:\n  enabled: false\n")
    return home
