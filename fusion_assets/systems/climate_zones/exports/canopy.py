"""What zones mean for models of the urban canopy: published ranges, and the values that W2W starts from.

Ranges: Stewart and Oke (2012, doi:10.1175/BAMS-D-11-00019.1), table 3 (geometry and cover) and, of table 4, albedo and
heat released by people. An end that the paper leaves open (`> 25 m`) is empty; shares, and a sky view, end at 0 and 1.
Sky view, shares, heights and heat stand again in table 1 of doi:10.1371/journal.pone.0214474, with the same numbers.
Values: W2W 0.6.0 (Demuzere et al. 2022, doi:10.21105/joss.04432), its table LCZ_UCP_lookup, which follows Stewart, Oke
and Krayenhoff (2014, doi:10.1002/joc.3746). All of them are of zones, not of a place: measure where you can.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.publishing.figure_files import made_beside
from fusion_assets.systems.climate_zones.legend import SIGNS, ZONES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    "sky_view": "share of the sky seen from the ground, 0 to 1",
    "aspect_ratio": "height by width of streets, of trees where there are no buildings",
    "building_share": "share of the ground under buildings, 0 to 1",
    "impervious_share": "share of the ground paved or rock, 0 to 1",
    "pervious_share": "share of the ground soil, plants or water, 0 to 1",
    "height_m": "mean height of buildings or trees, m",
    "roughness_class": "terrain roughness after Davenport et al. (2000), 1 to 8",
    "albedo": "0 to 1",
    "anthropogenic_heat": "mean over the year, W/m2",
}
"""Each with `_low` and `_high`."""
_RANGES = """
 1  .2 .4  2 -      .4 .6  .4 .6  0 .1   25 -    8 8  .10 .20  50 300
 2  .3 .6  .75 2    .4 .7  .3 .5  0 .2   10 25   6 7  .10 .20  0 75
 3  .2 .6  .75 1.5  .4 .7  .2 .5  0 .3   3 10    6 6  .10 .20  0 75
 4  .5 .7  .75 1.25 .2 .4  .3 .4  .3 .4  25 -    7 8  .12 .25  0 50
 5  .5 .8  .3 .75   .2 .4  .3 .5  .2 .4  10 25   5 6  .12 .25  0 25
 6  .6 .9  .3 .75   .2 .4  .2 .5  .3 .6  3 10    5 6  .12 .25  0 25
 7  .2 .5  1 2      .6 .9  0 .2   0 .3   2 4     4 5  .15 .35  0 35
 8  .7 1   .1 .3    .3 .5  .4 .5  0 .2   3 10    5 5  .15 .25  0 50
 9  .8 1   .1 .25   .1 .2  0 .2   .6 .8  3 10    5 6  .12 .25  0 10
10  .6 .9  .2 .5    .2 .3  .2 .4  .4 .5  5 15    5 6  .12 .20  300 -
 A  0 .4   1 -      0 .1   0 .1   .9 1   3 30    8 8  .10 .20  0 0
 B  .5 .8  .25 .75  0 .1   0 .1   .9 1   3 15    5 6  .15 .25  0 0
 C  .7 .9  .25 1    0 .1   0 .1   .9 1   0 2     4 5  .15 .30  0 0
 D  .9 1   0 .1     0 .1   0 .1   .9 1   0 1     3 4  .15 .25  0 0
 E  .9 1   0 .1     0 .1   .9 1   0 .1   0 .25   1 2  .15 .30  0 0
 F  .9 1   0 .1     0 .1   0 .1   .9 1   0 .25   1 2  .20 .35  0 0
 G  .9 1   0 .1     0 .1   0 .1   .9 1   - -     1 1  .02 .10  0 0
"""
W2W = ("FRC_URB2D", "MH_URB2D_MIN", "MH_URB2D", "MH_URB2D_MAX", "BLDFR_URB2D", "H2W")
"""Urban share, lowest, mean and highest height of buildings in m, share under buildings of the urban part, and height
by width, under W2W's names."""
_OF_W2W = """
 1 .95 25 50 75 .5 2.5
 2 .9 10 17.5 25 .55 1.25
 3 .85 3 6.5 10 .55 1.25
 4 .65 25 50 75 .3 1
 5 .7 10 17.5 25 .3 .5
 6 .6 3 6.5 10 .3 .5
 7 .85 4 5 6 .75 1.5
 8 .85 3 6.5 10 .4 .2
 9 .3 3 6.5 10 .15 .15
10 .55 5 10 15 .25 .35
 E .95 0 0 0 .05 0
"""


def canopy_parameters() -> pd.DataFrame:
    """One row a zone: `code` (1 to 17), `sign`, `title`, `<column>_low` and `_high` of `COLUMNS`, and those of `W2W`.

    What has no published bound is NaN; of zones that W2W takes for natural its values are 0.
    """
    import pandas as pd

    ends = [f"{name}_{end}" for name in COLUMNS for end in ("low", "high")]
    table = pd.DataFrame({"code": range(1, len(ZONES) + 1), "sign": SIGNS, "title": [zone.title for zone in ZONES]})
    return table.join(_numbers(_RANGES, ends), on="sign").join(
        _numbers(_OF_W2W, list(W2W)).reindex(SIGNS, fill_value=0.0), on="sign"
    )


def write_canopy_parameters(target: Path) -> None:
    """Write them as CSV: UTF-8, comma, decimal point.

    Args:
        target: `.csv`, replaced.

    Raises:
        FusionError: a place that cannot be written to.
    """
    with made_beside(target) as folder:
        partial = folder / target.name
        canopy_parameters().to_csv(partial, index=False, encoding="utf-8")
        partial.replace(target)


def write_w2w_parameters(target: Path) -> None:
    """Write W2W's values in the form of its option `--lcz-ucp`, one row a code, to be adapted to a city.

    Args:
        target: `.csv`, replaced.

    Raises:
        FusionError: a place that cannot be written to.
    """
    with made_beside(target) as folder:
        partial = folder / target.name
        canopy_parameters().set_index("code")[list(W2W)].to_csv(partial, index_label="", encoding="utf-8")
        partial.replace(target)


def _numbers(text: str, columns: list[str]) -> pd.DataFrame:
    """A table of numbers by sign; a dash is none."""
    import pandas as pd

    rows = {line.split()[0]: line.split()[1:] for line in text.strip().splitlines()}
    numbers = [[float("nan") if cell == "-" else float(cell) for cell in row] for row in rows.values()]
    return pd.DataFrame(numbers, index=list(rows), columns=columns)
