"""`fusion zones export`: stored maps as files for other software, a folder for each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.publishing.figure_files import made_beside
from fusion_assets.storage.simulation import NOTICE
from fusion_assets.systems.climate_zones.exports.folder import NAMES, Sheet, sheet_of, write_exports
from fusion_assets.systems.climate_zones.exports.wrf_domain import Bounds, wrf_domain
from fusion_assets.systems.climate_zones.imagery_requests import MAP
from fusion_assets.systems.climate_zones.section import map_years, use_of

if TYPE_CHECKING:
    from fusion_assets.orchestration.site import Site

_DOMAIN = "a geo_em.dXX.nc file that there is, or west,south,east,north in degrees"


def export_maps(
    site: Site,
    folder: str | Path,
    domain: str | None = None,
    numbering: str = "1-17",
    regions: Sequence[str] = (),
    years: Sequence[int] = (),
    force: bool = False,
) -> str:
    """Write `<folder>/<region>_<year>` for every stored map, each whole or not at all.

    Args:
        site: whose maps.
        folder: that they are put into; it is made.
        domain: of WRF: path of a geo_em file, or `west,south,east,north`; None: the study's, else what lies well within
            a region. A map that does not cover a domain that is named is refused.
        numbering: of the file for W2W, one of `w2w.NUMBERINGS`.
        regions: names; empty means all.
        years: empty means all that zones are mapped in.
        force: whether folders that exist are replaced.

    Returns:
        What was written and what is missing, in words.

    Raises:
        FusionError: a study that maps no zones, an unknown region or year, a domain that is none or not covered, a
            folder that exists, no map stored, or one of another study.
    """
    target, study = Path(folder), site.study
    mapped = map_years(study)
    if not mapped:
        raise FusionError(
            f"study {study.name} maps no zones", "a section `climate_zones` with a key `map`", "docs/climate-zones.md"
        )
    unknown = sorted(set(years) - set(mapped))
    if unknown:
        raise FusionError(
            f"study {study.name} maps no zones of {', '.join(map(str, unknown))}",
            ", ".join(map(str, mapped)),
            "correct --years",
        )
    within = use_of(study).domain if domain is None else domain_of(domain)
    if within is not None:
        wrf_domain(within)
    chosen = [study.region_called(each).name for each in regions] or [region.name for region in study.regions]
    wanted = [(region, year) for region in dict.fromkeys(chosen) for year in sorted(set(years)) or mapped]
    stored = site.managers["rasters"]
    present = [each for each in wanted if stored.storage.exists(stored.path(_artifact(*each)))]
    if not present:
        raise FusionError(
            f"{site.settings.storage} holds no {MAP} of these regions and years",
            "maps",
            f"fusion run --select '*{MAP}'",
        )
    if target.exists() and not target.is_dir():
        raise FusionError(f"{target} is a file", "a folder, or a name that there is not yet", "choose another")
    places = {each: target / "{}_{}".format(*each) for each in present}
    for place in places.values():
        _check_free(place, force)
    said = []
    for (region, year), place in places.items():
        raster = stored.load(_artifact(region, year)).compute()
        sheet = sheet_of(study, region, year, raster.attrs, within)._replace(numbering=numbering)
        said += _written(place, raster, sheet)
    missing = [f"{region} {year}" for region, year in wanted if (region, year) not in places]
    return "\n".join([*said, *([f"no {MAP} of {', '.join(missing)} is stored: left out"] if missing else [])])


def domain_of(text: str) -> Bounds | Path:
    """A WRF domain as it is written on the command line.

    Raises:
        FusionError: neither a file that there is nor four numbers.
    """
    try:
        west, south, east, north = (float(part) for part in text.split(","))
        return west, south, east, north
    except ValueError:
        pass
    if not (path := Path(text).expanduser()).is_file():
        raise FusionError(
            f"--domain {text}", _DOMAIN, "for example --domain geo_em.d04.nc, or --domain=-1.2,41.5,-.7,42"
        )
    return path


def _check_free(place: Path, force: bool) -> None:
    """Refuse a place where something lies that is not to be replaced."""
    if not place.exists() and not place.is_symlink():
        return
    if not force:
        raise FusionError(f"{place} exists", "a new folder", "choose another, or replace it with --force")
    own = place.is_dir() and not place.is_symlink()
    other = sorted({path.name for path in place.iterdir()} - set(NAMES)) if own else [place.name]
    if other:
        raise FusionError(f"{place} holds {', '.join(other[:5])}", "nothing but what was exported", "choose another")


def _artifact(region: str, year: int) -> Artifact:
    return Artifact(MAP, region, str(year))


def _written(place: Path, raster: Any, sheet: Sheet) -> list[str]:
    """Write one map's files, and say which."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FusionError(f"{place.parent} cannot be made: {error}", "a writable folder", "choose another") from None
    with made_beside(place) as folder:
        made = folder / place.name
        made.mkdir()
        without = write_exports(made, raster, sheet)
        names = sorted(path.name for path in made.iterdir())
        if place.exists():
            place.rename(folder / "before")
        made.rename(place)
    marks = [NOTICE if sheet.synthetic else "", sheet.calibration]
    lines = [f"{place}: {number_of(len(names), 'file')} ({', '.join(names)})", *filter(None, marks)]
    return [*lines, *without.values()]
