"""`fusion loopback` as people use it: started by its command, asked by scripts that know nothing of this project."""

import json
import os
import signal
import socket
import subprocess
import sys

import pystac
import pytest
import requests

from fusion_assets.cli.main import main
from fusion_assets.loopbacks.earth_engine import tiny_archive as optics
from fusion_assets.loopbacks.sentinel_hub import tiny_archive as both_sensors
from fusion_assets_tests.loopbacks.command import WAIT_SECONDS, command

# What the command tells people to begin with, and then what they may well do next.
EARTH_ENGINE = f"""
import json, os, sys, time, urllib.request
import ee
from google.auth.credentials import AnonymousCredentials
ee.Initialize(AnonymousCredentials(), url=os.environ["EE_URL"], project=os.environ["EE_PROJECT"])
scenes = ee.ImageCollection("COPERNICUS/S2_SR_HARMONIZED").filterDate("2018-07-01", "2018-08-01")
composite = scenes.select("B2").median()
grid = {{"crs": "{optics.CRS}", "crsTransform": [10, 0, {optics.WEST}, 0, -10, {optics.NORTH}]}}
box = [{optics.WEST}, {optics.NORTH} - 80, {optics.WEST} + 80, {optics.NORTH}]
place = ee.Geometry.Rectangle(box, "{optics.CRS}", False)
mean = composite.reduceRegion(ee.Reducer.mean(), place, **grid).getInfo()
task = ee.batch.Export.image.toCloudStorage(composite, "july", "exports", "maps/july", dimensions="8x8", **grid)
task.start()
while task.active():
    time.sleep(0.05)
address = os.environ["STORAGE_EMULATOR_HOST"] + "/storage/v1/b/exports/o/maps%2Fjuly.tif?alt=media"
with open("july.tif", "wb") as file:
    file.write(urllib.request.urlopen(address).read())
ours = [name for name in sys.modules if name.startswith("fusion_assets")]
print(json.dumps([scenes.size().getInfo(), mean, task.status()["state"], ours]))
"""
SENTINEL_HUB = """
import json, os, sys
from sentinelhub import CRS, BBox, SentinelHubCatalog, SHConfig
names = ("sh_base_url", "sh_token_url", "sh_client_id", "sh_client_secret")
config = SHConfig(**{name: os.environ[name.upper()] for name in names})
box = BBox((2, 50, 4, 51), CRS.WGS84)
found = SentinelHubCatalog(config).search("sentinel-2-l2a", bbox=box, time=("2018-07-01", "2018-07-31"))
ours = [name for name in sys.modules if name.startswith("fusion_assets")]
print(json.dumps([sorted(item["id"] for item in found), ours]))
"""


def run(script, variables, folder):
    """What a script prints, as JSON; the web is out of its reach."""
    environment = {**os.environ, **variables, "https_proxy": "http://127.0.0.1:1", "no_proxy": "127.0.0.1"}
    line = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=WAIT_SECONDS)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def ended(process, number):
    """Exit code and last words of a command that gets a signal."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=WAIT_SECONDS)
    return process.returncode, output.splitlines()[-1]


def test_a_script_in_plain_ee_composites_and_exports(tmp_path):
    import rasterio

    catalog = optics.write(tmp_path)
    with command("earth_engine", catalog, "--state", tmp_path / "state") as (variables, process):
        assert variables["FUSION_ENGINE"] == "earth_engine" and variables["FUSION_EE_BUCKET"] == "exports"
        answer = run(EARTH_ENGINE, variables, tmp_path)
        assert ended(process, signal.SIGINT) == (130, "# stopped")
    # The middle one of three scenes is 2000 + n; where it has no data, the mean of the others is the same.
    assert answer == [3, {"B2": 2000 + 63 / 2}, "COMPLETED", []]
    with rasterio.open(tmp_path / "july.tif") as file:
        assert file.read(1).ravel().tolist() == [2000 + number for number in range(64)]
    with command("earth_engine", catalog, "--state", tmp_path / "state") as (variables, process):
        operations = requests.get(f"{variables['EE_URL']}/v1/projects/demo/operations").json()["operations"]
        assert [operation["metadata"]["description"] for operation in operations] == ["july"], (
            "they outlive the process"
        )
        assert ended(process, signal.SIGTERM)[0] == 143


def test_a_script_in_plain_sentinelhub_searches(tmp_path):
    with command("sentinel_hub", both_sensors.write(tmp_path), "--prefix", "S2_B") as (variables, process):
        assert variables["FUSION_ENGINE"] == "sentinel_hub"
        assert run(SENTINEL_HUB, variables, tmp_path) == [["S2_B1", "S2_B2"], []]
        assert ended(process, signal.SIGTERM) == (143, "# stopped")


@pytest.mark.parametrize("service", ["earth_engine", "sentinel_hub"])
def test_what_cannot_be_served_is_said_before_anything_is_started(service, tmp_path, capsys):
    empty = pystac.Catalog("empty", "Nothing.")
    empty.normalize_and_save(str(tmp_path), pystac.CatalogType.SELF_CONTAINED)
    (tmp_path / "other.json").write_text('{"type": "Other"}')
    (tmp_path / "text.json").write_text("no JSON")
    for name in ("nowhere.json", "other.json", "text.json", "."):
        assert main(["loopback", service, str(tmp_path / name)]) == 1
        assert "cannot be read as a STAC catalog" in capsys.readouterr().err
    assert main(["loopback", service, str(tmp_path / "catalog.json")]) == 1
    assert "that this service knows" in capsys.readouterr().err


def test_a_port_that_is_taken_and_a_package_that_is_missing_are_said(tmp_path, capsys, monkeypatch):
    catalog = optics.write(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for option in ("--port", "--storage-port"):
            assert main(["loopback", "earth_engine", catalog, option, str(taken.getsockname()[1])]) == 1
            assert "the port is taken" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    assert main(["loopback", "earth_engine", catalog, "--state", str(tmp_path / "file")]) == 1
    assert "file" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "gcp_storage_emulator.server", None)
    assert main(["loopback", "earth_engine", catalog]) == 1
    told = capsys.readouterr().err
    assert "gcp_storage_emulator is not installed" in told and "fusion-assets[loopback]" in told


@pytest.mark.parametrize("options", [["--port", "65536"], ["--port", "x"], ["--table", "a=/nowhere"], ["--table", "a"]])
def test_options_that_make_no_sense_are_refused(options, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["loopback", "earth_engine", "catalog.json", *options])
    assert stopped.value.code == 2 and "is not" in capsys.readouterr().err
