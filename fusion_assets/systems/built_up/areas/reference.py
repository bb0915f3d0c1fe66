"""The reference sample: points that people interpreted year by year. Finding and reading the table.

What must hold before it is used is in `reference_checks.py` and `reference_frame.py`.

Form: CSV or Parquet, one row a point and year. `x` and `y` in the CRS of the region's grid (or `lon` and `lat` in
degrees), `year`, `stratum` (any name), `inclusion_probability` (of the pixel, above 0 to 1), `label` (1 built-up, 0
not). Further columns may be there; these are used: `region` (needed where the study has several), `area_km2` (of the
sampling unit; by default the grid's pixel). Points interpreted in every year (a panel) tell most about change.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import FILE
from fusion_assets.redaction import public_url
from fusion_assets.storage.local_files import content_of
from fusion_assets.study import ARCHIVE_SAMPLE, Study
from fusion_assets.systems.built_up.areas.reference_table import MOST_BYTES, read_csv, read_parquet, table_content

if TYPE_CHECKING:
    import pandas as pd

_FORMATS = "a table as CSV (text, separated by commas) or Parquet"
_OTHER_SEPARATORS = ";\t|"


def reference_path(name: str, archive: str) -> str:
    """Where a study's sample lies.

    Args:
        name: absolute path or URL, or `archive`.
        archive: path or URL of the catalog that the study reads.

    Raises:
        FusionError: `archive`, where the archive is an API.
    """
    if name != ARCHIVE_SAMPLE:
        return name
    if not archive.endswith(".json"):
        raise FusionError(
            f"reference_sample is {ARCHIVE_SAMPLE}, and {public_url(archive)} is not a catalog file",
            f"a catalog with {FILE} beside it",
            "give the path of the table instead",
        )
    return archive.rsplit("/", 1)[0] + "/" + FILE if "/" in archive else FILE


def reference_source(name: str | None, archive: str) -> dict[str, str]:
    """What tells one sample from another: `source` and `digest`; empty for a study that names no sample.

    The source is `archive`, the name of a local file without its folder, or a URL without credentials. The digest has
    12 hexadecimal digits: of the content where the table is a local file, of its address otherwise.

    Args:
        name: as for `reference_path`, or None.
        archive: likewise.
    """
    if name is None:
        return {}
    try:
        path = reference_path(name, archive)
    except FusionError:
        path = name
    shown = public_url(path)
    try:
        content = content_of(Path(path), MOST_BYTES)
    except (OSError, ValueError, FusionError):  # elsewhere, or nothing that can be read
        content = shown.encode()
    source = name if name == ARCHIVE_SAMPLE else shown if "://" in shown else Path(shown).name
    return {"source": source, "digest": hashlib.sha256(content).hexdigest()[:12]}


def reference_of(study: Study, archive: str, region: str) -> pd.DataFrame | None:
    """The points of one region of a study, as `checked_reference` gives them; None for a study that names no sample.

    Args:
        study: whose `reference_sample` is read.
        archive: path or URL of the catalog that the study reads.
        region: name.

    Raises:
        FusionError: as `read_reference` and `checked_reference`.
    """
    if study.reference_sample is None:
        return None
    from fusion_assets.systems.built_up.areas.reference_checks import checked_reference

    path = reference_path(study.reference_sample, archive)
    return checked_reference(
        read_reference(path),
        public_url(path),
        study.grid(region),
        study.polygon(region),
        study.prediction_years,
        region=region,
        regions=[each.name for each in study.regions],
        wider=study.reference_sample == ARCHIVE_SAMPLE,
    )


def count_points(study: Study, archive: str) -> str:
    """How many points every region of a study has in each year, in words.

    Raises:
        FusionError: as `reference_of`.
    """
    parts = []
    for region in study.regions:
        points = reference_of(study, archive, region.name)
        assert points is not None
        counts = ", ".join(f"{count} in {year}" for year, count in points.groupby("year").size().items())
        parts.append(f"{region.name}: {counts}")
    return "points " + "; ".join(parts)


def read_reference(path: str) -> pd.DataFrame:
    """The table as it is.

    Raises:
        FusionError: no such file, or neither CSV nor Parquet.
    """
    shown = public_url(path)
    try:
        content = table_content(path)
        table = read_parquet(content) if path.endswith((".parquet", ".pq")) else read_csv(content)
    except FileNotFoundError:
        raise FusionError(
            f"reference sample {shown} does not exist",
            "the table of interpreted points that the study names",
            "correct reference_sample (a path relative to the study file), draw one with `fusion sample`, or leave "
            "the key out: areas are then mapped ones, relative to the labels",
        ) from None
    except UnicodeDecodeError:
        raise FusionError(
            f"reference sample {shown} is no text file", _FORMATS, "save it as CSV (in a spreadsheet: export, UTF-8)"
        ) from None
    except (OSError, ValueError, ImportError) as error:
        raise FusionError(
            f"reference sample {shown} cannot be read: {error}", _FORMATS, "save it as one of these"
        ) from None
    if len(table.columns) == 1 and set(_OTHER_SEPARATORS) & set(header := str(table.columns[0])):
        raise FusionError(
            f"reference sample {shown} has a single column, {header!r}",
            _FORMATS,
            "save it separated by commas, with points in numbers",
        )
    return table
