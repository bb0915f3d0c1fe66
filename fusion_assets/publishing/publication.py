"""What a system publishes, as a record: reading it loads nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fusion_assets.storage.simulation import NOTICE, WORD

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np

    from fusion_assets.storage.raster_classes import Class, Palettes
    from fusion_assets.study import Study

SYNTHETIC = f"{NOTICE} "


@dataclass(frozen=True)
class Band:
    """One band of a published raster.

    Attributes:
        name: in the file.
        text: what its values are.
        palette: of the picture: matplotlib's name for a quantity, name and colour of each class.
        unit: of a quantity; 1 for what has none.
    """

    name: str
    text: str
    palette: str | Mapping[int, Class]
    unit: str = "1"


@dataclass(frozen=True)
class Publication:
    """What a system publishes: one raster for each region and year, or for each region.

    Attributes:
        name: of the system, or of what it publishes beside its maps; its documents lie in `stac/<name>`.
        title: what is mapped, for people; without a colon.
        text: what the maps are, and how they may be read.
        asset_title: what the file of a raster's quantities holds.
        lineage: how a raster is made; `{scenes}` is how many of them.
        asset: that stores the rasters, by region and year, or by region.
        bands: of the rasters, in the order they are read in.
        products: names of the products that the rasters of a study rest on.
        span: first and last day of the imagery of a study's year, inclusive.
        thumbnail: bands of the small picture: one, or red, green and blue.
        report: asset that stores a page about each region; empty where there is none.
        keywords: of the collection.
        thumbnails: where the small pictures lie; by default in a folder beside the items.
        version: raise it when the same rasters would be described otherwise.
        yearly: whether a raster is of one year; else of all years of the study, and listed under the last.
        warning: sentence that begins every description of a study's maps, where there is one.
        more_bands: bands beside `bands`, whose number a study decides.
        regions: of a study that there are rasters of; by default all.
        stored: type and no-data number of the file's quantities.
        picture: small bands of a raster to those of `thumbnail`, where the raster itself has none that show it.
    """

    name: str
    title: str
    text: str
    asset_title: str
    lineage: str
    asset: str
    bands: tuple[Band, ...]
    products: Callable[[Study], tuple[str, ...]]
    span: Callable[[Study, int], tuple[dt.date, dt.date]]
    thumbnail: tuple[str, ...]
    report: str = ""
    keywords: tuple[str, ...] = ()
    thumbnails: str = ""
    version: str = "1"
    yearly: bool = True
    warning: Callable[[Study], str] = lambda study: ""
    more_bands: Callable[[Study], tuple[Band, ...]] = lambda study: ()
    regions: Callable[[Study], tuple[str, ...]] = lambda study: tuple(region.name for region in study.regions)
    stored: tuple[str, float] = ("float32", math.nan)
    picture: Callable[[Mapping[str, np.ndarray]], Mapping[str, np.ndarray]] = lambda small: small

    def of(self, study: Study) -> Publication:
        """The publication of one study: with all its bands."""
        return replace(self, bands=(*self.bands, *self.more_bands(study)), more_bands=lambda _: ())

    @property
    def items(self) -> str:
        """Where its items lie, in folders by region."""
        return f"stac/{self.name}"

    @property
    def pictures(self) -> str:
        """Where the small pictures lie, in folders by region."""
        return self.thumbnails or f"{self.items}-thumbnails"

    @property
    def palettes(self) -> Palettes:
        """Colours by band."""
        return {band.name: band.palette for band in self.bands}


@dataclass(frozen=True)
class Edition:
    """What a system publishes of one study: what all its documents share.

    Attributes:
        publication: of the system.
        study: that is published.
        synthetic: whether its imagery is simulated; every document then says so.
    """

    publication: Publication
    study: Study
    synthetic: bool = False

    @property
    def collection(self) -> str:
        """Id of the collection."""
        return f"{self.study.name}-{self.publication.name.replace('_', '-')}"

    @property
    def title(self) -> str:
        """Of the study, for people."""
        return self.study.title or self.study.name

    @property
    def products(self) -> tuple[str, ...]:
        """Names of the products that the rasters rest on."""
        return self.publication.products(self.study)

    @property
    def caveat(self) -> str:
        """What begins every description: that imagery is simulated, and what else is to be known of all maps."""
        warning = self.publication.warning(self.study)
        return (SYNTHETIC if self.synthetic else "") + (f"{warning} " if warning else "")

    def named(self, text: str) -> str:
        """A title that says where imagery is simulated."""
        return f"{WORD} {text}" if self.synthetic else text
