"""Areas that people want the light of: the files that districts come in, asked of a map that is there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.site import Site
from fusion_assets.systems.night_radiance.light_table import export_light
from fusion_assets_tests.malformed.case import Case
from fusion_assets_tests.malformed.districts import cases_of
from fusion_assets_tests.systems.night_radiance import nights

FEW, MANY = 40, 600
# Everywhere the same, so that the light of any area is known.
_RADIANCE = 2.0
_OUTPUT = "light.csv"
# Holds one of the generator's districts, and a half of another.
_MAPPED = [84.15, 26.95, 84.65, 27.35]


def cases(seed: int, count: int) -> Iterator[Case]:
    """See the package."""
    return cases_of(seed, count, _light, _is_right)


def _light(write: Callable[[Path], Path], folder: Path) -> pd.DataFrame:
    areas = write(folder)
    given = set(folder.iterdir())
    try:
        export_light(_mapped(), folder / _OUTPUT, areas=str(areas), name="name")
    except FusionError:
        assert set(folder.iterdir()) == given, "it was refused after something was written"
        raise
    assert set(folder.iterdir()) == {*given, folder / _OUTPUT}
    return pd.read_csv(folder / _OUTPUT, keep_default_na=False, dtype={"area": str})


def _is_right(table: pd.DataFrame) -> bool:
    share, km2 = table["mapped_share"], table["area_km2"]
    light = _RADIANCE * km2 * share
    return bool(
        len(table)
        and not table["area"].str.casefold().duplicated().any()
        and share.between(0, 1).all()
        # Columns are rounded to six digits.
        and ((table["sum_nw_cm2_sr_km2"] - light).abs() <= 1e-2 * light + 1e-6 * km2 + 1e-5).all()
        and np.allclose(table["mean_nw_cm2_sr"], _RADIANCE)
        and (table["sum_low_nw_cm2_sr_km2"] <= table["sum_nw_cm2_sr_km2"]).all()
    )


@cache
def _mapped() -> Site:
    """A study with a map of one of its regions."""
    content = nights.content()
    content["regions"][0] |= {"bbox": _MAPPED}
    content["night_radiance"]["resolution"] = 500
    site = nights.site_at(_storage().name, nights.study_of(content))
    nights.place_map(site, content["regions"][0]["name"], _RADIANCE)
    return site


@cache
def _storage() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()
