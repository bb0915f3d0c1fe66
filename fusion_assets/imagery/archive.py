"""The default engine: composites computed here, from the scenes of a STAC catalog or API.

An operation of this engine is finished when it is submitted; the pixels are computed in `collect`, lazily. The list
of operations is kept beside the artifacts, so that the sensor finds out about exports like on any other engine.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.imagery import operations
from fusion_assets.imagery.addresses import public_url
from fusion_assets.imagery.archive_series import timeseries
from fusion_assets.imagery.catalog import find_items
from fusion_assets.imagery.composite import composite
from fusion_assets.imagery.exports import Export, ExportRequest, no_scenes, operation_id
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.reading import UnreadableFile, gdal_environment, read_part
from fusion_assets.imagery.scenes import Scene, acquisitions, is_complete, scene_from_item
from fusion_assets.imagery.storage import Storage
from fusion_assets.imagery.timeseries import Treatment


class ArchiveEngine:
    """Scenes from STAC, composites computed with dask on this machine or on the cluster that is its default."""

    name = "archive"

    def __init__(self, storage: Storage) -> None:
        """Keep the list of operations under `storage`."""
        self._storage = storage

    def submit(self, request: ExportRequest) -> Export:
        """Find the scenes and record the operation; see `Engine.submit`."""
        found = scenes_for(request)
        ids = tuple(scene.id for scene in found)
        export_id = operation_id(request, ids)
        known = operations.read(self._storage, export_id)
        if known is not None:
            return self._noted(operations.renewed(Export.from_dict(known)))
        now = operations.now()
        flags = tuple(flag for scene in found for flag in scene.flags)
        return self._noted(Export(export_id, request, ids, "SUCCEEDED", self.name, now, now, flags=flags))

    def _noted(self, export: Export) -> Export:
        self._storage.write_bytes(json.dumps(export.to_dict()).encode(), operations.file_of(self._storage, export.id))
        return export

    def states(self, exports: Sequence[Export]) -> list[Export]:
        """Operations of this engine have finished when they are submitted."""
        return list(exports)

    def collect(self, export: Export, without: Collection[str] = ()) -> xr.Dataset:
        """Lazy composite of the export's scenes on its grid; see `Engine.collect`."""
        scenes = [scene for scene in self._scenes(export) if scene.id not in without]
        if not scenes:
            raise _none_readable(len(export.scenes), export.request)
        return composite(acquisitions(scenes), export.request.recipe, export.request.grid)

    def unreadable(self, export: Export) -> dict[str, UnreadableFile]:
        """Read all that the grid needs of every file once; see `Engine.unreadable`."""
        found = _readability(self._scenes(export), export.request)
        return {scene: problem for scene, problem in found.items() if problem}

    def series(
        self, request: ExportRequest, treatment: Treatment | None = None, without: Collection[str] = ()
    ) -> xr.Dataset:
        """Every pass by itself, lazily; see `Engine.series`."""
        found = scenes_for(request)
        scenes = [scene for scene in found if scene.id not in without]
        if not scenes:
            raise _none_readable(len(found), request)
        return timeseries(scenes, request.recipe, request.grid, PRODUCTS[request.product], treatment)

    def readability(self, request: ExportRequest) -> dict[str, UnreadableFile | None]:
        """Read all that the grid needs of every file once; see `Engine.readability`."""
        return _readability(scenes_for(request), request)

    def resubmit(self, export: Export) -> Export:
        """Operations of this engine do not fail; see `Engine.resubmit`."""
        return export

    def facts(self, export: Export) -> dict[str, object]:
        """Nothing beside the ticket; see `Engine.facts`."""
        return {}

    def finished_since(self, cursor: str | None) -> tuple[list[Export], str]:
        """Operations recorded after `cursor`, oldest first; see `Engine.finished_since`.

        The last minutes before the cursor are looked at again, because two processes' clocks and writes are not
        ordered; the sensor's run keys make the repetition harmless.
        """
        seen = operations.now()
        found = operations.recent(self._storage, operations.since(cursor))
        return operations.in_order(Export.from_dict(facts) for facts in found if facts["engine"] == self.name), seen

    def _scenes(self, export: Export) -> list[Scene]:
        wanted = set(export.scenes)
        found = {scene.id: scene for scene in scenes_for(export.request)}
        missing = sorted(wanted - set(found))
        if missing:
            raise FusionError(
                f"{len(missing)} scenes of {_partition(export.request)} are no longer in "
                f"{public_url(export.request.archive)}: {', '.join(missing[:5])}",
                "the scenes that were there when the export was submitted",
                f"materialize the export of {_partition(export.request)} again, then {export.request.asset}",
            )
        return [found[name] for name in export.scenes]


def scenes_for(request: ExportRequest) -> list[Scene]:
    """Scenes that a request names, sorted by id.

    Raises:
        FusionError: there are none; or an item lacks a band or its mask.
    """
    product = PRODUCTS[request.product]
    collections = product.all_collections(request.collections)
    found = find_items(request.archive, collections, request.area, request.window, request.sign)
    items = [item for item in found if product.takes(str(item.properties.get("platform") or ""))]
    kept = [item for item in items if not _too_cloudy(item.properties.get("eo:cloud_cover"), request.max_cloud_cover)]
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
    return [scene_from_item(item, product, request.recipe.bands, request.recipe.mask) for item in kept]


def _readability(scenes: Sequence[Scene], request: ExportRequest) -> dict[str, UnreadableFile | None]:
    """Why each scene cannot be read; None for those that can."""
    working = request.grid.refine(request.recipe.subdivision)

    def problem(scene: Scene) -> UnreadableFile | None:
        with gdal_environment(request.recipe.requester_pays):
            try:
                for file in (*scene.bands.values(), *((scene.mask,) if scene.mask else ())):
                    read_part(file, working)
            except UnreadableFile as error:
                return error
        return None

    with ThreadPoolExecutor(4) as pool:
        return dict(zip((scene.id for scene in scenes), pool.map(problem, scenes), strict=True))


def _none_readable(count: int, request: ExportRequest) -> FusionError:
    return FusionError(
        f"none of the {count} scenes of {_partition(request)} can be read",
        "at least one readable scene",
        "restore the files, or choose another archive for this product",
    )


def _too_cloudy(cover: float | None, limit: float | None) -> bool:
    return limit is not None and cover is not None and cover > limit


def _partition(request: ExportRequest) -> str:
    return f"{request.asset} {request.partition}"
