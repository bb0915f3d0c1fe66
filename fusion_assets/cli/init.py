"""`fusion init`: writes a study from a place and the archives that hold its imagery, and looks whether it can run."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError
from fusion_assets.imagery.recipe import Role
from fusion_assets.orchestration.system import sections_of, years_of
from fusion_assets.redaction import printable, printable_line, redacted
from fusion_assets.storage.text_files import write_text
from fusion_assets.systems.registry import SYSTEMS

if TYPE_CHECKING:
    from fusion_assets.imagery.engines.archive.holdings import Holding

EARTH_SEARCH = "https://earth-search.aws.element84.com/v1"


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of the command line."""
    init = commands.add_parser(
        "init",
        help="write a study of your own region, and look whether it can run",
        description="Products, years and pixel sizes follow from what the archives hold; without a place the region "
        "is what all of them cover. The file is yours to change.",
        epilog="examples: fusion init nairobi --bbox 36.6 -1.5 37.2 -1.0 --lights lights/catalog.json "
        "--labels ghsl/catalog.json; "
        "fusion init kenya --outline districts.gpkg --name ADM2_EN --labels ghsl/catalog.json",
    )
    init.add_argument("name", metavar="NAME", help="of the study, of its region, and of the file NAME.yaml")
    place = init.add_mutually_exclusive_group()
    place.add_argument("--bbox", nargs=4, type=float, metavar=("WEST", "SOUTH", "EAST", "NORTH"), help="in degrees")
    place.add_argument(
        "--outline", type=Path, metavar="FILE",
        help="GeoJSON polygon in degrees; with --name a file of districts: .gpkg, .shp, .geojson or .parquet",
    )  # fmt: skip
    init.add_argument("--name", dest="column", metavar="COLUMN", help="that names the districts of --outline")
    init.add_argument("--layer", metavar="L", help="of a GeoPackage with several")
    init.add_argument("--archive", metavar="A", help="path or address of a STAC archive that holds everything")
    init.add_argument("--optics", metavar="A", help=f"that of Sentinel-2 or Landsat; by default {EARTH_SEARCH}")
    init.add_argument("--lights", metavar="A", help="that of VIIRS; without one, optics alone predict")
    init.add_argument("--labels", metavar="A", help="that of GHSL or land cover")
    init.add_argument("--built-codes", type=int, nargs="+", default=[], metavar="C", help="of land cover")
    init.add_argument("--label-year", type=int, metavar="YYYY", help="by default the latest that all archives hold")
    init.add_argument("--years", type=years_of, default=[], metavar="2016-2019", help="to be mapped; all by default")
    init.add_argument("--resolution", type=_metres, metavar="M", help="of the maps; by default that of the labels")
    init.add_argument("--season", default="01-01..12-31", metavar="MM-DD..MM-DD", help="of the imagery by day")
    init.set_defaults(command=_init)


def _metres(text: str) -> float:
    try:
        metres = float(text)
    except ValueError:
        metres = 0.0
    if not 0 < metres < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of metres above 0")
    return metres


def _init(options: argparse.Namespace) -> int:
    import shapely
    import yaml

    from fusion_assets.cli.doctor import diagnose
    from fusion_assets.settings import Settings
    from fusion_assets.study import draft, study_of

    name = _name(options.name)
    path = Path(f"{name}.yaml")
    if path.exists():
        raise FusionError(f"{path} exists", "a name that is not taken", "choose another name, or move the file away")
    archives = _archives(options)
    held = draft.holdings_of(archives)
    label_year, first, last = draft.years_of(held, options.label_year, options.years)
    resolution, working = draft.sizes_of(held, options.resolution)
    start, _, end = options.season.partition("..")
    text = draft.text_of(
        draft.Draft(
            name, _regions(options, name, held), resolution, working, label_year, first, last, (start, end),
            {role: (each.product, archives[role]) for role, each in held.items()}, tuple(options.built_codes),
        )
    )  # fmt: skip
    if options.bbox:
        draft.check_cover(shapely.box(*options.bbox), held)
    study = study_of(yaml.safe_load(text), str(path), path.parent.absolute(), sections=sections_of(SYSTEMS))
    for region in study.regions:
        draft.check_cover(region.polygon, held, region.called if len(study.regions) > 1 else "")
    write_text(path, text)
    print(f"{printable_line(path)}:\n\n{printable(text)}")
    findings = diagnose(Settings.from_environment({"study": str(path)}))
    for finding in findings:
        if not finding.fine:
            print(redacted(f"{finding.state:4} {finding.subject}: {finding.text}"))
    fine = all(finding.fine for finding in findings)
    print(f"next: export FUSION_STUDY={printable_line(path)}; fusion {'run' if fine else 'doctor'}")
    return 0 if fine else 1


def _archives(options: argparse.Namespace) -> dict[Role, str]:
    """Archives by role; paths relative to the study, which is written here."""
    places: dict[Role, str | None] = {
        "sentinel2": options.optics or options.archive or EARTH_SEARCH,
        "night_lights": options.lights or options.archive,
        "labels": options.labels or options.archive,
    }
    given = {role: place for role, place in places.items() if place}
    for place in given.values():
        if "://" not in place and not Path(place).is_file():
            raise FusionError(
                f"there is no catalog at {place}",
                "the path of a catalog.json, or the address of a STAC API",
                "correct the path; `fusion catalog add` makes a catalog of downloaded files",
            )
    if "labels" not in given:
        raise FusionError(
            "no archive of labels is named",
            "--labels or --archive",
            "docs/your-region.md says where labels come from",
        )
    return {role: place if "://" in place else os.path.relpath(place) for role, place in given.items()}


def _name(text: str) -> str:
    """The name of a study, which may be given as that of its file."""
    from pydantic_core import PydanticCustomError

    from fusion_assets.study.regions import checked_name

    try:
        return checked_name(text.removesuffix(".yaml").removesuffix(".yml"))
    except PydanticCustomError as error:
        facts = error.context or {}
        raise FusionError(f"NAME {facts['found']}", facts["expected"], facts["remedy"]) from None


def _regions(options: argparse.Namespace, name: str, held: Mapping[Role, Holding]) -> object:
    """What stands under `regions` in the study: a file of districts, or one region and its outline."""
    if options.column or options.layer:
        if not (options.outline and options.column):
            missing = "--outline" if options.column else "--name"
            raise FusionError(f"a file of districts needs {missing}", "--outline FILE --name COLUMN", f"add {missing}")
        layer = {"layer": options.layer} if options.layer else {}
        return {"file": os.path.relpath(options.outline), "name": options.column, **layer}
    if options.outline and options.outline.suffix.lower() not in (".geojson", ".json"):
        raise FusionError(
            f"{options.outline} is a file of districts, of which no column is named",
            "--outline FILE --name COLUMN, or a GeoJSON polygon",
            "add --name and the column that names the districts",
        )
    return [{"name": name, **_outline(options, held)}]


def _outline(options: argparse.Namespace, held: Mapping[Role, Holding]) -> dict[str, object]:
    """The region's outline, as it stands in the study."""
    from fusion_assets.study import draft

    if options.outline:
        return {"geometry": os.path.relpath(options.outline)}
    if options.bbox:
        return {"bbox": options.bbox}
    area = draft.common_area(held)
    if area.is_empty or area.bounds[2] - area.bounds[0] > 20:
        raise FusionError(
            "the archives cover " + ("no place in common" if area.is_empty else "a large part of the world"),
            "a region",
            "say --bbox WEST SOUTH EAST NORTH, or --outline FILE",
        )
    return {"bbox": [round(edge, 4) for edge in area.bounds]}
