"""Areas that people want figures of, from a file as those of districts are."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError, ValidationInfo, field_validator

from fusion_assets.errors import FusionError
from fusion_assets.study.districts import regions_from_file
from fusion_assets.study.mistakes import as_error, close_to, problems_of, unforeseen
from fusion_assets.study.outline_limits import OutlineEffort
from fusion_assets.study.regions import Region, Section

MOST_AREAS = 10_000


class _Areas(Section):
    regions: tuple[Region, ...]

    @field_validator("regions", mode="before")
    @classmethod
    def _regions(cls, value: dict[str, str], info: ValidationInfo) -> list[Region]:
        return regions_from_file(value, info, MOST_AREAS)


def areas_from_file(file: str, name: str, layer: str | None = None) -> list[Region]:
    """The areas of a GeoPackage, Shapefile, GeoJSON or GeoParquet file.

    Args:
        file: path, relative to the working directory.
        name: column that names them; each has another name.
        layer: of a GeoPackage with several.

    Raises:
        FusionError: a file, layer or column that is not there, or areas without a name or an outline; names them all.
    """
    path = Path(file)
    if "://" not in file and not path.is_file():
        beside = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
        close = close_to(path.name, beside)
        remedy = f"did you mean {close}?" if close else "correct --areas; paths are relative to where you are"
        raise FusionError(f"there is no file {path}", "a file of areas", remedy)
    with unforeseen(f"the areas of {file}"):
        try:
            content = {"file": file, "name": name} | ({} if layer is None else {"layer": layer})
            context = {"folder": Path(), "effort": OutlineEffort()}
            return list(_Areas.model_validate({"regions": content}, context=context).regions)
        except ValidationError as error:
            raise as_error("--areas", problems_of(error, _Areas)) from None
