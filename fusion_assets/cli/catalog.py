"""`fusion catalog`: downloaded files become a STAC catalog that a study can name."""

from __future__ import annotations

import argparse
import datetime as dt
from pathlib import Path

from fusion_assets.counts import number_of
from fusion_assets.redaction import printable_line

_EXAMPLE = "example: fusion catalog add viirs_annual VNL_v21_npp_2019_*.tif --into lights/catalog.json"


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add the command to those of the command line."""
    command = commands.add_parser("catalog", help="make a STAC catalog of downloaded files", epilog=_EXAMPLE)
    parts = command.add_subparsers(title="parts", required=True, metavar="add")
    add = parts.add_parser(
        "add",
        help="add files to a catalog, which is made where there is none",
        description="Time, tile and layer come from the names that publishers give their files. Place, type, no data "
        "and numbers are checked; nothing is written unless all files pass.",
        epilog=_EXAMPLE,
    )
    add.add_argument("product", metavar="PRODUCT", help="viirs_annual, ghsl_built_surface, …")
    add.add_argument("files", nargs="+", type=Path, metavar="FILE")
    add.add_argument("--into", type=Path, metavar="CATALOG", help="by default catalog.json beside the first file")
    add.add_argument("--asset", default="", metavar="KEY", help="the layer, where file names do not say it")
    when = add.add_mutually_exclusive_group()
    when.add_argument("--year", type=_year, metavar="YYYY", help="of all files, where their names do not say it")
    when.add_argument("--days", type=_days, metavar="FIRST..LAST", help="of all files, such as 2019-01-01..2019-01-31")
    add.set_defaults(command=_add)


def _add(options: argparse.Namespace) -> int:
    from fusion_assets.imagery.file_catalogs.addition import add_files

    catalog = options.into or options.files[0].parent / "catalog.json"
    added = add_files(options.product, options.files, catalog, options.asset, options.year or options.days)
    shown = printable_line(added.catalog)
    print(f"{shown}: {number_of(len(added.items), 'item')} of {added.collection}, {added.span[0]} to {added.span[1]}")
    print(f"in a study: {{product: {options.product}, archive: {shown}}}")
    return 0


def _year(text: str) -> tuple[dt.date, dt.date]:
    if not (text.isdigit() and 1950 <= int(text) <= 2100):
        raise argparse.ArgumentTypeError(f"{text!r} is not a year")
    return dt.date(int(text), 1, 1), dt.date(int(text), 12, 31)


def _days(text: str) -> tuple[dt.date, dt.date]:
    first, _, last = text.partition("..")
    try:
        days = dt.date.fromisoformat(first), dt.date.fromisoformat(last or first)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not two days such as 2019-01-01..2019-01-31") from None
    if days[0] > days[1]:
        raise argparse.ArgumentTypeError(f"{text!r} ends before it begins")
    return days
