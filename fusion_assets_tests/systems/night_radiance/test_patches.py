"""Patches for people who train elsewhere: what is written comes back to the bit, through TensorFlow too."""

import dataclasses
from pathlib import Path

import dagster as dg
import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.learning.backend import tensorflow
from fusion_assets.learning.mixer import read_mixer
from fusion_assets.learning.patch_files import read_image, read_patches, write_patches
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.systems.night_radiance.imagery_requests import CELLS, OPTICS, PATCHES, SENSOR, cells_around
from fusion_assets.systems.night_radiance.section import grid_of
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.systems.night_radiance.nights import PLACES, YEAR, study

SIZE, MARGIN = 32, 8
REGION = "middle"


def stored(site, asset, grid, bands):
    """Place a raster as a run would have."""
    raster = write_raster(grid.dataset(bands), nodata=np.nan, tags=site.facts(asset, REGION, str(YEAR)))
    site.managers["rasters"].save(raster, Artifact(asset, REGION, str(YEAR)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    made = study(patches={"size": SIZE, "margin": MARGIN}, rounds=3)
    folder = tmp_path_factory.mktemp("patches")
    return site_of(SYSTEMS, made, Settings(study=made, storage=str(folder / "data"), archive="catalog.json"))


@pytest.fixture(scope="module")
def inputs(site):
    chance = np.random.default_rng(3)
    fine = grid_of(site.study, REGION)
    names = [*(f"SR_B{number}" for number in range(1, 8)), "ST_B10"]
    optics = {name: chance.random(fine.shape, "f4") for name in names}
    optics["SR_B4"][3, 5] = np.nan
    cells = cells_around(fine)
    lights = chance.random(cells.shape, "f4") * 20
    counts = np.ones(fine.shape, "f4")
    stored(site, OPTICS, fine, optics | {"observation_count": counts})
    stored(site, CELLS, cells, {"avg_rad": lights, "cf_cvg": np.ones_like(lights), "deviation": np.ones_like(lights)})
    sensor = {"metres": 742.0, "source": "stated"}
    site.managers["documents"].save(sensor, Artifact(SENSOR, REGION, str(YEAR)))
    return optics, lights


@pytest.fixture(scope="module")
def files(site, inputs):
    """Paths of what the asset has made, by name, and how the run went."""
    settings = dataclasses.asdict(site.settings) | {"study": site.study}
    job = build_definitions(SYSTEMS, settings).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        keys = [dg.AssetKey(PATCHES)]
        assert job.execute_in_process(asset_selection=keys, partition_key=f"{REGION}|{YEAR}", instance=instance).success
    return {name: Path(path) for name, path in site.load("folders", PATCHES, REGION, YEAR).items()}


def mixer_and_shards(files):
    mixer = next(path for name, path in files.items() if name.endswith("-mixer.json"))
    return read_mixer(mixer, (2 * MARGIN, 2 * MARGIN)), sorted(path for path in files.values() if path != mixer)


def image_of(site, files):
    mixer, shards = mixer_and_shards(files)
    return read_image(mixer, shards, grid=grid_of(site.study, REGION))


def test_what_methods_see_comes_back_to_the_bit(site, inputs, files):
    image, (optics, _) = image_of(site, files), inputs
    for name, plane in optics.items():
        known = np.isfinite(plane)
        np.testing.assert_array_equal(image[name].to_numpy()[known], plane[known])
        assert np.isfinite(image[name]).all()
    assert {"ndvi", "settlement", "start", "cells", "place", "block", "validity"} <= set(image.data_vars)


def test_cells_are_the_products_and_the_start_holds_their_light(site, inputs, files):
    image = image_of(site, files)
    assert set(np.unique(image["cells"])) <= set(np.unique(inputs[1]))
    assert float(image["start"].mean()) == pytest.approx(float(image["cells"].mean()), rel=0.05)


def test_unknown_pixels_and_those_beyond_the_grid_are_not_valid(site, files):
    image = image_of(site, files)
    validity = image["validity"].to_numpy()
    assert validity[3, 5] == 0 and validity.mean() > 0.99
    mixer, shards = mixer_and_shards(files)
    whole = read_image(mixer, shards, ["validity"])["validity"].to_numpy()
    height, width = image["validity"].shape
    assert whole.shape != (height, width) and not whole[height:].any() and not whole[:, width:].any()


def test_places_are_numbered_as_in_the_study_and_blocks_are_squares_of_cells(site, files):
    image = image_of(site, files)
    assert set(np.unique(image["place"])) == {PLACES.index(REGION)}
    block = image["block"].to_numpy()
    assert block[0, 0] == 0 and len(np.unique(block)) > 1 and block[:40, :40].max() == 0


def test_tensorflow_reads_what_we_wrote_and_we_read_what_it_writes(site, files, tmp_path):
    tf = tensorflow()
    mixer, shards = mixer_and_shards(files)
    assert (mixer.patch, mixer.record) == ((SIZE, SIZE), (SIZE + 2 * MARGIN, SIZE + 2 * MARGIN))
    form = {name: tf.io.FixedLenFeature(mixer.record, tf.float32) for name in ("start", "validity")}
    records = list(tf.data.TFRecordDataset(list(map(str, shards)), "GZIP"))
    assert len(records) == mixer.total
    for record, ours in zip(records, read_patches(mixer, shards), strict=True):
        theirs = tf.io.parse_single_example(record, form)
        for name in form:
            np.testing.assert_array_equal(theirs[name].numpy(), ours[name])
    # Predictions in the order of the patches, without what records overlap.
    predictions = ({"radiance": each["start"][mixer.inner]} for each in read_patches(mixer, shards))
    answered = write_patches(predictions, mixer.without_kernel(), tmp_path / "answers")
    grid = grid_of(site.study, REGION)
    again = read_image(mixer.without_kernel(), answered, grid=grid)["radiance"]
    np.testing.assert_array_equal(again, image_of(site, files)["start"])


def test_the_record_says_what_the_patches_are(site, files):
    record = site.managers["folders"].document(Artifact(PATCHES, REGION, str(YEAR)))[0]
    assert (record["patch"], record["margin"], record["rounds"], record["reserved"]) == (SIZE, MARGIN, 3, False)
    assert record["unit"] == "nW/cm2/sr" and "validity" in record["bands"]
    other = study(patches={"size": SIZE, "margin": 0}, rounds=3)
    site_of_other = site_of(SYSTEMS, other, dataclasses.replace(site.settings, study=other))
    with pytest.raises(FusionError, match="other settings"):
        site_of_other.load("folders", PATCHES, REGION, YEAR)


def test_a_study_that_does_not_ask_has_none():
    made = build_definitions(SYSTEMS, {"study": study()}).resolve_asset_graph()
    assert dg.AssetKey(PATCHES) not in made.get_all_asset_keys()
