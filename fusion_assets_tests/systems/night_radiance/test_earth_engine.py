"""Night radiance on the loopback Earth Engine, by the real client: from exports to assets with the maps' pixels."""

import os
import signal
import subprocess
import sys
import time

import dagster as dg
import pytest
import yaml

from fusion_assets.cli.steps import plan
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.earth_engine import Connection
from fusion_assets.imagery.engines.earth_engine.ingested import asset_pixels
from fusion_assets.imagery.engines.earth_engine.scene_lists import collections_of
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.loopbacks.earth_engine.operation import DONE
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA
from fusion_assets.settings import Settings
from fusion_assets.systems.night_radiance.imagery_requests import (
    CELLS,
    MAP,
    OPTICS,
    OPTICS_EXPORT,
    UPLOAD,
    cells_request,
    optics_request,
)
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.demo.squares.square_archive import archive_of
from fusion_assets_tests.imagery.engines.earth_engine.cases import assert_same
from fusion_assets_tests.systems.night_radiance import nights
from fusion_assets_tests.systems.night_radiance.test_end_to_end import NAMES, SQUARES, YEAR, Desk, content
from fusion_assets_tests.whole_studies import load_study, study_of

FOLDER = "projects/demo-maps/assets/radiance"
LC08, LC09 = "LANDSAT/LC08/C02/T1_L2", "LANDSAT/LC09/C02/T1_L2"
V21, V22 = "NOAA/VIIRS/DNB/ANNUAL_V21", "NOAA/VIIRS/DNB/ANNUAL_V22"
FIRST, REFUSED = NAMES[:2]
PATIENCE_SECONDS = 120


class EarthDesk(Desk):
    """A desk whose pixels come from the loopback service, by tasks that write to its bucket; its maps go there."""

    def __init__(self, folder, archive, service):
        super().__init__(folder, archive)
        self.service = service
        self.settings |= {
            "FUSION_ENGINE": "earth_engine", "EE_PROJECT": "demo", "EE_URL": service.url,
            "FUSION_EE_BUCKET": f"exports/{folder.name}",
        }  # fmt: skip

    def write(self, **section):
        study = content(upload={"folder": FOLDER}, **section)
        (self.folder / "study.yaml").write_text(yaml.safe_dump(study | {"earth_engine": {"way": "batch"}}))

    def killed_once(self, begun, *words):
        """Run a command in a process of its own, which is killed as soon as the service says that it has begun."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FUSION", "DAGSTER", "EE_"))}
        command = [sys.executable, "-m", "fusion_assets.cli.main", *words]
        with subprocess.Popen(command, cwd=self.folder, env=kept | self.settings, stdout=subprocess.DEVNULL) as process:
            wait_until(lambda: begun() or process.poll() is not None)
            assert process.poll() is None, "it ended before"
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL

    def started(self, kind, words=""):
        """Operations of a kind whose description holds these words."""
        return [each for each in self.service.operations.all() if each.type == kind and words in each.description]

    def wait(self):
        """Until all operations have ended."""
        wait_until(lambda: all(each.state in DONE for each in self.service.operations.all()))

    def records(self, asset, read):
        with dg.DagsterInstance.from_config(self.settings["DAGSTER_HOME"]) as instance:
            return read(instance, dg.AssetKey(asset))

    def metadata(self, asset):
        """What the newest ticket or pixels of each region say."""
        found = self.records(asset, lambda instance, key: instance.fetch_materializations(key, limit=100).records)
        made = [record.asset_materialization for record in reversed(found)]
        return {each.partition.split("|")[0]: {k: v.value for k, v in each.metadata.items()} for each in made}

    def tick(self):
        """One look of the sensor of uploads: regions whose upload is to be run, and why others have failed."""
        chosen = {
            "study": load_study(self.folder / "study.yaml"),
            "engine": "earth_engine", "storage": str(self.folder / "data"), "archive": str(self.archive),
            "ee_project": "demo", "ee_url": self.service.url, "ee_bucket": self.settings["FUSION_EE_BUCKET"],
        }  # fmt: skip
        made = build_definitions(SYSTEMS, chosen)
        with (
            dg.DagsterInstance.from_config(self.settings["DAGSTER_HOME"]) as instance,
            dg.build_sensor_context(instance, definitions=made, resources=made.resources) as context,
        ):
            result = made.resolve_sensor_def("finished_uploads").evaluate_tick(context)
        asked = {request.partition_key.split("|")[0] for request in result.run_requests}
        return asked, {event.partition.split("|")[0]: event.description for event in result.asset_events}


def wait_until(so):
    end = time.monotonic() + PATIENCE_SECONDS
    while not so():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return archive_of(tmp_path_factory.mktemp("squares") / "archive", SQUARES)


@pytest.fixture(scope="module")
def earth(archive, buckets, tmp_path_factory):
    """A desk where maps were made from what Earth Engine has."""
    with EarthEngineService(archive, buckets) as service:
        service.operations.pending_seconds = service.operations.running_seconds = 0.1
        desk = EarthDesk(tmp_path_factory.mktemp("earth"), archive, service)
        assert desk.fusion("run", "--select", f"*{MAP}") == 0
        yield desk


@pytest.mark.slow
def test_day_imagery_comes_by_one_task_a_region_and_lights_without(earth):
    assert len(earth.started("EXPORT_IMAGE")) == len(earth.service.operations.all()) == len(NAMES)
    tickets, pixels, lights = (earth.metadata(asset) for asset in (OPTICS_EXPORT, OPTICS, CELLS))
    assert set(tickets) == set(pixels) == set(lights) == set(NAMES)
    for name in NAMES:
        assert tickets[name][OPERATION_METADATA] == pixels[name][OPERATION_METADATA]
        assert (pixels[name]["way"], pixels[name]["collection"]) == ("batch", f"{LC08} and {LC09}")
        assert lights[name]["engine"] == "earth_engine"


@pytest.mark.slow
def test_the_archive_gives_the_same_composites_and_lights(earth, archive, tmp_path):
    desk = Desk(tmp_path, archive)
    assert desk.fusion("run", "--select", f"*{OPTICS},{CELLS}") == 0
    for name in NAMES:
        for asset in (OPTICS, CELLS):
            expected, found = (each.raster(asset, name).compute() for each in (desk, earth))
            assert found.attrs["scene_count"] == expected.attrs["scene_count"]
            expected.attrs = found.attrs = {}
            assert_same(expected, found)


@pytest.mark.slow
def test_maps_become_image_assets_with_their_pixels(earth, capsys):
    service, exports = earth.service, len(earth.service.operations.all())
    service.operations.pending_seconds = 600
    # The process dies while Earth Engine takes the first map: nobody has noted the operation.
    service.faults.add("slow", endpoint="image.import", seconds=1)
    asked = service.counters.requests["image.import"]
    earth.killed_once(lambda: service.counters.requests["image.import"] > asked, "run", "--select", UPLOAD)
    wait_until(lambda: earth.started("INGEST_IMAGE"))
    assert not list((earth.folder / "data" / UPLOAD).rglob("*.json"))
    service.faults.add("task_quota", description=f"{UPLOAD}:{REFUSED}:{YEAR}")
    assert earth.fusion("run", "--select", UPLOAD) == 0
    assert {name: len(earth.started("INGEST_IMAGE", f":{name}:")) for name in NAMES} == dict.fromkeys(NAMES, 1)
    service.clock.advance(601)
    earth.wait()

    asked, failed = earth.tick()
    assert asked == set(NAMES) - {REFUSED} and "Quota exceeded" in failed.pop(REFUSED) and not failed
    # Whoever has no sensor running runs again: what has succeeded is compared, what has failed is tried anew.
    capsys.readouterr()
    for expected in ((REFUSED, "attempt 1 failed: Quota exceeded", "is pending on Earth Engine"), ()):
        assert earth.fusion("run", "--select", UPLOAD) == 0
        said = "".join(capsys.readouterr())
        assert all(words in said for words in expected) and ("Earth Engine" in said) is bool(expected)
        service.clock.advance(601)
        earth.wait()
    assert len(service.operations.all()) == exports + len(NAMES) + 1
    tickets, connection = earth.metadata(UPLOAD), Connection("demo", service.url)
    for name in NAMES:
        assert tickets[name]["state"] == "SUCCEEDED" and tickets[name]["target"] == f"{FOLDER}/{name}_{YEAR}"
        sent = earth.raster(MAP, name).compute()
        found = asset_pixels(tickets[name]["target"], list(sent.data_vars), Grid.of(sent), connection)
        assert tickets[name]["pixels"] == len(sent.data_vars) * sent["radiance"].size
        for band in sent.data_vars:
            assert found[band].values.tobytes() == sent[band].values.tobytes(), band
    assert earth.tick() == (set(), {})


@pytest.mark.slow
def test_a_second_run_asks_for_nothing(earth, capsys):
    operations = len(earth.service.operations.all())
    capsys.readouterr()
    assert earth.fusion("run", "--select", f"*{UPLOAD}") == 0
    assert "made" not in capsys.readouterr().out and len(earth.service.operations.all()) == operations


@pytest.mark.slow
def test_an_export_outlives_the_process_that_asked_for_it(archive, buckets, tmp_path):
    with EarthEngineService(archive, buckets, Clock(manual=True)) as service:
        desk = EarthDesk(tmp_path, archive, service)
        words = ("run", "--select", f"*{OPTICS}", "--region", FIRST)
        desk.killed_once(service.operations.all, *words)
        service.advance(3600)
        assert desk.fusion(*words) == 0
        assert len(service.operations.all()) == 1 and [path.stem for path in desk.stored(OPTICS)] == [str(YEAR)]


def test_collections_are_those_of_the_year():
    made = study_of({**nights.content(), "prediction_years": [2021, 2022]})
    settings = Settings(study="nights", engine="earth_engine")
    for year, lights in ((2021, V21), (2022, V22)):
        asked = [request(made, settings, "west", year) for request in (cells_request, optics_request)]
        assert [[each.id for each in collections_of(request)] for request in asked] == [[lights], [LC08, LC09]]


def test_maps_are_sent_after_they_are_made():
    made = nights.study(upload={"folder": FOLDER})
    names = [
        step.name for step in plan(build_definitions(SYSTEMS, {"study": made}), made, select="group:night_radiance")
    ]
    places = [(names.index(f"{MAP} {name}|{YEAR}"), names.index(f"{UPLOAD} {name}|{YEAR}")) for name in nights.PLACES]
    assert all(mapped < sent for mapped, sent in places)


def test_where_maps_are_sent_makes_nothing_else_anew():
    without, with_it = nights.study(), nights.study(upload={"folder": FOLDER})
    assert without.digest("night_radiance") == with_it.digest("night_radiance")
    codes = [
        {key.to_user_string(): spec.code_version for asset in build_definitions(SYSTEMS, {"study": made}).assets
         for key, spec in asset.specs_by_key.items()}
        for made in (without, with_it)
    ]  # fmt: skip
    assert {name for name in codes[1] if codes[0].get(name) != codes[1][name]} == {UPLOAD}
