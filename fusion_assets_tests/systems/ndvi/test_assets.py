"""The assets of gap-free NDVI, run as Dagster runs them, on a small synthetic archive."""

import dataclasses
import datetime as dt
import json
import re
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.settings import Settings
from fusion_assets.systems.ndvi import imagery_requests as requests
from fusion_assets.systems.ndvi.gap_filling.cube_filling import SOURCES, target_days
from fusion_assets.systems.ndvi.section import grid_of
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.chromium import reading
from fusion_assets_tests.test_real_places import STUDIES
from fusion_assets_tests.whole_studies import load_study, study_of

BEFORE = {"ndvi_clear": set(), "backscatter": set(), "ndvi_model": {"ndvi_clear", "backscatter"}}
GRAPH = {
    **BEFORE,
    "ndvi_filled": {"ndvi_clear", "backscatter", "ndvi_model"},
    "ndvi_evaluation": {"ndvi_clear", "backscatter"},
    "ndvi_report": {"ndvi_clear", "backscatter", "ndvi_filled", "ndvi_evaluation"},
}


def study(catalog, **ndvi):
    region = json.loads((Path(catalog).parent / "demo.json").read_text())["region"]
    return study_of(
        {
            "name": "small",
            "regions": [{"name": "here", "geometry": region["geometry"], "crs": region["crs"]}],
            "resolution": 1000,
            "prediction_years": [2015, 2016],
            "season": "any",
            "products": {"sentinel2": "sentinel2_l2a"},
            "features": "optics",
            "ndvi": {"resolution": 250, "years": [2016], "method": "interpolation", "sample": 500, **ndvi},
        }
    )


class Run:
    """A study's NDVI in a storage of its own."""

    def __init__(self, made, catalog, folder, instance, **settings):
        self.study, self.instance = made, instance
        self.settings = Settings(study=made, archive=str(catalog), storage=str(folder), **settings)
        self.definitions = build_definitions(SYSTEMS, dataclasses.asdict(self.settings) | {"study": made})
        self.managers = managers(str(folder), site_of(SYSTEMS, made, self.settings).facts)

    def make(self, *assets, year=2016):
        job = self.definitions.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(asset) for asset in assets]
        return job.execute_in_process(
            asset_selection=keys, partition_key=f"here|{year}", instance=self.instance, raise_on_error=False
        )

    def load(self, asset, year=2016, kind="cubes"):
        return self.managers[kind].load(Artifact(asset, "here", str(year)))


@pytest.fixture(scope="module")
def run(catalog, tmp_path_factory):
    with dg.DagsterInstance.ephemeral() as instance:
        run = Run(study(catalog), catalog, tmp_path_factory.mktemp("storage"), instance)
        result = run.make(*GRAPH)
        assert result.success
        run.result = result
        yield run


def why(result):
    """Descriptions of what failed."""
    return " ".join(
        str(event.event_specific_data.user_failure_data.description)
        for event in result.all_events
        if event.is_step_failure and event.event_specific_data.user_failure_data
    )


def graph_of(made):
    graph = build_definitions(SYSTEMS, {"study": made}).resolve_asset_graph()
    return {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.executable_asset_keys
        if graph.get(key).group_name == "ndvi"
    }


def test_graph(catalog):
    assert graph_of(study(catalog)) == GRAPH
    without = {name: upstream - {"backscatter"} for name, upstream in GRAPH.items() if name != "backscatter"}
    assert graph_of(study(catalog, sentinel1="none")) == without


def test_partitions_are_the_years_of_the_section(catalog):
    definitions = build_definitions(SYSTEMS, {"study": study(catalog)})
    for asset in definitions.assets:
        if asset.key.to_user_string() in GRAPH:
            assert asset.partitions_def.get_partition_keys() == ["here|2016"]


def test_filled_series(run):
    clear, filled = run.load("ndvi_clear"), run.load("ndvi_filled").compute()
    assert filled.rio.crs == clear.rio.crs and filled.attrs["Conventions"].startswith("CF")
    assert dict(filled.sizes) == dict(grid_of(run.study, "here").dataset({}).sizes) | {"time": filled.sizes["time"]}
    np.testing.assert_array_equal(
        filled["time"].values.astype("datetime64[D]"), target_days(clear, 2016, None), "every date of Sentinel-2"
    )
    seen = clear["ndvi"].sel(time=filled["time"]).values
    known = np.isfinite(seen)
    np.testing.assert_array_equal(filled["ndvi"].values[known], seen[known])
    assert (filled["source"].values[known] == SOURCES.index("observed")).all()
    assert not np.isin(filled["source"].values[~known], SOURCES.index("observed")).any()
    value = filled["ndvi"].values
    assert np.isfinite(value).mean() > np.isfinite(seen).mean() + 0.1
    inside = np.isfinite(value)
    assert (filled["low"].values[inside] <= value[inside] + 2e-4).all()
    assert (filled["high"].values[inside] >= value[inside] - 2e-4).all()
    assert np.nanmin(filled["low"]) >= -1 and np.nanmax(filled["high"]) <= 1


def test_everything_stored_says_that_its_imagery_is_simulated(run):
    storage = Path(run.settings.storage)
    for asset in ("ndvi_clear", "backscatter", "ndvi_filled"):
        (store,) = (storage / asset / "here").glob("*.zarr")
        opened = xr.open_zarr(store)
        assert opened.attrs["synthetic"] == "yes" and opened.attrs["comment"].startswith("SYNTHETIC: ")
        shown = run.result.asset_materializations_for_node(asset)[0].metadata["preview"].value
        assert shown.startswith("SYNTHETIC: here|2016")
    assert run.managers["documents"].stored_facts(Artifact("ndvi_model", "here", "2016"))["synthetic"] == "yes"
    assert run.managers["tables"].stored_facts(Artifact("ndvi_evaluation", "here", "2016"))["synthetic"] == "yes"
    for asset in ("ndvi_model", "ndvi_evaluation"):
        assert run.result.asset_materializations_for_node(asset)[0].metadata["synthetic"].value == "yes"
    assert "<strong>Synthetic.</strong>" in (storage / "ndvi_report" / "here" / "2016.html").read_text()


def test_clear_series_has_gaps_and_no_cloud_shadow(run):
    clear = run.load("ndvi_clear")["ndvi"].values
    assert 0.1 < np.isfinite(clear).mean() < 0.9
    request = requests.optics_request(run.study, run.settings, "here", 2016)
    assert request.recipe.mask.values == (4, 5, 6)
    assert str(request.window[0]) == "2015-11-02" and str(request.window[1]) == "2017-03-01"


def test_classes_are_the_study_s(catalog, run):
    chosen = study(catalog, sentinel2={"product": "sentinel2_l2a", "mask": {"classes": [4]}})
    assert requests.optics_request(chosen, run.settings, "here", 2016).recipe.mask.values == (4,)
    ours, theirs = (requests.facts_of(s, run.settings, "ndvi_clear", "here", 2016) for s in (run.study, chosen))
    assert ours["recipe_digest"] != theirs["recipe_digest"]


def test_clear_classes_are_codes_of_the_product(catalog, run):
    chosen = study(catalog, sentinel2="sentinel2_nbart")
    mask = requests.optics_request(chosen, run.settings, "here", 2016).recipe.mask
    assert (mask.assets, mask.values) == (("oa_fmask",), (1, 5)), "land and water; 4 is snow"


def test_backscatter_keeps_orbits_apart(run):
    radar = run.load("backscatter").compute()
    assert set(radar["orbit"].values) == {19, 85}
    assert -30 < float(radar["VH"].mean()) < float(radar["VV"].mean()) < 0
    assert radar["VV"].dtype == np.float32


def test_evaluation_and_report(run):
    table = run.load("ndvi_evaluation", kind="tables")
    assert isinstance(table, pd.DataFrame) and {"estimator", "position", "gap_days", "rmse", "coverage"} <= set(
        table.columns
    )
    page = run.load("ndvi_report", kind="documents")
    assert page.count("<img") >= 6 and page.count('role="img" aria-label="') == 2 and "http-equiv" in page
    assert not re.search(r'(?:src|href)="(?!data:|#)', page), "opens without a network"
    own = table[(table["estimator"] == run.study.ndvi.method) & (table["gap_days"] == 30)]
    own = own[own["position"] == "within"].iloc[0]
    names = ("rmse", "bias", "r2", "coverage")
    cells = [f"{own[name]:z.3f} ({own[f'{name}_low']:z.3f} to {own[f'{name}_high']:z.3f})" for name in names]
    assert "".join(f"<td>{cell}</td>" for cell in cells) in page
    dates = run.load("ndvi_clear").sizes["time"]
    assert f"2015-11-02 to 2017-03-01; {dates} dates" in page and "classes 4, 5, 6" in page


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 390])
def test_the_report_in_a_browser(run, tmp_path, width):
    with reading(tmp_path) as opened:
        driver = opened(run.load("ndvi_report", kind="documents"), width)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width, "scrolls sideways"
        body = driver.find_element("tag name", "body").text
        assert "Synthetic." in body and "Contains modified Copernicus Sentinel data" in body
        assert "holds nothing of these sources" in body and "`" not in body


def test_checks_pass(run):
    checks = {check.check_name: check.passed for check in run.result.get_asset_check_evaluations()}
    names = ["enough_clear", "ndvi_varies", "decibels", "filled", "within_bounds", "no_worse_than_interpolation"]
    assert checks == dict.fromkeys(names, True)


@pytest.mark.slow
def test_earth_engine_gives_the_same(catalog, run, tmp_path):
    with EarthEngineService(catalog, clock=Clock(manual=True)) as service:
        settings = {"engine": "earth_engine", "ee_project": "demo", "ee_url": service.url}
        other = Run(study(catalog), catalog, tmp_path, run.instance, **settings)
        assert other.make("ndvi_clear", "backscatter").success
    for asset, layers, tolerance in (("ndvi_clear", ["ndvi"], 1e-4), ("backscatter", ["VV", "VH"], 5e-3)):
        expected, found = run.load(asset), other.load(asset)
        np.testing.assert_array_equal(found["time"], expected["time"])
        for layer in layers:
            one, same = expected[layer].values, found[layer].values
            np.testing.assert_array_equal(np.isnan(same), np.isnan(one))
            np.testing.assert_allclose(same, one, rtol=0, atol=tolerance * 1.01)


def test_real_fields_are_filled(real_archive, tmp_path):
    made = load_study(STUDIES / "leie_ndvi.yaml")
    with dg.DagsterInstance.ephemeral() as instance:
        run = Run(made, real_archive, tmp_path, instance)
        job = run.definitions.resolve_implicit_global_asset_job_def()
        keys = [dg.AssetKey(asset) for asset in ("ndvi_clear", "backscatter", "ndvi_model", "ndvi_filled")]
        assert job.execute_in_process(asset_selection=keys, partition_key="leie|2018", instance=instance).success
        artifact = Artifact("ndvi_filled", "leie", "2018")
        filled = run.managers["cubes"].load(artifact).compute()
        radar = run.managers["cubes"].load(dataclasses.replace(artifact, asset="backscatter"))
    assert dict(filled.sizes) == {"time": 91, "y": 64, "x": 64}
    assert np.isfinite(filled["ndvi"].values).all() and len(set(radar["orbit"].values)) == 2


def test_regular_steps(catalog, run, tmp_path):
    other = Run(study(catalog, every_days=30, sentinel1="none"), catalog, tmp_path, run.instance)
    assert other.make("ndvi_clear", "ndvi_model", "ndvi_filled").success
    days = other.load("ndvi_filled")["time"].values.astype("datetime64[D]")
    assert str(days[0]) == "2016-01-01" and set(np.diff(days).astype(int)) == {30} and len(days) == 13


def test_a_year_without_radar_is_filled_all_the_same(catalog, run, tmp_path):
    made = study(catalog, sentinel1={"product": "sentinel1_grd", "collection": "sentinel-1-grd"})
    other = Run(made, catalog, tmp_path, run.instance)
    right = requests.radar_request

    def nothing_then(study, settings, region, year):
        return dataclasses.replace(right(study, settings, region, year), window=(dt.date(2013, 1, 1),) * 2)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "radar_request", nothing_then)
        assert other.make("ndvi_clear", "backscatter", "ndvi_model", "ndvi_filled").success
        assert other.load("backscatter").sizes["time"] == 0
        source = other.load("ndvi_filled")["source"].values
    assert not (source == SOURCES.index("radar")).any() and (source == SOURCES.index("interpolated")).any()


def test_nothing_clear_is_an_error_that_says_so(catalog, run, tmp_path):
    dark = study(catalog, sentinel2={"product": "sentinel2_l2a", "mask": {"classes": [99]}}, sentinel1="none")
    other = Run(dark, catalog, tmp_path, run.instance)
    assert other.make("ndvi_clear").success
    result = other.make("ndvi_model")
    assert not result.success and "no pixel of the region was clear" in why(result)


def test_series_of_other_settings_are_refused(catalog, run):
    other = Run(study(catalog, margin_days=0), catalog, run.settings.storage, run.instance)
    with pytest.raises(FusionError, match="other settings"):
        other.load("ndvi_clear")


def test_series_is_one_that_others_can_open(run):
    pointer = Path(run.settings.storage) / "ndvi_filled" / "here" / "2016.json"
    store = pointer.parent / json.loads(pointer.read_text())["store"]
    opened = xr.open_zarr(store, decode_coords="all")
    assert opened["ndvi"].attrs["standard_name"] == "normalized_difference_vegetation_index"
    assert opened["source"].attrs["flag_meanings"] == "no_data observed radar interpolated"
    assert opened["x"].attrs["standard_name"] == "projection_x_coordinate" and opened.rio.crs is not None
    assert opened.attrs["study"] == "small" and "recipe_digest" in opened.attrs
