"""A folder with files of So2Sat's shape and a study, and real processes of `fusion` in it."""

import os
import subprocess
import sys

import yaml

from fusion_assets_tests.systems.climate_zones import so2sat_files

CITIES = ("berlin", "jakarta", "munich", "cairo")
STUDY = {
    "name": "zones",
    "regions": [{"name": "here", "bbox": [13.3, 52.4, 13.4, 52.5]}],
    "resolution": 1000,
    "prediction_years": [2019],
    "features": "optics",
    "products": {"sentinel2": "sentinel2_l2a"},
}
SHORT = """
import dataclasses, os, signal, sys
from fusion_assets.systems.climate_zones import training
training.PRESETS["quick"] = dataclasses.replace(training.PRESETS["quick"], epochs={epochs}, width=0.125)
{before}
from fusion_assets.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


class Folder:
    """Files, a study, storages and instances; networks are small, and trained for few epochs.

    Args:
        path: of the folder.
        epochs: of every training.
        count: patches of each of three parts.
        zones: section of the study, beside the source.
    """

    def __init__(self, path, epochs, count=34, **zones):
        self.path, self.epochs = path, epochs
        for seed, part in enumerate(("training", "validation", "testing")):
            so2sat_files.write(path / f"files/{part}.h5", so2sat_files.patches(count, seed))
            so2sat_files.write(path / f"files/{part}_geo.h5", so2sat_files.places(count, CITIES, seed))
        (path / "study.yaml").write_text(yaml.safe_dump(STUDY | {"climate_zones": {"source": "files"} | zones}))

    def variables(self, storage="data", home="home"):
        """Environment of a process."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FUSION_")}
        places = {"FUSION_STUDY": "study.yaml", "FUSION_STORAGE": storage, "DAGSTER_HOME": str(self.path / home)}
        return kept | places

    def begun(self, *words, before="", **places):
        """A process of `fusion` with these words; `before` is Python that it runs first."""
        command = [sys.executable, "-c", SHORT.format(epochs=self.epochs, before=before), *words]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        return subprocess.Popen(command, cwd=self.path, env=self.variables(**places), **pipe)

    def fusion(self, *words, before="", **places):
        """Exit code and output of a process that has ended."""
        process = self.begun(*words, before=before, **places)
        told, _ = process.communicate(timeout=600)
        return process.returncode, told
