"""The regions of a study: a name, an outline in degrees, a CRS."""

from __future__ import annotations

import functools
import math
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import shapely
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.study.mistakes import shown, wrong
from fusion_assets.study.names import is_name, name_like
from fusion_assets.study.outline_checks import (
    BBOX_FORM,
    checked_bbox,
    checked_crs,
    checked_geometry,
    crs_reaches,
    utm_crs,
)
from fusion_assets.study.outline_limits import OutlineEffort

WIDEST_UTM_DEGREES = 20
"""A wider region is stretched by more than 1.5 % at its edges when drawn in one UTM zone."""

Metres = Annotated[float, Field(gt=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Code = Annotated[int, Field(strict=True, ge=-(2**31), lt=2**32)]
"""Of a class, as rasters of whole numbers hold it."""
_LONGEST_TITLE = 200


class Section(BaseModel):
    """What all parts of a study share: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    @field_validator("*", mode="before", check_fields=False)
    @classmethod
    def _no_truth_value(cls, value: object, info: ValidationInfo) -> object:
        # To Python true is 1, which as a share, a size or a code is never what was meant; and 1 is no answer.
        field = cls.model_fields[str(info.field_name)]
        is_switch = field.annotation is bool
        if type(value) in (int, float) if is_switch else _holds_truth(value):
            example = f": {shown(field.examples[0])}" if field.examples else ""
            expected = "true or false" if is_switch else field.description or "another value"
            raise wrong(f"is {shown(value)}", expected, f"write for example `{info.field_name}{example}`")
        return value


def _holds_truth(value: object) -> bool:
    parts = value if isinstance(value, list | tuple) else (value,)
    return any(isinstance(part, bool) for part in parts)


def checked_name(value: object) -> str:
    """A name that can be a folder and a partition key.

    Raises:
        PydanticCustomError: empty, blanks, `|`, `/`, `..` or other characters that paths and keys give a meaning to.
    """
    if not isinstance(value, str):
        raise wrong(f"is {shown(value)}, not text", "a name such as bagmati", "write it in quotes, letter by letter")
    if not is_name(value):
        raise wrong(
            f"is {shown(value)}, which cannot be a folder name and partition key",
            "1 to 64 letters, digits, `_`, `-` or single `.`, beginning with a letter or digit; "
            "no blanks, `|`, `/` or `..`",
            f"rename it, for example to {name_like(value)[:40] or 'bagmati'}",
        )
    return value


Name = Annotated[str, BeforeValidator(checked_name)]
Bbox = Annotated[tuple[float, float, float, float], BeforeValidator(checked_bbox)]


class FeatureSelection(Section):
    """Features of an Earth Engine table, by the value of one property."""

    collection: str = Field(description="Earth Engine table id", examples=["FAO/GAUL/2015/level2"])
    property: str = Field(description="property to compare", examples=["ADM2_NAME"])
    value: str | int | float = Field(description="its value", examples=["Bagmati"])
    bbox: Bbox | None = Field(None, description=BBOX_FORM)

    @field_validator("value", mode="before")
    @classmethod
    def _value(cls, value: object) -> Any:
        if type(value) not in (str, int, float) or (isinstance(value, float) and not math.isfinite(value)):
            raise wrong(f"is {shown(value)}", "text or a number", "write for example `value: Bagmati`")
        return value


def _checked_title(value: object) -> str:
    """A text that people read, in one line; raises PydanticCustomError."""
    if not isinstance(value, str) or len(value) > _LONGEST_TITLE or any(map(_is_control, value)):
        raise wrong(
            f"is {shown(value)}", f"a line of text of at most {_LONGEST_TITLE} letters", "write for example São Paulo"
        )
    return value


def _is_control(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp")


Title = Annotated[str, BeforeValidator(_checked_title)]


def effort_of(info: ValidationInfo) -> OutlineEffort:
    """What has been looked at of the study that is being validated."""
    return (info.context or {}).get("effort") or OutlineEffort()


def _checked_crs(value: object, info: ValidationInfo) -> str | None:
    return None if value is None else effort_of(info).of_crs(checked_crs, value)


Crs = Annotated[str | None, BeforeValidator(_checked_crs)]
OutlineOf = Callable[[FeatureSelection], BaseGeometry]


class Region(Section):
    """A named piece of the Earth.

    Attributes:
        name: folder and partition key.
        title: what people call it; no digest depends on it.
        bbox: (west, south, east, north) in degrees; or
        geometry: GeoJSON polygon(s) in degrees, inline or the path of a .geojson file relative to the study file; or
        ee_features: features of an Earth Engine table; a `bbox` beside them stands in for their outline.
        crs: CRS of the region's grid; by default the UTM zone of the outline's centroid.
    """

    name: Name = Field(description="name of the region", examples=["bagmati"])
    title: Title = Field("", description="for people", examples=["Bāgmatī"])
    bbox: Bbox | None = Field(None, description=BBOX_FORM)
    geometry: dict[str, Any] | None = Field(None, description="GeoJSON polygon in degrees, or the path of a .geojson")
    ee_features: FeatureSelection | None = Field(None, description="selection of Earth Engine features")
    crs: Crs = Field(None, description="projected CRS in metres", examples=["EPSG:32645"])
    _outlines: OutlineOf | None = PrivateAttr(None)

    @field_validator("geometry", mode="before")
    @classmethod
    def _geometry(cls, value: object, info: ValidationInfo) -> Any:
        if value is None:
            return None
        folder = (info.context or {}).get("folder", Path())
        return shapely.geometry.mapping(checked_geometry(value, folder, effort_of(info)))

    @model_validator(mode="after")
    def _one_outline(self, info: ValidationInfo) -> Region:
        self._outlines = (info.context or {}).get("outlines")
        given = [key for key in ("bbox", "geometry", "ee_features") if getattr(self, key) is not None]
        if len(given) != 1:
            raise wrong(
                f"has {' and '.join(given) if given else 'no outline'}",
                "exactly one of bbox, geometry, ee_features",
                "remove all but one" if given else "add `bbox: [west, south, east, north]`",
            )
        if self.crs is None and self.outline_is_local:
            centre = self.polygon.centroid
            if not -80 <= centre.y <= 84:
                raise wrong(f"lies at latitude {centre.y:.1f}", "80 S to 84 N, where UTM is defined", "give it a crs")
            west, _, east, _ = self.polygon.bounds
            if east - west > WIDEST_UTM_DEGREES:
                raise wrong(
                    f"spans {east - west:.0f} degrees of longitude and names no crs",
                    f"at most {WIDEST_UTM_DEGREES} degrees for the default, one UTM zone",
                    "give it a crs made for its size, for example ESRI:54009 (Mollweide, equal area)",
                )
            self.__dict__["crs"] = utm_crs(centre)  # resolved once, so that digests and readers see one value
        if self.outline_is_local and not crs_reaches(str(self.crs), self.polygon):
            raise wrong(
                f"lies far outside the area that its crs {self.crs} is made for",
                "a crs of that part of the world",
                "leave crs out to have the UTM zone chosen, or correct crs or the outline",
            )
        return self

    @property
    def called(self) -> str:
        """What people call it: its title, or else its name."""
        return self.title or self.name

    @property
    def outline_is_local(self) -> bool:
        """Whether the outline is known without asking Earth Engine."""
        return self.ee_features is None or self.ee_features.bbox is not None

    @functools.cached_property
    def polygon(self) -> BaseGeometry:
        """Outline in WGS84 degrees (longitude, latitude), a Polygon or MultiPolygon.

        Raises:
            FusionError: an Earth Engine selection that nothing here can resolve.
        """
        if self.geometry is not None:
            return shapely.geometry.shape(self.geometry)
        if self.bbox is not None:
            return shapely.box(*self.bbox)
        selection = self.ee_features
        assert selection is not None
        if selection.bbox is not None:
            return shapely.box(*selection.bbox)
        if self._outlines is not None:
            return self._outlines(selection)
        raise FusionError(
            f"region {self.name}: the outline of {selection.collection} where {selection.property} = "
            f"{selection.value} is kept on Earth Engine, which is not asked here",
            "an outline known here",
            f"add `bbox: [west, south, east, north]` to ee_features of region {self.name}, or give it a geometry",
        )

    @property
    def grid_crs(self) -> str:
        """CRS of the region's grid: its own, or the UTM zone of an outline that Earth Engine keeps."""
        return self.crs or utm_crs(self.polygon.centroid)
