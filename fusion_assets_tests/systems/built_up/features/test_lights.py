"""Lights cleaned: what each step recovers on a land of known make, and that all years share one reference."""

import dataclasses

import dagster as dg
import dask.array as da
import numpy as np
import pytest

from fusion_assets.imagery.compositing.composite import is_clear
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import open_raster, write_raster
from fusion_assets.study.imagery_requests import request_for
from fusion_assets.study.lights import LightsUse
from fusion_assets.systems.built_up.features import lights
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.orchestration.test_definitions import PRODUCTS, study

SHAPE = (60, 80)
OFF = {"reference": "none", "outliers": False, "background": "none", "negative": "keep"}
NOISE = 0.03
PIXEL = 500.0
LIT = ("night_lights", "here", 2016)
GREW, FIRE = np.s_[5:10, 60:65], np.s_[50, 10]


def use(**steps):
    return LightsUse.model_validate({**OFF, **steps})


def land():
    """Dark land with a town in the middle: radiance without airglow, nW/cm2/sr."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    return 60 * np.exp(-((y - 30) ** 2 + (x - 40) ** 2) / 150)


def year(seed, airglow=0.2, gain=1.0, grown=0.0):
    """The land as one year's composite: another airglow, another gain, and a quarter that has grown."""
    radiance = land()
    radiance[GREW] += grown
    return (gain * radiance + airglow + NOISE * np.random.default_rng(seed).standard_normal(SHAPE)).astype(np.float32)


def cleaned(now, reference, steps):
    standard = lights.fit(now, reference, steps)
    return np.asarray(list(lights.clean(now, reference, standard, steps, PIXEL).values())[-1]), standard


def test_all_steps_off_change_nothing():
    now, reference = year(1, airglow=-0.1), year(2)
    steps = lights.clean(now, reference, lights.fit(now, reference, use()), use(), PIXEL)
    assert list(steps) == ["composite"]
    np.testing.assert_array_equal(np.asarray(steps["composite"]), now)


def test_the_offset_of_dark_land_is_found_and_growth_stays():
    now, reference = year(1, airglow=0.5, grown=8), year(2)
    found, standard = cleaned(now, reference, use(reference="offset"))
    assert standard.offset == pytest.approx(0.3, abs=0.01) and standard.gain == 1
    assert standard.dark_pixels > 1000
    assert (found - reference)[GREW].mean() == pytest.approx(8, abs=0.1)


def test_the_gain_of_most_lit_places_is_found_beside_those_that_grew():
    now, reference = year(1, airglow=0.5, gain=1.2, grown=8), year(2)
    found, standard = cleaned(now, reference, use(reference="linear"))
    assert standard.gain == pytest.approx(1.2, abs=0.01)
    assert standard.invariant_pixels >= lights.FEWEST
    assert np.abs(found - reference)[land() > 5].max() < 0.6
    assert (found - reference)[GREW].mean() == pytest.approx(8, abs=0.2)


def test_background_is_the_reference_years_for_every_year():
    now, reference = year(1, airglow=0.5), year(2, airglow=0.2)
    now[:30] = np.nan
    found, standard = cleaned(now, reference, use(reference="offset", background="auto"))
    _, own = cleaned(reference, None, use(background="auto"))
    assert standard.background == own.background == pytest.approx(0.2, abs=0.03)
    assert np.nanmedian(found[:, :10]) == pytest.approx(0, abs=0.03)
    by_number, _ = cleaned(now, reference, use(background=0.25))
    np.testing.assert_allclose(by_number, now - 0.25, atol=1e-6)


def test_where_all_is_lit_there_is_no_background_and_no_offset():
    now, reference = year(1, airglow=8), year(2, airglow=5)
    _, standard = cleaned(now, reference, use(reference="offset", background="auto"))
    assert (standard.background, standard.offset, standard.dark_pixels) == (0, 0, 0)


def test_negative_noise_becomes_zero_and_no_data_stays():
    now = year(1, airglow=0.0)
    now[3, 4] = np.nan
    found, _ = cleaned(now, None, use(negative="zero"))
    assert np.isnan(found[3, 4]) and np.isnan(found).sum() == 1
    np.testing.assert_array_equal(found[now > 0], now[now > 0])
    assert (now < 0).sum() > 100 and np.nanmin(found) == 0


@pytest.mark.parametrize("chunks", [-1, 7, 30])
def test_a_fire_gives_way_to_the_reference_and_growth_beside_a_town_does_not(chunks):
    reference, now = year(2), year(1, grown=8)
    now[FIRE] += 30
    now[51, 10] += 3
    now[30, 40] *= 3
    reference[20, 20] = np.nan
    now[20, 20] = 99
    a, b = (da.from_array(each, chunks=chunks) for each in (now, reference))
    found, _ = cleaned(a, b, use(outliers=True))
    changed = found != now
    assert changed[FIRE] and changed[51, 10] and changed.sum() == 2
    np.testing.assert_array_equal(found[changed], reference[changed])


def test_no_data_of_either_year_stays_out_of_it():
    now, reference = year(1), year(2)
    now[:5], reference[-5:] = np.nan, np.nan
    every = LightsUse.model_validate({"reference": "linear", "background": "auto"})
    found, _ = cleaned(now, reference, every)
    np.testing.assert_array_equal(np.isnan(found), np.isnan(now))
    nothing = np.full(SHAPE, np.nan, np.float32)
    for pair in ((nothing, reference), (now, nothing), (nothing, None)):
        np.testing.assert_array_equal(np.isnan(cleaned(*pair, every)[0]), np.isnan(pair[0]))


def test_large_rasters_are_estimated_from_a_sample():
    now, reference = year(1, airglow=0.5), year(2)
    whole = lights.fit(now, reference, use(reference="offset"))
    thin = lights.fit(now, reference, use(reference="offset"), sample=600)
    assert thin.dark_pixels < whole.dark_pixels / 3
    assert thin.offset == pytest.approx(whole.offset, abs=0.02)


def test_what_each_step_did_is_told():
    now, reference = year(1, airglow=0.5), year(2, airglow=0.1)
    now[FIRE] += 30
    steps = use(reference="offset", outliers=True, background="auto", negative="zero")
    standard = lights.fit(now, reference, steps)
    done = lights.clean(now, reference, standard, steps, PIXEL)
    report = lights.effects(done, standard)
    rows = {row["step"]: row for row in report["steps"]}
    assert list(rows) == ["reference", "outliers", "background", "negative"]
    assert report["valid_pixels"] == now.size
    assert rows["outliers"]["changed"] == 1 and rows["reference"]["share"] == 1
    assert rows["reference"]["mean_change"] == pytest.approx(-standard.offset, abs=1e-3)
    assert rows["negative"]["sum_after"] == pytest.approx(float(np.asarray(done["negative"]).sum()), abs=0.1)
    text = lights.table(report)
    assert "| outliers | 1 |" in text and "offset +0.4" in text
    assert lights.picture(da.from_array(now), done["negative"]).count("data:image/png;base64,") == 1


def by_own_statistics(now, reference, steps):
    return (now - now.mean()) / now.std()


def by_crossed_statistics(now, reference, steps):
    mean, deviation = (now.mean(), now.std()) if reference is None else (reference.mean(), now.std())
    return (now - mean) / deviation


def by_one_reference(now, reference, steps):
    return cleaned(now, reference, steps)[0]


def assert_one_scale(standardise):
    """What did not change reads the same in every year, and what grew reads as much more as it grew."""
    steps = use(reference="offset", background="auto")
    reference = year(2, airglow=0.1)
    first = standardise(reference, None, steps)
    unit = (first[land() > 20].mean() - first[land() < 0.1].mean()) / land()[land() > 20].mean()
    for seed, airglow, grown in ((3, 0.6, 5.0), (4, -0.1, 20.0), (5, 0.3, 60.0)):
        later = standardise(year(seed, airglow=airglow, grown=grown), reference, steps)
        change = (later - first) / unit
        unchanged = np.ones(SHAPE, bool)
        unchanged[GREW] = False
        assert np.abs(change[unchanged].mean()) < 0.05
        assert np.abs(change[land() > 20].mean()) < 0.1
        assert change[GREW].mean() == pytest.approx(grown, rel=0.03)


def test_every_year_is_on_the_scale_of_one():
    assert_one_scale(by_one_reference)


@pytest.mark.parametrize("mistake", [by_own_statistics, by_crossed_statistics])
def test_two_references_put_back_are_noticed(mistake):
    with pytest.raises(AssertionError):
        assert_one_scale(mistake)


class Place:
    """A storage with the lights of some years, and the project's own graph over it."""

    def __init__(self, folder, **changes):
        bbox = [84.4, 27.6, 84.9, 28.0]
        self.study = study("lights", regions=[{"name": "here", "bbox": bbox}], **changes)
        self.settings = Settings.from_environment({"archive": "unused", "storage": str(folder)})
        self.facts = site_of(SYSTEMS, self.study, self.settings).facts
        self.rasters = managers(str(folder), self.facts)["rasters"]
        given = dataclasses.asdict(self.settings) | {"study": self.study}
        self.job = build_definitions(SYSTEMS, given).resolve_implicit_global_asset_job_def()

    def lit(self, of_year, airglow):
        grid = self.study.grid("here")
        dark = airglow + NOISE * np.random.default_rng(of_year).standard_normal(grid.shape)
        dark[10:20, 10:20] += 20
        tags = {"study": self.study.name, **self.facts("night_lights_composite", "here", str(of_year))}
        pixels = grid.dataset(
            {"avg_rad": dark.astype(np.float32), "observation_count": np.ones(grid.shape, np.float32)}
        )
        file = write_raster(pixels, nodata=np.nan, tags=tags)
        self.rasters.save(file, Artifact("night_lights_composite", "here", str(of_year)))

    def stack(self, of_year, instance):
        return self.job.execute_in_process(
            asset_selection=[dg.AssetKey("fused_stack")], partition_key=f"here|{of_year}", instance=instance,
            raise_on_error=False, run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )  # fmt: skip

    def dark(self, of_year):
        stored = open_raster(self.rasters.path(Artifact("fused_stack", "here", str(of_year))))
        return float(np.median(stored["avg_rad"].values[:8]))


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def test_stacks_of_all_years_refer_to_the_label_year(tmp_path, instance):
    place = Place(tmp_path, lights={"background": "none"})
    for of_year, airglow in ((2015, 0.4), (2016, 0.1), (2017, 0.8)):
        place.lit(of_year, airglow)
    for of_year in (2015, 2016, 2017):
        result = place.stack(of_year, instance)
        assert result.success
        assert place.dark(of_year) == pytest.approx(0.4, abs=0.02), of_year
    (made,) = result.asset_materializations_for_node("fused_stack")
    (row, *_) = made.metadata["lights"].value["steps"]
    assert row["step"] == "reference" and row["mean_change"] == pytest.approx(-0.4, abs=0.02)
    assert "| reference |" in made.metadata["lights_cleaned"].value


def test_without_the_label_years_lights_a_stack_says_what_is_missing(tmp_path, instance):
    place = Place(tmp_path)
    place.lit(2016, 0.1)
    result = place.stack(2016, instance)
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    text = str(failed.event_specific_data.user_failure_data.description)
    assert "night_lights_composite for partition here|2015 is not stored" in text
    assert "fusion run --select night_lights_composite --region here --years 2015" in text


def test_a_study_that_wants_no_reference_needs_only_its_own_year(tmp_path, instance):
    place = Place(tmp_path, lights=OFF)
    place.lit(2016, 0.1)
    assert place.stack(2016, instance).success
    assert place.dark(2016) == pytest.approx(0.1, abs=0.02)


def test_a_study_without_labels_cleans_each_year_by_itself(tmp_path, instance):
    place = Place(tmp_path, label_year=None, products={"night_lights": "viirs_annual"})
    place.lit(2016, 0.3)
    assert place.stack(2016, instance).success
    assert place.dark(2016) == pytest.approx(0, abs=0.02)


def test_another_cleaning_makes_stacks_stale_and_foreign():
    def told(**changes):
        this = study("lights", **changes)
        definitions = build_definitions(SYSTEMS, {"study": this})
        (asset,) = (a for a in definitions.assets if a.key.to_user_string() == "fused_stack")
        facts = site_of(SYSTEMS, this, Settings.from_environment({"archive": "unused", "storage": "unused"})).facts
        named = [facts(name, "here", "2016")["recipe_digest"] for name in ("fused_stack", "built_up_prediction")]
        return [next(iter(asset.specs)).code_version, *named], facts("night_lights_composite", "here", "2016")

    (before, composite), (after, same) = told(), told(lights={"outliers": False})
    assert all(one != other for one, other in zip(before, after, strict=True))
    assert composite == same
    window = {"product": "viirs_annual", "windows": {2015: ["2014-01-01", "2014-12-31"]}}
    products = {"night_lights": "viirs_annual", "labels": "ghsl_smod_p2016"}
    assert told(products=products)[0][1:] != told(products={**products, "night_lights": window})[0][1:]


def test_a_least_coverage_is_part_of_the_recipe_and_needs_the_band():
    settings = Settings.from_environment({"archive": "unused", "storage": "unused"})

    def request(**mask):
        lit = {"product": "viirs_monthly", **mask}
        return request_for(study("lights", products={**PRODUCTS, "night_lights": lit}), settings, *LIT)

    least, usual = request(mask={"min_coverage": 3}), request()
    assert least.recipe.mask.values == (3,) and not least.recipe.mask.optional
    assert usual.recipe.mask.values == () and usual.recipe.mask.optional
    assert least.recipe_digest != usual.recipe_digest
    for counts in (np.array([0, 2, 3, 9], np.uint16), np.array([0, 2, 3, np.nan], np.float32)):
        np.testing.assert_array_equal(is_clear(counts, least.recipe.mask), [False, False, True, counts[3] == 9])
