"""Which optical scene and which radar pass make a pair at a place: the nearest in time that leaves the ground clear.

How clear is counted from the pixels of the patch itself: an item's cloud cover is of a whole tile.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from affine import Affine
from shapely.geometry.base import BaseGeometry

from fusion_assets.grids.crs import normal_crs, to_lonlat
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice, Places, to_pixels
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import Header, read_header, settled
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.compositing.tile import clear_pixels, is_clear
from fusion_assets.imagery.footprints import touches
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.imagery.scenes import Scene, SceneFile, mask_files
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.systems.embeddings.places import snapped_in, utm_zones
from fusion_assets.systems.embeddings.sensors import FINEST, GRIDS

PLANNED = "planned"
NO_OPTICS, NO_RADAR = "no optical scene of the place", "no radar pass over the place"
TOO_FAR = "no optical scene within {hours:g} h of a radar pass"
UNUSABLE = "no scene of the place that can be used"
OFF_GRID = "no optical scene whose own pixels lie on multiples of 60 m in a UTM zone"
RADAR_OFF_GRID = "no radar pass in pixels of 10 m on those of the optical scene"
LEAVES = "no pair of scenes that holds the whole patch"
NOT_CLEAR = "no clear optical scene within {hours:g} h of a radar pass"
REASONS = (NO_OPTICS, NO_RADAR, TOO_FAR, UNUSABLE, OFF_GRID, RADAR_OFF_GRID, LEAVES, NOT_CLEAR)
"""Why a place has no pair, from the first thing that may be missing to the last: the last one reached is told."""
MASK_PIXEL_M = 20
"""Clear pixels are counted at this size, that of Sentinel-2's scene classes."""
NO_DATA_CLASS = 0
"""Of Sentinel-2's scene classes: neither clear nor cloudy."""
_NATIVE = {name: float(metres) for metres, names in GRIDS.items() for name in names}
"""Edges of pixels by band, metres: in others, a band has been resampled."""
_SLACK_DEGREES = 1e-3
"""Items tell their outlines roughly; where a raster ends is known exactly."""
_ALIGNED = 1e-6
_UTM = range(32601, 32661), range(32701, 32761)


@dataclass(frozen=True)
class Rules:
    """What makes a pair.

    Attributes:
        size: edge of a patch, pixels of 10 m.
        max_gap_hours: between the starts of both scenes.
        min_clear: share of the patch.
    """

    size: int
    max_gap_hours: float
    min_clear: float

    def words(self, reason: str) -> str:
        """A reason with this study's numbers in it."""
        return reason.format(hours=self.max_gap_hours)


@dataclass(frozen=True)
class Patch:
    """A patch in the UTM zone of an optical scene.

    Attributes:
        epsg: code of the zone.
        lon: of its centre, degrees.
        lat: likewise.
        x: of its upper left corner, metres, a multiple of 60.
        y: likewise.
        size: of its edge, pixels of 10 m.
    """

    epsg: int
    lon: float
    lat: float
    x: float
    y: float
    size: int

    def grid(self, pixel_m: int) -> Grid:
        """Its grid in pixels of some size, metres."""
        count = self.size * FINEST // pixel_m
        return Grid(f"EPSG:{self.epsg}", Affine(pixel_m, 0, self.x, 0, -pixel_m, self.y), count, count)

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Of its corners: x and y, (4,) each."""
        edge = self.size * FINEST
        return self.x + np.array([0, edge, edge, 0]), self.y - np.array([0, 0, edge, edge])


def patch_at(epsg: int, lon: float, lat: float, size: int) -> Patch:
    """The patch around a place in one UTM zone, its corner on multiples of 60 m."""
    centre_lon, centre_lat, x, y = map(float, snapped_in(epsg, lon, lat, size * FINEST))
    return Patch(epsg, centre_lon, centre_lat, x, y, size)


@dataclass(frozen=True)
class Pair:
    """What was found for a place.

    Attributes:
        state: `planned`, or why there is no pair.
        patch: where it lies; None without a pair.
        optics: scene; None without a pair.
        radar: likewise.
        clear_share: of the patch in the optical scene; without a pair, the largest that was seen, or NaN.
        cloudy: whether a scene with more cloud was taken on purpose.
    """

    state: str
    patch: Patch | None = None
    optics: Scene | None = None
    radar: Scene | None = None
    clear_share: float = np.nan
    cloudy: bool = False

    @property
    def gap_hours(self) -> float:
        """Radar minus optics; NaN without a pair."""
        return _hours(self.radar.start - self.optics.start) if self.optics and self.radar else np.nan


class SceneLook:
    """Looks into the files of scenes; what is asked again is remembered."""

    def __init__(self, recipe: CompositeRecipe, requester_pays: bool = False) -> None:
        """Look with the recipe of the optics, which tells what is clear; the radar may be billed otherwise."""
        self.recipe, self.requester_pays = recipe, requester_pays
        self.doubts: set[str] = set()
        """Why single scenes could not be used."""
        self._headers: dict[SceneFile, Header | UnreadableFile] = {}
        self._outlines: dict[str, BaseGeometry] = {}

    def patch_in(self, scene: Scene, home: Patch) -> Patch | str:
        """The patch of a place in an optical scene, or the reason why there is none.

        Args:
            scene: that the place lies in.
            home: the patch in the place's own UTM zone, which need not be the scene's.

        Raises:
            UnreadableFile: a file that cannot be opened, or used.
        """
        lattice = self._header(self._first(scene), home, self.recipe.requester_pays).lattice
        epsg = _zone(lattice.crs)
        if epsg is None:
            return OFF_GRID
        patch = patch_at(epsg, home.lon, home.lat, home.size)
        transform, native = lattice.transform, MASK_PIXEL_M if self._by_classes(scene) else lattice.transform.a
        aligned = transform.a == native and _is_aligned(patch, transform.c, transform.f, native)
        for name, file in scene.bands.items():
            if file.place.corner is not None:
                x, y, pixel = file.place.corner
                # Some catalogs give the centre of the first pixel for its corner.
                aligned &= pixel == _NATIVE[name] and _is_aligned(patch, x, y, pixel / 2)
        if not aligned:
            return OFF_GRID
        return patch if _holds(lattice, patch) and self._covers(scene, patch) else LEAVES

    def radar_lacks(self, scene: Scene, patch: Patch) -> str:
        """Why a patch cannot be cut from a radar scene as it is; empty where it can.

        Raises:
            UnreadableFile: a file that cannot be opened, or used.
        """
        if not self._covers(scene, patch):
            return LEAVES
        for file in scene.bands.values():
            lattice = self._header(file, patch, self.requester_pays).lattice
            transform = lattice.transform
            aligned = transform.a == FINEST and _is_aligned(patch, transform.c, transform.f, FINEST)
            if _zone(lattice.crs) != patch.epsg or not aligned:
                return RADAR_OFF_GRID
            if not _holds(lattice, patch):
                return LEAVES
        return ""

    def clear_share(self, scene: Scene, patch: Patch) -> tuple[float, float]:
        """Shares of a patch that are clear in an optical scene, and that were observed at all.

        Raises:
            UnreadableFile: a file that cannot be read.
        """
        grid, masks, pays = patch.grid(MASK_PIXEL_M), mask_files(scene, self.recipe), self.recipe.requester_pays
        places, first = Places(grid), self._first(scene)
        headers = {file: self._header(file, patch, pays) for file in (first, *(file for file, _ in masks))}
        with gdal_environment(pays):
            if self._by_classes(scene):
                read = read_nearest(first, grid, header=headers[first], places=places, any_number=True)
                if read is None:
                    return 0.0, 0.0
                classes, inside = read
                observed = inside & (classes != NO_DATA_CLASS)
                clear = observed & is_clear(classes, masks[0][1], headers[first].nodata)
                return float(clear.mean()), float(observed.mean())
            band = settled(first, headers[first])
            read = read_nearest(band, grid, header=headers[first], places=places)
            cloudless = clear_pixels(scene, self.recipe, headers, places)
        observed = np.zeros(grid.shape, bool) if read is None else read[1]
        return 0.0 if cloudless is None else float((cloudless & observed).mean()), float(observed.mean())

    def _first(self, scene: Scene) -> SceneFile:
        """The file that tells where a scene was observed: that of its classes, or else its first band."""
        if self._by_classes(scene):
            return mask_files(scene, self.recipe)[0][0]
        return scene.bands[self.recipe.bands[0]]

    def _by_classes(self, scene: Scene) -> bool:
        """Whether classes of the ground, and they alone, say where a scene is clear."""
        return [mask.kind for _, mask in mask_files(scene, self.recipe)] == ["classes"]

    def _header(self, file: SceneFile, patch: Patch, pays: bool) -> Header:
        """What a file says of itself at full resolution, or why it cannot be used."""
        if file not in self._headers:
            try:
                with gdal_environment(pays):
                    self._headers[file] = read_header(file, patch.grid(FINEST), overviews=False)
            except UnreadableFile as problem:
                if problem.transient:
                    raise
                self._headers[file] = problem
        known = self._headers[file]
        if isinstance(known, UnreadableFile):
            raise known
        return known

    def _covers(self, scene: Scene, patch: Patch) -> bool:
        """Whether all corners of a patch lie in the outline of a scene."""
        if scene.outline is None:
            return True
        if scene.id not in self._outlines:
            self._outlines[scene.id] = scene.outline.buffer(_SLACK_DEGREES)
        outline = self._outlines[scene.id]
        lon, lat = to_lonlat(f"EPSG:{patch.epsg}").transform(*patch.corners())
        return all(touches(outline, corner) for corner in shapely.points(lon, lat))


def pair_at(
    lon: float,
    lat: float,
    optics: Sequence[Scene],
    radar: Sequence[Scene],
    rules: Rules,
    look: SceneLook,
    cloudy: bool = False,
) -> Pair:
    """The pair of scenes for a place.

    Of all pairs whose scenes are near enough in time the nearest one is taken that is clear; of equally near ones that
    of the earlier optical scene, then by id. Pixels are read of one scene after another, until one is clear.

    Args:
        lon: of the place, degrees.
        lat: likewise.
        optics: scenes that may touch it.
        radar: passes that may touch it.
        rules: what makes a pair.
        look: into their files.
        cloudy: whether the nearest pair that is *not* clear is wanted; where there is none, the clear one is taken.

    Raises:
        UnreadableFile: a file that cannot be read now, and perhaps later. What can never be read is passed over, and
            noted among the doubts of `look`.
    """
    point = shapely.Point(lon, lat)
    home = patch_at(int(utm_zones(np.array([lon]), np.array([lat]))[0]), lon, lat, rules.size)
    seen = [scene for scene in optics if scene.outline is None or touches(scene.outline, point)]
    over = [scene for scene in radar if scene.outline is None or touches(scene.outline, point)]
    if not seen or not over:
        return Pair(NO_RADAR if seen else NO_OPTICS)
    reached, best, spare = TOO_FAR, np.nan, Pair("")
    patches: dict[str, Patch | str] = {}
    shares: dict[str, tuple[float, float]] = {}
    for scene, echo in _nearest_first(seen, over, rules.max_gap_hours):
        try:
            if scene.id not in patches:
                patches[scene.id] = UNUSABLE if scene.problem else look.patch_in(scene, home)
            patch = patches[scene.id]
            missing = patch if isinstance(patch, str) else UNUSABLE if echo.problem else look.radar_lacks(echo, patch)
            if isinstance(patch, str) or missing:
                reached = max(reached, missing, key=REASONS.index)
                continue
            if scene.id not in shares:
                shares[scene.id] = look.clear_share(scene, patch)
        except UnreadableFile as problem:
            if problem.transient:
                raise
            look.doubts.add(problem.found)
            reached = max(reached, UNUSABLE, key=REASONS.index)
            continue
        clear, observed = shares[scene.id]
        reached, best = NOT_CLEAR, float(np.fmax(best, clear))
        is_clear = clear >= rules.min_clear
        if is_clear and not cloudy:
            return Pair(PLANNED, patch, scene, echo, clear)
        if not is_clear and cloudy and observed == 1:
            return Pair(PLANNED, patch, scene, echo, clear, cloudy=True)
        if is_clear and spare.patch is None:
            spare = Pair(PLANNED, patch, scene, echo, clear)
    return spare if spare.patch is not None else Pair(rules.words(reached), clear_share=best)


def _nearest_first(optics: Sequence[Scene], radar: Sequence[Scene], hours: float) -> Iterator[tuple[Scene, Scene]]:
    """Pairs of scenes within so many hours, the nearest first."""
    at, echoes = (np.array([scene.start.timestamp() for scene in scenes]) for scenes in (optics, radar))
    gaps = np.abs(echoes - at[:, None])
    near = [(gaps[of], optics[of[0]], radar[of[1]]) for of in zip(*np.nonzero(gaps <= hours * 3600), strict=True)]
    for _, scene, echo in sorted(near, key=lambda p: (p[0], p[1].start, p[1].id, p[2].start, p[2].id)):
        yield scene, echo


def _hours(gap: dt.timedelta) -> float:
    return gap.total_seconds() / 3600


def _zone(crs: str) -> int | None:
    """Code of a UTM zone (WGS84); None for any other CRS."""
    authority, _, code = normal_crs(crs).partition(":")
    return int(code) if authority == "EPSG" and code.isdigit() and any(int(code) in zones for zones in _UTM) else None


def _holds(lattice: Lattice, patch: Patch) -> bool:
    """Whether a raster in the patch's zone holds the whole of it."""
    rows, columns = to_pixels(*patch.corners(), lattice.transform)
    inside = (rows >= -_ALIGNED) & (rows <= lattice.height + _ALIGNED)
    return bool((inside & (columns >= -_ALIGNED) & (columns <= lattice.width + _ALIGNED)).all())


def _is_aligned(patch: Patch, x: float, y: float, step: float) -> bool:
    """Whether a patch's corner lies whole steps from a point."""
    steps = (patch.x - x) / step, (patch.y - y) / step
    return all(abs(number - round(number)) < _ALIGNED for number in steps)
