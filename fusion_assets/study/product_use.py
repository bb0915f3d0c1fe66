"""How a study uses products: bands, windows, masks, archives, what counts as built-up."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import (
    Field,
    StrictInt,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from fusion_assets.study.mistakes import as_date, close_to, place_of, shown, wrong
from fusion_assets.study.regions import Code, Section
from fusion_assets.study.years import EARLIEST_YEAR, LATEST_YEAR, SeasonOfYear, year_of

if TYPE_CHECKING:
    from fusion_assets.imagery.recipe import Product

Role = Literal["sentinel2", "night_lights", "labels", "embedding"]


def known_products() -> dict[str, Product]:
    """All products, imported late so that reading a study stays cheap."""
    from fusion_assets.imagery.products import PRODUCTS

    return PRODUCTS


class Archive(Section):
    """Where one product's scenes are catalogued, instead of `FUSION_ARCHIVE`.

    Attributes:
        path: STAC catalog on a file system (any fsspec URL), relative to the study file; or
        url: address of a STAC API.
        sign: how links to pixels are signed.
        requester_pays: whether reads are billed to the reader (S3).
        folder: folder of the study file, filled in while loading; not part of any digest.
    """

    path: str | None = Field(None, description="STAC catalog", examples=["archive/catalog.json"])
    url: str | None = Field(
        None, description="STAC API address", examples=["https://planetarycomputer.microsoft.com/api/stac/v1"]
    )
    sign: Literal["planetary_computer"] | None = Field(
        None, description="how links are signed", examples=["planetary_computer"]
    )
    requester_pays: bool = Field(False, description="reads are billed to the reader", examples=[True])
    folder: Path = Field(default=Path(), exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _one_place(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, str):
            value = {"url" if value.startswith(("http://", "https://")) else "path": value}
        if not isinstance(value, dict):
            return value
        if bool(value.get("path")) == bool(value.get("url")):
            raise wrong(f"is {shown(value)}", "exactly one of path, url", "write the catalog's path or the API's url")
        folder = (info.context or {}).get("folder", Path())
        if isinstance(value.get("path"), str):
            place_of(value["path"], folder)  # that there is such a path is found out here, not during a run
        return {**value, "folder": folder}

    @property
    def location(self) -> str:
        """Absolute path or address of the catalog."""
        if self.url is not None:
            return self.url
        return place_of(str(self.path), self.folder)


class MaskClasses(Section):
    """Class codes of the mask band that count as clear."""

    classes: tuple[Code, ...] = Field(min_length=1, max_length=1000, description="clear classes", examples=[[4, 5, 6]])


class CloudScore(Section):
    """Cloud Score+ as the mask of Sentinel-2: clear from a score on. On Earth Engine; an archive needs such an asset.

    Source: https://developers.google.com/earth-engine/datasets/catalog/GOOGLE_CLOUD_SCORE_PLUS_V1_S2_HARMONIZED

    Attributes:
        cloud_score: least score that counts as clear, 0 (cloud) to 1 (clear); 0.5 to 0.65 are usual.
        band: `cs_cdf` (rank among all observations of the place, forgiving to haze) or `cs` (stricter).
    """

    cloud_score: float = Field(strict=True, gt=0, lt=1, description="least clear score", examples=[0.6])
    band: Literal["cs_cdf", "cs"] = Field("cs_cdf", description="which score", examples=["cs_cdf"])


class MinCoverage(Section):
    """Cloud-free observations that a pixel of a night-light composite must rest on (`cf_cvg`); without it, one.

    Source: https://eogdata.mines.edu/products/vnl/
    """

    min_coverage: StrictInt = Field(ge=1, le=10_000, description="least count of cloud-free observations", examples=[3])


_MASKS: tuple[tuple[str, type[Section], str, str], ...] = (
    ("classes", MaskClasses, "{classes: [clear codes]}", "{classes: [4, 5, 6]}"),
    (
        "cloud_score",
        CloudScore,
        "{cloud_score: least clear score, above 0 and below 1, band: cs_cdf or cs}",
        "{cloud_score: 0.6}",
    ),
    (
        "min_coverage",
        MinCoverage,
        "{min_coverage: least count of cloud-free observations, a whole number from 1 on}",
        "{min_coverage: 3}",
    ),
)
"""Ways to say what is clear: key, what it makes, its form and an example."""


class ProductUse(Section):
    """How a study uses one product; every key but `product` has a default.

    Attributes:
        product: name in `imagery/products.py`.
        bands: bands to read, in the order of the features; by default the product's own choice.
        windows: year -> (first day, last day); overrides the season and may lie in another year.
        season: overrides the study's season; None: the product's default.
        mask: "none" (every valid pixel is clear), clear classes, a cloud score, a least coverage, or None for the
            product's own mask.
        archive: overrides `FUSION_ARCHIVE`.
        max_cloud_cover: scenes with a higher `eo:cloud_cover` (percent) are left out.
        built_up_threshold: labels that are fractions: built-up from this share on.
        built_codes: labels that are land cover: codes that mean built-up.
        collection: overrides the collection id.
        assets: band (or `mask`) -> key of the asset that holds it, where a catalog has its own spelling; `key#3` is the
            third band of that file.
        allow_deprecated: read a collection that Earth Engine has deprecated.
    """

    product: str = Field(description="name of a product", examples=["sentinel2_l2a"])
    bands: tuple[str, ...] | None = Field(None, description="band names", examples=[["B02", "B03", "B04", "B08"]])
    windows: dict[int, tuple[dt.date, dt.date]] = Field(
        default_factory=dict, description="year: [first day, last day]", examples=[{2020: ["2019-04-11", "2019-04-11"]}]
    )
    season: SeasonOfYear | None = None
    mask: Literal["none"] | MaskClasses | CloudScore | MinCoverage | None = None
    archive: Archive | None = None
    max_cloud_cover: float | None = Field(None, ge=0, le=100, description="percent, 0 to 100", examples=[80])
    built_up_threshold: float | None = Field(
        None, gt=0, le=1, description="built-up share, above 0, at most 1", examples=[0.1]
    )
    built_codes: tuple[Code, ...] | None = Field(None, description="codes that mean built-up", examples=[[5]])
    allow_deprecated: bool = Field(False, description="read a deprecated collection", examples=[True])
    collection: str | None = Field(None, description="STAC collection id", examples=["sentinel-2-l2a"])
    assets: dict[str, str] = Field(
        default_factory=dict,
        description="band: asset key, `key#3` for a file's third band",
        examples=[{"B02": "image#1"}],
    )

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"product": value} if isinstance(value, str) else value

    @field_validator("product")
    @classmethod
    def _product(cls, value: str) -> str:
        products = known_products()
        if value not in products:
            close = close_to(value, products)
            remedy = f"did you mean {close}?" if close else "choose one of them"
            raise wrong(f"is {shown(value)}, an unknown product", "one of " + ", ".join(products), remedy)
        return value

    @field_validator("mask", mode="before")
    @classmethod
    def _mask(cls, value: Any) -> Any:
        if value is None or isinstance(value, Section) or value == "none":
            return value
        for key, section, form, example in _MASKS:
            if isinstance(value, dict) and key in value:
                try:
                    return section.model_validate(value)
                except ValidationError:
                    raise wrong(f"is {shown(value)}", form, f"write for example {example}") from None
        forms = ", ".join(form for _, _, form, _ in _MASKS)
        raise wrong(f"is {shown(value)}", f"none, or one of {forms}", "write for example {classes: [4, 5, 6]}")

    @field_validator("windows", mode="before")
    @classmethod
    def _windows(cls, value: object) -> Any:
        form = "{year: [first day, last day]} with days as YYYY-MM-DD"
        example = "write for example {2020: [2019-04-01, 2019-09-30]}"
        if not isinstance(value, dict):
            raise wrong(f"is {shown(value)}", form, example)
        windows = {}
        for key, pair in value.items():
            year = year_of(key, "{2020: [2019-04-01, 2019-09-30]}")
            if year in windows:
                raise wrong(f"names {year} twice, once in quotes", form, "give each year once")
            days = [as_date(day) for day in pair] if isinstance(pair, list | tuple) else []
            if len(days) != 2 or days[0] is None or days[1] is None:
                raise wrong(f"has {year}: {shown(pair)}", form, example)
            if days[1] < days[0]:
                raise wrong(f"has {year}: {shown(pair)}, which ends before it begins", form, "swap the two days")
            if not EARLIEST_YEAR - 10 <= days[0].year <= days[1].year <= LATEST_YEAR + 1:
                raise wrong(f"has {year}: {shown(pair)}, when no satellite looked", form, example)
            windows[year] = (days[0], days[1])
        return windows

    @field_validator("assets")
    @classmethod
    def _assets(cls, value: dict[str, str]) -> dict[str, str]:
        for band, key in value.items():
            if not re.fullmatch(r"[^#]+(#[1-9]\d{0,3})?", key):
                form = "an asset's key, or `key#n` for band n of its file, counted from 1"
                raise wrong(f"has {band}: {shown(key)}", form, f"write for example {{{band}: image#3}}")
        return value

    @model_serializer(mode="wrap")
    def _without_empty(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Studies that do not use a key keep the digests that they had before there was one.
        content = dump(self)
        return {key: value for key, value in content.items() if key != "assets" or value}

    @property
    def recipe(self) -> Product:
        """The product this is a use of."""
        return known_products()[self.product]

    @property
    def band_names(self) -> tuple[str, ...]:
        """Bands to read: the study's choice or the product's."""
        return self.bands if self.bands is not None else tuple(self.recipe.default_bands)


class Products(Section):
    """The products of a study by role; absent roles are not made."""

    sentinel2: ProductUse | None = Field(None, description="optics", examples=["sentinel2_l2a"])
    night_lights: ProductUse | None = Field(None, description="lights", examples=["viirs_monthly"])
    labels: ProductUse | None = Field(None, description="settlement labels", examples=["ghsl_smod_v2"])
    embedding: ProductUse | None = Field(None, description="embeddings", examples=["satellite_embedding"])

    @model_serializer(mode="wrap")
    def _without_empty(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # As with the keys of a product: a role that came later changes no digest of studies without it.
        content = dump(self)
        return {key: value for key, value in content.items() if key != "embedding" or value is not None}

    def given(self) -> dict[Role, ProductUse]:
        """The roles that are present."""
        uses: dict[Role, ProductUse | None] = {
            "sentinel2": self.sentinel2,
            "night_lights": self.night_lights,
            "labels": self.labels,
            "embedding": self.embedding,
        }
        return {role: use for role, use in uses.items() if use is not None}
