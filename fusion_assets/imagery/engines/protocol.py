"""What is asked of an engine and what it answers: requests, exports (tickets) and two protocols.

All engines speak these types, and Dagster stores them as JSON.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from affine import Affine
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.restoring import check_restored, fields_of, restored
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import RECIPE_VERSION, CompositeRecipe, Mask
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.redaction import public_url
from fusion_assets.storage.json_objects import as_written

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.imagery.timeseries import Treatment

# Parts of a request that do not shape its pixels.
NOT_PIXELS = ("archive", "collections", "sign", "allow_deprecated")
CHANGED = "it was changed, or written by another version: update this one, or materialize the export again"
"""What to do about an export that cannot be restored."""
State = Literal["PENDING", "RUNNING", "SUCCEEDED", "FAILED"]


@dataclass(frozen=True)
class ExportRequest:
    """One product, region and year asked of an engine.

    Attributes:
        asset: the asset that will hold the pixels, for example `sentinel2_composite`.
        product: key of `products.PRODUCTS`.
        region: name of the region.
        year: partition year; `window` may lie in another one.
        grid: of the result.
        geometry: the region as GeoJSON, longitude and latitude.
        window: first and last day, both included.
        recipe: mask, bands, resampling, reducer, working grid.
        archive: catalog path or API address (archive engine).
        collections: STAC collection ids in order of preference.
        max_cloud_cover: scenes with more `eo:cloud_cover` (percent) are left out; None keeps all.
        sign: how asset links are signed when read.
        allow_deprecated: whether a collection that Earth Engine has deprecated may be read all the same.
        assets: (band, asset key) pairs where the study says which asset of an item holds a band, or the `mask`.
    """

    asset: str
    product: str
    region: str
    year: int
    grid: Grid
    geometry: dict[str, Any]
    window: tuple[dt.date, dt.date]
    recipe: CompositeRecipe
    archive: str
    collections: tuple[str, ...]
    max_cloud_cover: float | None = None
    sign: str | None = None
    allow_deprecated: bool = False
    assets: tuple[tuple[str, str], ...] = ()

    @property
    def partition(self) -> str:
        """The partition as Dagster spells it: `region|year`."""
        return f"{self.region}|{self.year}"

    @property
    def area(self) -> BaseGeometry:
        """The region's polygon, longitude and latitude."""
        return shape(self.geometry)

    @property
    def recipe_digest(self) -> str:
        """12 hexadecimal digits of everything that shapes the pixels, but neither archive nor scenes."""
        facts = self.to_dict()
        return digest({key: facts[key] for key in facts if key not in NOT_PIXELS})

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form, without a login in `archive`; `from_dict` restores it."""
        facts = fields_of(self)
        facts["archive"] = public_url(self.archive)
        facts["grid"] = {
            "crs": self.grid.crs,
            "transform": list(self.grid.transform[:6]),
            "height": self.grid.height,
            "width": self.grid.width,
        }
        facts["window"] = [day.isoformat() for day in self.window]
        if not self.assets:
            del facts["assets"]
        facts["recipe"] = dataclasses.asdict(dataclasses.replace(self.recipe, mask=_without_gap(self.recipe.mask)))
        if not self.recipe.more_masks:
            # Requests that ask for none keep the digests that they had before there were any.
            del facts["recipe"]["more_masks"]
        return json.loads(json.dumps(facts))

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> ExportRequest:
        """Restore a request from `to_dict`."""
        grid, recipe = facts["grid"], dict(facts["recipe"])
        recipe["mask"] = _mask(recipe["mask"])
        recipe["more_masks"] = tuple(map(_mask, recipe.get("more_masks", ())))
        recipe["bands"] = tuple(recipe["bands"])
        first, last = (dt.date.fromisoformat(day) for day in facts["window"])
        return cls(
            **{
                **facts,
                "grid": Grid(grid["crs"], Affine(*grid["transform"]), grid["height"], grid["width"]),
                "window": (first, last),
                "recipe": CompositeRecipe(**recipe),
                "collections": tuple(facts["collections"]),
                "assets": tuple((band, key) for band, key in facts.get("assets", ())),
            }
        )


@dataclass(frozen=True)
class Export:
    """A request that an engine has accepted, with its operation's id and state. Stored as a ticket.

    Attributes:
        id: of the operation; the same request with the same scenes always has the same id.
        request: what was asked.
        scenes: ids of the scenes found, sorted.
        state: of the operation.
        engine: name of the engine.
        submitted: UTC, ISO 8601.
        finished: UTC, ISO 8601, or None while it runs.
        message: what went wrong, when it failed.
        flags: what is doubtful about the scenes, in words.
    """

    id: str
    request: ExportRequest
    scenes: tuple[str, ...]
    state: State
    engine: str
    submitted: str
    finished: str | None = None
    message: str = ""
    flags: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """JSON-able form; `from_dict` restores it."""
        lists = {"scenes": list(self.scenes), "flags": list(self.flags)}
        return {**fields_of(self), "request": self.request.to_dict(), **lists}

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> Export:
        """Restore an export from `to_dict`.

        Raises:
            FusionError: it is something else, or of a version that this one does not know.
        """
        with as_written(f"the export {str(facts.get('id'))[:40]!r}", CHANGED):
            request = ExportRequest.from_dict(facts["request"])
            lists = {"scenes": tuple(facts["scenes"]), "flags": tuple(facts["flags"])}
            export = restored(cls, facts, request=request, **lists)
            kept = {key: value for key, value in facts.items() if key in fields_of(export)}
            parts = (request, request.recipe, request.recipe.mask, *request.recipe.more_masks)
            check_restored(export, kept, *parts, times=(export.submitted, export.finished))
            if not export.scenes or request.product not in PRODUCTS or export.request.area.is_empty:
                raise ValueError("it names no scenes, no product that is known, or no area")
        return export


class QueueFull(FusionError):
    """The engine takes no further operation for now; asking again later will do."""


class NoScenes(FusionError):
    """The collection is there, but nothing in it answers the request."""


class SeriesEngine(Protocol):
    """Where pixels come from, every pass by itself. All engines give the same pixels from the same scenes."""

    name: str

    def series(
        self, request: ExportRequest, treatment: Treatment | None = None, without: Collection[str] = ()
    ) -> xr.Dataset:
        """Every pass by itself, lazily, without an operation: nothing is reduced that would be worth keeping.

        Args:
            request: recipe without a reducer.
            treatment: applied to all dates of a piece together.
            without: ids of scenes that are left out.

        Returns:
            Dataset (time, y, x) on the request's grid, see `timeseries.dataset_of`.

        Raises:
            NoScenes: nothing in the window.
            UnreadableFile: at the latest when computed.
            FusionError: the engine cannot be reached.
        """
        ...

    def readability(self, request: ExportRequest) -> dict[str, UnreadableFile | None]:
        """Scenes of a series by id, each with why it cannot be read or None, found by reading all of them."""
        ...

    def doubts(self, request: ExportRequest) -> tuple[str, ...]:
        """What is doubtful about the scenes read for a request and stands in no ticket, in words.

        Numbers that contradict what their item says and, for series, items that contradict themselves. To be asked
        after `collect` or `series`, of the same engine object.
        """
        ...


@runtime_checkable
class CompositeEngine(SeriesEngine, Protocol):
    """An engine that reduces passes as well; all give the same pixels at native working resolution."""

    def submit(self, request: ExportRequest) -> Export:
        """Find the scenes and start one operation; asking the same again returns the same export.

        Raises:
            QueueFull: it should be asked again later.
            FusionError: no scenes, or the engine cannot be reached.
        """
        ...

    def states(self, exports: Sequence[Export]) -> list[Export]:
        """The same exports with their present state."""
        ...

    def collect(self, export: Export, without: Collection[str] = ()) -> xr.Dataset:
        """The pixels of a finished export on its grid, lazily; scenes named in `without` are left out.

        Raises:
            FusionError: not finished; names what is not ready.
            UnreadableFile: at the latest when computed.
        """
        ...

    def unreadable(self, export: Export) -> dict[str, UnreadableFile]:
        """Scenes that cannot be read, by id, found by reading all of them."""
        ...

    def resubmit(self, export: Export) -> Export:
        """Try a failed export anew: another attempt under the same id, in smaller pieces where memory ran out."""
        ...

    def facts(self, export: Export) -> dict[str, object]:
        """What is worth recording of an export beside the ticket: task, attempt, times, cost."""
        ...

    def finished_since(self, cursor: str | None) -> tuple[list[Export], str]:
        """Exports that finished after `cursor` (None: all that are known), and the cursor to pass next time.

        Exports whose files cannot be reached though they have run come too, still RUNNING, with the reason.
        """
        ...


def digest(facts: object) -> str:
    """12 hexadecimal digits of the canonical JSON of `facts`."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:12]


def operation_id(request: ExportRequest, scenes: Sequence[str]) -> str:
    """Id of the operation for a request and its scenes: equal inputs, equal id; late scenes make a new one."""
    return digest([request.to_dict(), sorted(scenes), RECIPE_VERSION])


def series_only(engine: str, what: str, others: str = "assets that are made of series alone") -> FusionError:
    """The error of asking an engine for a composite that gives no more than series.

    Args:
        engine: its name.
        what: that was asked for, in words.
        others: what may be selected instead.
    """
    return FusionError(
        f"{what}: not made by the engine {engine} (FUSION_ENGINE)",
        "series of dates; composites and labels come from the engines archive and earth_engine",
        f"fusion run --select {others}, or another FUSION_ENGINE",
    )


def no_scenes(request: ExportRequest, source: str, left_out: int, remedy: str) -> NoScenes:
    """The error of a request that no scene answers.

    Args:
        request: what was asked.
        source: what was searched, fit for messages.
        left_out: scenes left out as too cloudy.
        remedy: what to do.
    """
    first, last = request.window
    cloudy = f" ({left_out} left out as more than {request.max_cloud_cover:g} % cloud)" if left_out else ""
    return NoScenes(
        f"no scenes of {PRODUCTS[request.product].title} for {request.asset} {request.partition}: {source} has none "
        f"between {first} and {last} that touch the region{cloudy}",
        "at least one scene",
        remedy,
    )


def _mask(facts: dict[str, Any]) -> Mask:
    known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in facts.items()}
    return Mask(**known)


def _without_gap(mask: Mask) -> Mask:
    # The gap has been enforced when the scenes were found; it does not shape pixels.
    return dataclasses.replace(mask, gap=None)
