"""A comparison of stages on generated files of So2Sat's shape, by the commands that people type."""

import json
import os

import numpy as np
import pandas as pd
import pytest
import yaml

from fusion_assets.cli import main as cli
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.orchestration.system import sections_of
from fusion_assets.settings import Settings
from fusion_assets.study import load_study
from fusion_assets.systems.climate_zones.system import CLIMATE_ZONES
from fusion_assets.systems.climate_zones.wording import overlap_text
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.systems.climate_zones import so2sat_files

pytestmark = pytest.mark.slow
CITIES = ("berlin", "jakarta", "munich", "cairo")
STUDY = {
    "name": "zones",
    "regions": [{"name": "here", "bbox": [13.3, 52.4, 13.4, 52.5]}],
    "resolution": 1000,
    "prediction_years": [2019],
    "features": "optics",
    "products": {"sentinel2": "sentinel2_l2a"},
    "climate_zones": {"source": "files", "settings": ["random", "city"], "stages": [0, 6], "seeds": 1},
}


class Desk:
    """A folder with files, a study, a storage and a Dagster home."""

    def __init__(self, folder, count=102):
        self.folder = folder
        for seed, part in enumerate(("training", "validation", "testing")):
            so2sat_files.write(folder / f"files/{part}.h5", so2sat_files.patches(count, seed))
            so2sat_files.write(folder / f"files/{part}_geo.h5", so2sat_files.places(count, CITIES, seed))
        (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))

    def fusion(self, *words):
        settings = {"FUSION_STUDY": "study.yaml", "FUSION_STORAGE": "data", "DAGSTER_HOME": str(self.folder / "home")}
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("FUSION_")]:
                patch.delenv(name)
            for name, value in settings.items():
                patch.setenv(name, value)
            return cli.main(words)

    def site(self):
        study = load_study(str(self.folder / "study.yaml"), sections=sections_of(SYSTEMS))
        return site_of(SYSTEMS, study, Settings.from_environment({"storage": str(self.folder / "data")}))

    def stored(self, pattern):
        return sorted(path for path in (self.folder / "data").rglob(pattern) if path.is_file())

    def document(self, path):
        return json.loads((self.folder / "data" / path).read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("zones"))
    assert desk.fusion("run", "--select", "group:climate_zones") == 0
    return desk


def test_every_point_stands_beside_the_others(made):
    study = made.document("fusion_study.json")
    for setting in ("random", "city"):
        entry = study["settings"][setting]
        assert set(entry["points"]) == {"sensors.0", "sensors.6", "sensors.sum"}
        assert set(entry["baselines"]) == {"majority", "forest"}
        assert set(entry["differences"]) == {"sensors.6", "sensors.sum"}
        for point in entry["points"].values():
            assert 0 <= point["figures"]["accuracy"]["value"] <= 1 and point["patches"] > 0
    assert study["settings"]["random"]["overlap"]["tested"] > 0
    assert study["settings"]["city"]["overlap"]["overlapping"] == 0
    costs = study["costs"]
    assert costs["sensors.6"]["parameters"] == costs["sensors.sum"]["parameters"] > costs["sensors.0"]["parameters"]


def test_a_sum_is_the_mean_of_what_was_trained_apart(made):
    data = made.folder / "data"
    parts = [pd.read_parquet(data / f"fusion_prediction/random.{n}.0/0.parquet") for n in ("radar", "optical")]
    mean = pd.read_parquet(data / "independent_sum/0/random.sensors.parquet")
    columns = [name for name in mean if name.startswith("p_")]
    assert len(columns) == 17 and np.allclose(mean[columns], (parts[0][columns] + parts[1][columns]) / 2, atol=1e-6)
    assert np.allclose(mean[columns].sum(axis=1), 1, atol=1e-5)
    assert not (data / "fusion_model/random.sensors.sum").exists()


def test_each_network_is_trained_once_and_a_second_run_trains_none(made, capsys):
    models = {path.relative_to(made.folder / "data/fusion_model").as_posix() for path in made.stored("*.keras")}
    networks = ("all.0", "optical.0", "radar.0", "sensors.6")
    names = [f"{setting}.{name}" for setting in ("random", "city") for name in networks]
    assert models == {f"{name}/0.keras" for name in names}
    before = {path: path.stat().st_mtime_ns for path in made.stored("*")}
    capsys.readouterr()
    assert made.fusion("run", "--select", "group:climate_zones") == 0
    assert "32 fresh" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in made.stored("*")} == before
    assert not made.stored("zone_states/*")


def test_verification_knows_every_file(made, capsys):
    assert made.fusion("verify", "--select", "group:climate_zones") == 0
    assert made.fusion("verify") == 0
    assert "of nothing" not in capsys.readouterr().out


def test_the_report_and_the_summary_say_what_was_found(made, capsys):
    page = (made.folder / "data/fusion_report.html").read_text()
    assert "<strong>Synthetic.</strong>" not in page
    for entry in made.document("fusion_study.json")["settings"].values():
        assert overlap_text(entry) in page
    assert "1 of 5 parts of the cities were tested" in page.split("<main>")[0]
    capsys.readouterr()
    assert made.fusion("run", "--select", "group:climate_zones") == 0
    assert "fusion report: " in capsys.readouterr().out
    summary = CLIMATE_ZONES.summary(made.site(), False)
    assert "Local climate zones: where sensors are joined" in summary and summary.count("a forest on means") == 2


def test_the_doctor_says_that_nothing_is_to_be_trained(made):
    (look,) = CLIMATE_ZONES.looks(made.site())
    assert look.subject == "trainings" and look.work() == "all 8 trainings are there"


def test_other_files_than_those_compared_are_refused(made, capsys):
    path = made.folder / "files/testing.h5"
    kept, card = path.read_bytes(), made.folder / "data/fusion_prediction/city.all.0/0.parquet"
    card.unlink()
    try:
        so2sat_files.write(path, so2sat_files.patches(102, seed=9))
        capsys.readouterr()
        assert made.fusion("run", "--select", "fusion_prediction") == 1
        said = "".join(capsys.readouterr())
        assert "files on this machine has other patches of testing" in said and "--select lcz_patches" in said
    finally:
        path.write_bytes(kept)
    assert made.fusion("run", "--select", "fusion_prediction") == 0 and card.is_file()
