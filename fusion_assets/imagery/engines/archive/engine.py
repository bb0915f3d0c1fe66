"""The default engine: composites computed here, from the scenes of a STAC catalog or API.

An operation of this engine is finished when it is submitted; the pixels are computed in `collect`, lazily. The list
of operations is kept beside the artifacts, so that the sensor finds out about exports like on any other engine.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection, Sequence
from typing import Any

import pystac
import xarray as xr

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.imagery.acquisitions import acquisitions, gathered, newest_processing
from fusion_assets.imagery.compositing.composite import composite
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.plan import read_headers, settled_scenes, tiling_within
from fusion_assets.imagery.compositing.plausibility import Verdict, looked_at, verdict
from fusion_assets.imagery.compositing.scene_reading import read_part
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.archive.parts import completed
from fusion_assets.imagery.engines.archive.search import find_items
from fusion_assets.imagery.engines.archive.series import timeseries
from fusion_assets.imagery.engines.protocol import Export, ExportRequest, no_scenes, operation_id
from fusion_assets.imagery.footprints import footprint
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Product
from fusion_assets.imagery.scenes import (
    Scene,
    interval,
    is_complete,
    platform_named,
    scene_from_item,
    tier_of,
    unusable,
)
from fusion_assets.imagery.threads import threads
from fusion_assets.imagery.timeseries import PIECE_SIZES, PieceSizes, Treatment
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene
from fusion_assets.redaction import public_url
from fusion_assets.storage.root import Storage

_AT_ONCE = 4


class ArchiveEngine:
    """Scenes from STAC, composites computed with dask on this machine or on the cluster that is its default."""

    name = "archive"

    def __init__(self, storage: Storage, sizes: PieceSizes = PIECE_SIZES, memory: int | None = None) -> None:
        """Keep the list of operations under `storage`; series are made in pieces of these sizes.

        Composites take `memory`, bytes for all threads of this machine; see `memory.memory_per_thread`.
        """
        self._storage, self._sizes, self._memory = storage, sizes, memory
        self._verdicts: dict[tuple[str, ...], Verdict] = {}
        self._flags: dict[tuple[str, ...], tuple[str, ...]] = {}

    def submit(self, request: ExportRequest) -> Export:
        """Find the scenes and record the operation; see `CompositeEngine.submit`."""
        scenes = scenes_for(request)
        ids = tuple(scene.id for scene in scenes)
        export_id = operation_id(request, ids)
        record = operations.read(self._storage, export_id)
        # One whose scenes are not those of its id has been changed since: it is written anew.
        if record is not None and (known := Export.from_dict(record)).scenes == ids:
            return self._noted(operations.renewed(known))
        now = operations.now()
        flags = gathered(scenes)
        flags += tuple(f"left out if the study allows it: {scene.problem.found}" for scene in scenes if scene.problem)
        return self._noted(Export(export_id, request, ids, "SUCCEEDED", self.name, now, now, flags=flags))

    def _noted(self, export: Export) -> Export:
        self._storage.write_bytes(json.dumps(export.to_dict()).encode(), operations.file_of(self._storage, export.id))
        return export

    def states(self, exports: Sequence[Export]) -> list[Export]:
        """Operations of this engine have finished when they are submitted."""
        return list(exports)

    def collect(self, export: Export, without: Collection[str] = ()) -> xr.Dataset:
        """Lazy composite of the export's scenes on its grid; see `CompositeEngine.collect`."""
        request = export.request
        scenes = self._usable(self._scenes(export), request, without)
        surface = PRODUCTS[request.product].label == "fraction"
        return composite(acquisitions(scenes), request.recipe, request.grid, surface, tiling_within(self._memory))

    def unreadable(self, export: Export) -> dict[str, UnreadableFile]:
        """Read all that the grid needs of every file once; see `CompositeEngine.unreadable`."""
        problems = self._readability(self._scenes(export), export.request)
        return {scene: problem for scene, problem in problems.items() if problem}

    def series(
        self, request: ExportRequest, treatment: Treatment | None = None, without: Collection[str] = ()
    ) -> xr.Dataset:
        """Every pass by itself, lazily; see `SeriesEngine.series`."""
        scenes = self._usable(scenes_for(request), request, without)
        return timeseries(scenes, request.recipe, request.grid, PRODUCTS[request.product], treatment, self._sizes)

    def readability(self, request: ExportRequest) -> dict[str, UnreadableFile | None]:
        """Read all that the grid needs of every file once; see `SeriesEngine.readability`."""
        return self._readability(scenes_for(request), request)

    def doubts(self, request: ExportRequest) -> tuple[str, ...]:
        """What items and pixels say against each other; see `SeriesEngine.doubts`."""
        seen = {scene: verdict for (scene, *key), verdict in self._verdicts.items() if key == _key(request)}
        by_pixels = (doubt for scene in sorted(seen) for doubt in seen[scene].doubts)
        return (*self._flags.get(tuple(_key(request)), ()), *by_pixels)

    def resubmit(self, export: Export) -> Export:
        """Operations of this engine do not fail; see `CompositeEngine.resubmit`."""
        return export

    def facts(self, export: Export) -> dict[str, object]:
        """Nothing beside the ticket; see `CompositeEngine.facts`."""
        return {}

    def finished_since(self, cursor: str | None) -> tuple[list[Export], str]:
        """Operations recorded after `cursor`, oldest first; see `CompositeEngine.finished_since`.

        The last minutes before the cursor are looked at again, because two processes' clocks and writes are not
        ordered; the sensor's run keys make the repetition harmless.
        """
        seen = operations.now()

        def restore(facts: dict[str, Any]) -> Export | None:
            return Export.from_dict(facts) if facts["engine"] == self.name else None

        return operations.in_order(operations.recent(self._storage, operations.since(cursor), restore)), seen

    def _usable(self, scenes: Sequence[Scene], request: ExportRequest, without: Collection[str]) -> list[Scene]:
        """Scenes that are not left out.

        Raises:
            UnreadableFile: one of them cannot be used.
        """
        kept = [scene for scene in scenes if scene.id not in without]
        if not kept:
            raise _none_readable(len(scenes), request)
        with threads(_AT_ONCE) as pool:
            for problem in pool.map(lambda scene: scene.problem or self._look(scene, request).problem, kept):
                if problem:
                    raise problem
        if request.recipe.reducer == "none":
            # A series has no ticket that would show them.
            self._flags[tuple(_key(request))] = gathered(kept)
        return kept

    def _look(self, scene: Scene, request: ExportRequest) -> Verdict:
        """What a scene's pixels say of its item; looked at once."""
        product = PRODUCTS[request.product]
        recipe = looked_at(request.recipe, product)
        if recipe is None:
            return Verdict()
        key = (scene.id, *_key(request))
        if key not in self._verdicts:
            working = request.grid.refine(request.recipe.subdivision)
            ((present,),), headers = settled_scenes([[scene]], read_headers([[scene]], recipe, working))
            self._verdicts[key] = verdict(present, product, recipe, working, headers)
        return self._verdicts[key]

    def _readability(self, scenes: Sequence[Scene], request: ExportRequest) -> dict[str, UnreadableFile | None]:
        """Why each scene cannot be used; None for those that can."""
        working = request.grid.refine(request.recipe.subdivision)

        def problem(scene: Scene) -> UnreadableFile | None:
            try:
                if doubt := scene.problem or self._look(scene, request).problem:
                    return doubt
                headers = read_headers([[scene]], request.recipe, working)
                settled_scenes([[scene]], headers)
                with gdal_environment(request.recipe.requester_pays):
                    for file, header in headers.items():
                        read_part(file, working, header)
            except UnreadableFile as error:
                return error
            return None

        with threads(_AT_ONCE) as pool:
            return dict(zip((scene.id for scene in scenes), pool.map(problem, scenes), strict=True))

    def _scenes(self, export: Export) -> list[Scene]:
        wanted = set(export.scenes)
        scenes = {scene.id: scene for scene in scenes_for(export.request)}
        missing = sorted(wanted - set(scenes))
        if missing:
            raise FusionError(
                f"{public_url(export.request.archive)} no longer has {number_of(len(missing), 'scene')} of "
                f"{_partition(export.request)}: {', '.join(missing[:5])}",
                "the scenes that were there when the export was submitted",
                f"materialize the export of {_partition(export.request)} again, then {export.request.asset}",
            )
        return [scenes[name] for name in export.scenes]


def scenes_for(request: ExportRequest) -> list[Scene]:
    """Scenes that a request names, sorted by id; those that cannot be used say why.

    Raises:
        FusionError: there are none, or none that can be used.
    """
    product = PRODUCTS[request.product]
    in_window = find_items(request.archive, request.collections, request.area, request.window, request.sign)
    items = [item for item in in_window if product.takes(platform_named(item)) and _is_taken(tier_of(item), product)]
    items = completed(items, request)
    kept = [item for item in items if not _too_cloudy(item, request.max_cloud_cover)]
    if product.skip_incomplete:
        kept = [item for item in kept if is_complete(item, product, request.recipe.bands)]
    if not kept:
        raise no_scenes(
            request,
            public_url(request.archive),
            len(items),
            "correct the season, a `windows` entry or the region in the study, or point `archive` at a catalog "
            "that covers them",
        )
    scenes = [_scene(item, request) for item in kept]
    if problem := all(scene.problem for scene in scenes) and scenes[0].problem:
        raise problem
    if product.role in ("night_lights", "labels"):
        _check_single(kept, request)
    scenes, older = newest_processing(scenes)
    # Said once, by the first scene that stays.
    return [dataclasses.replace(scenes[0], flags=(*older, *scenes[0].flags)), *scenes[1:]]


def _scene(item: pystac.Item, request: ExportRequest) -> Scene:
    recipe = request.recipe
    try:
        product, assets = PRODUCTS[request.product], dict(request.assets)
        return scene_from_item(item, product, recipe.bands, recipe.mask, assets, recipe.more_masks)
    except UnusableScene as problem:
        return unusable(item, problem)


def _is_taken(tier: str, product: Product) -> bool:
    return not product.tiers or not tier or tier in product.tiers


def _key(request: ExportRequest) -> list[str]:
    return [request.recipe_digest, request.archive]


def _none_readable(count: int, request: ExportRequest) -> FusionError:
    return FusionError(
        f"none of the {count} scenes of {_partition(request)} can be read",
        "at least one readable scene",
        "restore the files, or choose another archive for this product",
    )


def _check_single(items: Sequence[pystac.Item], request: ExportRequest) -> None:
    """Refuse two composites or maps of the same time and place: which of them is meant cannot be told."""
    met: dict[tuple[object, ...], str] = {}
    for item in items:
        key = (interval(item), tuple(round(edge, 3) for edge in footprint(item).bounds))
        if key in met:
            raise FusionError(
                f"items {met[key]} and {item.id} of {_partition(request)} are of the same time and place: versions, or "
                "different things",
                "one for each time and place",
                "keep one kind in a collection, and name it in the study (`collection`)",
            )
        met[key] = item.id


def _too_cloudy(item: pystac.Item, limit: float | None) -> bool:
    cover = item.properties.get("eo:cloud_cover")
    if limit is None or cover is None:
        return False
    try:
        return float(cover) > limit
    except (TypeError, ValueError):
        raise FusionError(
            f"STAC item {item.id} has the eo:cloud_cover {str(cover)[:40]!r}", "a percentage", "correct the item"
        ) from None


def _partition(request: ExportRequest) -> str:
    return f"{request.asset} {request.partition}"
