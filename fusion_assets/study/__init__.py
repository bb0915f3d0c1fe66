"""The study: one YAML file that says which regions, years, season, products and features to map."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import json
import re
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

import shapely
from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.study.checks import problems_in
from fusion_assets.study.districts import regions_from_file
from fusion_assets.study.earth_engine_use import EarthEngineUse
from fusion_assets.study.features import Choice, is_embedded, sensors_of
from fusion_assets.study.file import find_study, read_yaml
from fusion_assets.study.lights import LightsUse
from fusion_assets.study.mistakes import Problems, as_error, cut, place_of, problems_of, shown, unforeseen, wrong
from fusion_assets.study.names import name_like
from fusion_assets.study.outline_limits import OutlineEffort
from fusion_assets.study.product_use import Products, ProductUse, Role
from fusion_assets.study.regions import Metres, Name, OutlineOf, Region, Section, Share
from fusion_assets.study.sections import Sections, study_model
from fusion_assets.study.vectors import VectorMap
from fusion_assets.study.years import WHOLE_YEAR, Season, SeasonOfYear, Year, prediction_years

__all__ = ["EarthEngineUse", "ProductUse", "Products", "Region", "Role", "Season", "Study", "load_study", "study_of"]


MOST_REGIONS = 5_000
_OWNER = re.compile(r"team:[A-Za-z0-9][\w. -]*|[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", re.ASCII)
ARCHIVE_SAMPLE = "archive"
"""A `reference_sample` that lies beside the archive's catalog."""


def _spelt(text: str) -> str:
    return name_like(text).casefold()


class Study(Section):
    """What to map, where, when, from what.

    Attributes:
        name: folder and tag of everything made from it.
        title: for people; no digest depends on it.
        owners: whom to ask, as the web UI shows with every asset: e-mail addresses, and teams as `team:maps`.
        regions: at least one; names differ. In the file a list, or `{file, name}` of districts (`study.districts`).
        resolution: pixel size of every region's grid, metres (CRS units).
        working_resolution: pixel size at which scenes are reduced before the block mean; None: each product's native.
        label_year: year of the labels; None only without a labels product.
        prediction_years: years to predict, ascending.
        season: part of the year that is composited, the same in all years.
        products: optional roles sentinel2, night_lights, labels, embedding.
        rivals: maps of others that ours is compared with; only what compares depends on them.
        features: optics, lights or both, with or without an embedding beside them (`both+embedding`): that of
            `products.embedding`, or else the map of vectors that a section of the study makes.
        model: what learns: `network` (five small ones averaged), or `trees` (boosted).
        lights: how night lights are cleaned before they become a feature.
        max_unreadable_share: share of the scenes of a composite or series that may be unreadable, 0 to 1.
        min_valid_share: share of a pixel's sub-pixels that must be valid, 0 to 1; one at least must be.
        reference_sample: absolute path or URL of the table of interpreted points, `archive` for the one beside the
            archive's catalog, None for none. No digest of pixels depends on it.
        earth_engine: how exports are run there; no digest depends on it.

    The systems' own sections are fields of subclasses, None where the file has none (see `study.sections`). Only
    digests that ask for one depend on it.
    """

    sections: ClassVar[Sections] = {}

    name: Name = Field(description="name of the study", examples=["bagmati"])
    title: str = Field("", description="for people", examples=["Built-up land in Bagmati"])
    owners: tuple[str, ...] = Field((), description="e-mail addresses, team:NAME", examples=[["team:maps"]])
    regions: tuple[Region, ...] = Field(
        description="list of regions", examples=[[{"name": "bagmati", "bbox": [84.5, 27.5, 85.5, 28.5]}]]
    )
    resolution: Metres = Field(description="pixel size in metres, above 0", examples=[1000])
    working_resolution: Metres | None = Field(None, description="metres, above 0; divides resolution", examples=[250])
    label_year: Year | None = Field(None, description="year of the labels", examples=[2015])
    prediction_years: tuple[int, ...] = Field(description="years to predict", examples=[[2016, 2017, 2018, 2019]])
    season: SeasonOfYear = Field(
        WHOLE_YEAR, description="part of the year", examples=[{"start": "07-01", "end": "12-31"}]
    )
    products: Products = Field(description="products by role", examples=[{"sentinel2": {"product": "sentinel2_l2a"}}])
    rivals: tuple[ProductUse, ...] = Field(
        (), description="maps of others to compare with", examples=[["dynamic_world", "wsf2019"]]
    )
    features: Choice = Field("both", description="what predicts", examples=["both"])
    model: Literal["network", "trees"] = Field("network", description="network or trees", examples=["trees"])
    lights: LightsUse = Field(
        default_factory=lambda: LightsUse.model_validate({}),
        description="how night lights are cleaned",
        examples=[{"reference": "offset", "background": "auto"}],
    )
    max_unreadable_share: Share = Field(0.0, description="share of scenes, 0 to 1", examples=[0.1])
    min_valid_share: Share = Field(0.25, description="share of sub-pixels, 0 to 1", examples=[0.25])
    reference_sample: str | None = Field(
        None, description="table of interpreted points, relative to the study file", examples=["reference.csv"]
    )
    earth_engine: EarthEngineUse = Field(
        default_factory=lambda: EarthEngineUse.model_validate({}),
        description="how exports are run on Earth Engine",
        examples=[{"way": "batch", "most_tasks": 20}],
    )

    @field_validator("owners", mode="before")
    @classmethod
    def _owners(cls, value: object) -> tuple[str, ...]:
        given = [value] if isinstance(value, str) else value
        if not isinstance(given, list | tuple):
            raise wrong(f"is {shown(value)}", "a list of owners", 'write for example ["team:maps"]')
        for owner in given:
            if not isinstance(owner, str) or not _OWNER.fullmatch(owner):
                expected = "an e-mail address, or a team such as team:maps"
                raise wrong(f"names {shown(owner)}", expected, "write team: before the name of a team")
        return tuple(dict.fromkeys(given))

    @field_validator("regions", mode="before")
    @classmethod
    def _regions(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, dict) and "file" in value:
            return regions_from_file(value, info, MOST_REGIONS)
        if isinstance(value, list | tuple) and len(value) > MOST_REGIONS:
            raise wrong(f"are {len(value)}", f"at most {MOST_REGIONS} regions", "make several studies of it")
        return value

    @field_validator("prediction_years", mode="before")
    @classmethod
    def _prediction_years(cls, value: object, info: ValidationInfo) -> tuple[int, ...]:
        return prediction_years(value, _today(info).year - 1)

    @field_validator("reference_sample", mode="before")
    @classmethod
    def _reference_sample(cls, value: object, info: ValidationInfo) -> str | None:
        if value is None or value == ARCHIVE_SAMPLE:
            return None if value is None else ARCHIVE_SAMPLE
        if not isinstance(value, str) or not value.endswith((".csv", ".parquet")):
            raise wrong(
                f"is {shown(value)}",
                f"the path of a .csv or .parquet file, or {ARCHIVE_SAMPLE}",
                "write for example reference.csv; `fusion sample` draws points to interpret",
            )
        return place_of(value, (info.context or {}).get("folder", Path()))

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> Study:
        rules = [section.problems for section in self.sections.values()]
        problems = problems_in(self, _today(info), rules)
        if problems:
            raise Problems(problems)
        return self

    @property
    def years(self) -> tuple[int, ...]:
        """Label year and prediction years, ascending."""
        return tuple(sorted({*self.prediction_years, *([] if self.label_year is None else [self.label_year])}))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Bands of the fused stack, in order: optics, then lights, then the numbers of an embedding."""
        return self.names_of(self.features)

    def names_of(self, choice: str) -> tuple[str, ...]:
        """Bands of a choice of features that the study has: its own choice, or a smaller one."""
        named = [band for role in sensors_of(choice) for band in self.use(role).band_names]
        if is_embedded(choice):
            vectors, use = self.vectors, self.products.embedding
            named += vectors.bands if vectors is not None else use.band_names if use is not None else ()
        return tuple(named)

    @property
    def feature_roles(self) -> tuple[Role, ...]:
        """Roles whose composites are stacked."""
        embedded = is_embedded(self.features) and self.products.embedding is not None
        return (*sensors_of(self.features), *(("embedding",) if embedded else ()))

    @property
    def vectors(self) -> VectorMap | None:
        """The map of vectors among the features; None where they have none, or `products.embedding` instead."""
        if not is_embedded(self.features) or self.products.embedding is not None:
            return None
        offered = (section.vectors(self) for section in self.sections.values() if section.vectors is not None)
        return next((each for each in offered if each is not None), None)

    @property
    def lights_reference(self) -> int | None:
        """Year that every year's lights are compared with: the label year, where a step of the cleaning needs one."""
        steps = self.lights
        wanted = steps.reference != "none" or steps.outliers or steps.background == "auto"
        return self.label_year if wanted and "night_lights" in self.feature_roles else None

    def use(self, role: Role) -> ProductUse:
        """How the study uses the product of a role.

        Raises:
            FusionError: the study has no product for it.
        """
        given = self.products.given()
        if role not in given:
            raise FusionError(
                f"study {self.name} has no products.{role}", "one of: " + ", ".join(given), f"add products.{role}"
            )
        return given[role]

    def region(self, name: str) -> Region:
        """The region of that name.

        Raises:
            FusionError: there is none.
        """
        if name in self._by_name:
            return self._by_name[name]
        names = ", ".join(region.name for region in self.regions)
        raise FusionError(f"study {self.name} has no region {name!r}", names, "choose one of its regions")

    def region_called(self, text: str) -> Region:
        """The region that a person means: that of this name, or the only one whose name or title is spelt alike.

        Capitals do not matter, nor what a name has `_` for: `são paulo` is `São_Paulo`.

        Raises:
            FusionError: there is none, or several.
        """
        spelt = _spelt(text)
        alike = [each for each in self.regions if spelt in (_spelt(each.name), _spelt(each.title)) and spelt]
        if text in self._by_name or not alike:
            return self.region(text)
        if len(alike) > 1:
            names = ", ".join(each.name for each in alike)
            raise FusionError(f"{text!r} may be several regions of study {self.name}", names, "choose one of these")
        return alike[0]

    @functools.cached_property
    def _by_name(self) -> dict[str, Region]:
        return {region.name: region for region in reversed(self.regions)}

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of regions that do not follow from a name: what is written for people depends on them, too."""
        return tuple(region.title for region in self.regions if region.title and name_like(region.title) != region.name)

    def polygon(self, region_name: str) -> BaseGeometry:
        """Outline of a region in WGS84 degrees."""
        return self.region(region_name).polygon

    def grid(self, region_name: str, resolution: float | None = None) -> Grid:
        """The grid that every raster of a region lies on, or the same at another resolution (metres)."""
        region = self.region(region_name)
        return _grid(region.polygon.wkb, region.grid_crs, resolution or self.resolution)

    def section(self, name: str) -> Any:
        """The section of a system; None where the study has none."""
        return getattr(self, name, None)

    def window(self, role: Role, year: int) -> tuple[dt.date, dt.date]:
        """First and last day, inclusive, from which a product is made for a year.

        The product's window of that year, else its own season, else the study's season (the whole year for annual and
        epoch products).

        Raises:
            FusionError: the study has no such role or year.
        """
        use = self.use(role)
        if year not in self.years:
            raise FusionError(
                f"study {self.name} does not cover {year}",
                ", ".join(map(str, self.years)),
                "add the year to prediction_years, or choose one of these",
            )
        if year in use.windows:
            return use.windows[year]
        default = self.season if use.recipe.season == "season" else WHOLE_YEAR
        return (use.season or default).dates(year)

    def digest(self, *sections: str) -> str:
        """12 hexadecimal digits of some sections, or of all that pixels can depend on (not title, reference, engine).

        A model that is the usual one is left out, too: studies of before there was a choice keep their digests.

        Equal for equal content, whatever the order of keys in the file and of the sections asked for.

        Args:
            sections: top-level keys or dotted paths: `season`, `products.sentinel2`, `regions.demo` (by name).

        Raises:
            FusionError: a section that does not exist.
        """
        of_people: Any = {"title": True, "owners": True, "reference_sample": True, "earth_engine": True}
        of_people["regions"] = {"__all__": {"title"}}
        if self.model == "network":
            of_people["model"] = True
        content = self.model_dump(mode="json", exclude=of_people)
        for name, section in self.sections.items():
            if content[name] is not None:
                content[name] |= dict.fromkeys(section.destinations)
        whole = {key: value for key, value in content.items() if key not in {*self.sections, "rivals"}}
        chosen = {path: _section(content, path) for path in sections} if sections else whole
        return hashlib.sha256(json.dumps(chosen, sort_keys=True).encode()).hexdigest()[:12]


def _section(content: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(content, list):
            content = {item["name"]: item for item in content}
        if not isinstance(content, dict) or part not in content:
            raise FusionError(f"a study has no section {path!r}", "a key of the study file", "check the spelling")
        content = content[part]
    return content


@functools.lru_cache(maxsize=64)
def _grid(wkb: bytes, crs: str, resolution: float) -> Grid:
    return Grid.from_geometry(shapely.from_wkb(wkb), crs, resolution)


def _today(info: ValidationInfo) -> dt.date:
    return (info.context or {}).get("today") or dt.datetime.now(dt.UTC).date()


def study_of(
    content: object,
    source: str = "the study",
    folder: Path = Path(),
    today: dt.date | None = None,
    outlines: OutlineOf | None = None,
    sections: Sections | None = None,
) -> Study:
    """A study from parsed YAML.

    Args:
        content: mapping as YAML gives it.
        source: name of the file, for errors.
        folder: folder that paths in the study are relative to.
        today: what `latest` is reckoned from; by default the present day (UTC).
        outlines: looks up an outline that Earth Engine keeps, when it is first needed.
        sections: of the systems, by key; others are unknown keys.

    Raises:
        FusionError: every problem found, with key, value and remedy.
    """
    with unforeseen(source):
        if not isinstance(content, dict):
            raise FusionError(
                f"{source} holds {shown(content)}",
                "a mapping of keys such as name and regions",
                "see studies/demo.yaml",
            )
        model = study_model(Study, sections or {})
        try:
            context = {"today": today, "folder": folder, "outlines": outlines, "effort": OutlineEffort()}
            return model.model_validate(content, context=context)
        except ValidationError as error:
            raise as_error(source, problems_of(error, model)) from None


def load_study(
    name_or_path: str | Path,
    today: dt.date | None = None,
    outlines: OutlineOf | None = None,
    sections: Sections | None = None,
) -> Study:
    """Read a study by name (a file of `fusion_assets/studies/`) or by the path of a YAML file.

    Args:
        name_or_path: `demo`, or `my/study.yaml`.
        today: what `latest` is reckoned from; by default the present day (UTC).
        outlines: looks up an outline that Earth Engine keeps, when it is first needed.
        sections: of the systems, by key; others are unknown keys.

    Raises:
        FusionError: no such file, not YAML, or a problem in the study: names file, key, value and remedy.
    """
    with unforeseen(cut(str(name_or_path), 300)):
        path = find_study(name_or_path)
        return study_of(read_yaml(path), str(path), path.parent, today, outlines, sections)


class _Room(ModuleType):
    """This room, which bears the name of what it reads: `fusion_assets.study()` gives the configured study."""

    def __call__(self, study: str | Path | None = None) -> Study:
        """See `fusion_assets.access.configured_study`."""
        read: Study = import_module("fusion_assets.access").configured_study(study)
        return read


sys.modules[__name__].__class__ = _Room
