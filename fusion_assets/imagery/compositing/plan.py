"""What all tiles of one composite have in common, and how it is cut into tiles.

In common are file headers, and the number domain in which scenes are compared. Tiles are small enough for memory and
lie along the edges of the files' own blocks: a compressed block is decoded whole, so a tile that straddles blocks pays
for all of them.
"""

from __future__ import annotations

import dataclasses
import math
import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import is_geographic, same_crs
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import Header, read_header, settled
from fusion_assets.imagery.memory import memory_per_thread
from fusion_assets.imagery.recipe import CompositeRecipe
from fusion_assets.imagery.scenes import Scene, SceneFile, mask_files
from fusion_assets.imagery.threads import threads
from fusion_assets.imagery.unreadable import UnusableScene
from fusion_assets.redaction import public_url
from fusion_assets.storage.raster_places import is_on_web

# Files read at once where each costs a round trip.
_REMOTE_READERS = 8
_MASK_BYTES = 1.125
"""Of an observation: where it counts, one byte in the stack and one bit beside it for the other bands."""
_DEGREE = 111_320  # metres, along a meridian
Lines = tuple[tuple[int, int], tuple[int, int]]
"""First inner edge and distance of edges, in rows and in columns."""


@dataclass(frozen=True)
class Encoding:
    """The one integer domain in which all scenes of a band are compared.

    Every scene is shifted by a whole number of steps to the lowest offset of the season, so unsigned numbers stay
    unsigned and nothing becomes float before the median.
    """

    dtype: np.dtype
    scale: float
    offset: float

    def shift(self, file: SceneFile) -> float:
        """Steps by which a settled file's numbers are raised to be comparable."""
        return (file.offset - self.offset) / self.scale


@dataclass(frozen=True)
class Season:
    """All that the tiles of one composite have in common.

    Attributes:
        acquisitions: scenes grouped by pass.
        recipe: what to do with them.
        headers: of every file.
        encodings: by band.
        readers: threads that read inside one tile.
        most: the largest value that a source cell can have; None where there is no such limit.
    """

    acquisitions: Sequence[Sequence[Scene]]
    recipe: CompositeRecipe
    headers: Mapping[SceneFile, Header]
    encodings: Mapping[str, Encoding]
    readers: int = 1
    most: float | None = None


def survey(acquisitions: Sequence[Sequence[Scene]], recipe: CompositeRecipe, grid: Grid) -> Season:
    """Read the headers of all files, settle what their numbers mean, and on an encoding for each band.

    Raises:
        UnreadableFile: for the first file that cannot be opened, or used.
        FusionError: scenes whose scales differ, which cannot share one median.
    """
    headers = read_headers(acquisitions, recipe, grid.refine(recipe.subdivision))
    acquisitions, headers = settled_scenes(acquisitions, headers)
    encodings = {band: _encoding(acquisitions, band, recipe, headers) for band in recipe.bands}
    return Season(acquisitions, recipe, headers, encodings)


def settled_scenes(
    acquisitions: Sequence[Sequence[Scene]], headers: Mapping[SceneFile, Header]
) -> tuple[list[list[Scene]], dict[SceneFile, Header]]:
    """The same scenes with the numbers that hold for their files, and the headers of those.

    Raises:
        UnusableScene: see `reading.settled`.
    """
    final = dict(headers)

    def settle(file: SceneFile) -> SceneFile:
        made = settled(file, headers[file])
        final[made] = headers[file]
        return made

    def of(scene: Scene) -> Scene:
        files = {name: settle(file) for name, file in scene.bands.items() if file in headers}
        _check_apart(scene, {name: (file.href, final[file].band) for name, file in files.items()})
        return dataclasses.replace(scene, bands=files)

    return [[of(scene) for scene in group] for group in acquisitions], final


def _check_apart(scene: Scene, places: Mapping[str, tuple[str, int]]) -> None:
    """Refuse two bands that are one and the same band of a file."""
    met: dict[tuple[str, int], str] = {}
    for name, place in places.items():
        if (other := met.setdefault(place, name)) != name:
            raise UnusableScene(
                f"scene {scene.id}",
                f"bands {other} and {name} are read from the same band of {public_url(place[0])}",
                "a band of its own for each",
                "say in the study which is which (`assets: {band: key}`, with `key#2` for the second band of a file)",
            )


def _encoding(
    acquisitions: Sequence[Sequence[Scene]], band: str, recipe: CompositeRecipe, headers: Mapping[SceneFile, Header]
) -> Encoding:
    files = [scene.bands[band] for group in acquisitions for scene in group]
    if recipe.resampling == "bilinear":
        return Encoding(np.dtype(np.float32), 1.0, 0.0)
    scales = sorted({file.scale for file in files})
    if len(scales) > 1:
        raise FusionError(
            f"scenes store band {band} with different scales: {', '.join(f'{s:g}' for s in scales)}",
            "one scale for all scenes of a season",
            "narrow the window in the study, or use another archive for this product",
        )
    encoding = Encoding(
        _common_dtype({headers[file].dtype for file in files}), scales[0], min(file.offset for file in files)
    )
    whole = all(math.isclose(shift, round(shift), abs_tol=1e-6) for shift in map(encoding.shift, files))
    return encoding if whole else dataclasses.replace(encoding, dtype=np.dtype(np.float32))


def _common_dtype(dtypes: Collection[np.dtype]) -> np.dtype:
    """What the kernel takes (uint16, int16, float32) that holds all numbers of small integer files; else float32."""
    common = np.result_type(*dtypes)
    common = {"uint8": np.dtype(np.uint16), "int8": np.dtype(np.int16)}.get(common.name, common)
    return common if common.name in ("uint16", "int16") else np.dtype(np.float32)


def _files(acquisitions: Sequence[Sequence[Scene]], recipe: CompositeRecipe) -> Iterator[SceneFile]:
    for group in acquisitions:
        for scene in group:
            yield from (scene.bands[band] for band in recipe.bands)
            yield from (file for file, _ in mask_files(scene, recipe))


def read_headers(
    acquisitions: Sequence[Sequence[Scene]], recipe: CompositeRecipe, working: Grid
) -> dict[SceneFile, Header]:
    """Headers of all files of a season.

    Known to every tile, they save opening what lies outside it, and a file that is missing is found at once.

    Raises:
        UnreadableFile: for the first file that cannot be opened, or used.
    """
    # Overviews of codes may be averages, which mean something else or nothing: masks and labels are read as they are.
    codes = {file for group in acquisitions for scene in group for file, _ in mask_files(scene, recipe)}

    def read(file: SceneFile) -> Header:
        with gdal_environment(recipe.requester_pays):
            return read_header(file, working, overviews=recipe.reducer != "latest" and file not in codes)

    files = list(dict.fromkeys(_files(acquisitions, recipe)))
    # Opening local files is work for one thread at a time; on the web it is waiting.
    with threads(_REMOTE_READERS if _remote(files) else 1) as pool:
        return dict(zip(files, pool.map(read, files), strict=True))


def readers(headers: Mapping[SceneFile, Header], tiles: int) -> int:
    """Threads that read inside one tile: to hide the latency of the web, or where there are fewer tiles than cores."""
    if _remote(headers):
        return _REMOTE_READERS
    return math.ceil((os.cpu_count() or 1) / tiles)


def _remote(files: Iterable[SceneFile]) -> bool:
    return any(is_on_web(file.href) for file in files)


@dataclass(frozen=True)
class Tiling:
    """How large tiles may be; edges in working pixels.

    Attributes:
        stack_bytes: of one tile's observations.
        file_bytes: of what a tile needs of one file, which is held, converted, beside them.
        largest: edge of a tile where no blocks are in the way.
        worthwhile: edge below which opening the files costs more than decoding them.
        smallest: edge that a large stack is not cut below.
    """

    stack_bytes: int = 20 << 20
    file_bytes: int = 20 << 20
    largest: int = 1024
    worthwhile: int = 512
    smallest: int = 64


TILING = Tiling()
_STACK_SHARE = 0.7
"""Of a thread's memory; the rest is what is being read, sorted, averaged and written."""


def tiling_within(memory: int | None = None) -> Tiling:
    """Tiles for the memory there is, in bytes for all threads; see `memory.memory_per_thread`."""
    return Tiling(stack_bytes=int(memory_per_thread(memory) * _STACK_SHARE))


def tile_sizes(
    grid: Grid,
    subdivision: int,
    acquisitions: int,
    itemsize: int,
    headers: Collection[Header],
    tiling: Tiling = TILING,
) -> tuple[list[int], list[int]]:
    """Heights of the rows of tiles and widths of their columns, in pixels of `grid`.

    Args:
        grid: of the composite.
        subdivision: k; each pixel is k x k working pixels.
        acquisitions: observations of a pixel, at most.
        itemsize: bytes of one observation; its masks are added here.
        headers: of the season's files.
        tiling: how large they may be.
    """
    observations = tiling.stack_bytes / (itemsize + _MASK_BYTES)
    area = max(observations / max(acquisitions, 1), tiling.smallest**2)
    # Sources that are much finer than the working grid: what is read of one file counts.
    area = min(area, max(1, tiling.file_bytes / (itemsize * _finer(grid, subdivision, headers) ** 2))) / subdivision**2
    edges = tiling.largest, tiling.worthwhile, tiling.smallest
    largest, worthwhile, smallest = (max(1, edge // subdivision) for edge in edges)
    blocks = _block_lines(grid, headers)
    if not blocks:
        side = max(1, min(math.isqrt(int(area)), largest))
        return _equal(grid.height, side), _equal(grid.width, side)
    (first_row, rows), (first_col, cols) = _joint(blocks, grid, area)
    height, width = float(rows), float(cols)
    # Of blocks as wide as a whole source, a grid needs only its own columns.
    used = height * min(width, grid.width)
    while used * 2 <= area and (height if height <= width else width) * 2 <= worthwhile:
        height, width = (height * 2, width) if height <= width else (height, width * 2)
        used = min(height, grid.height) * min(width, grid.width)
    # Too large: equal slices of a block, wide and low first, for each slice decodes the whole block.
    height /= min(math.ceil(used / area), max(1, math.ceil(height / smallest)))
    width /= min(math.ceil(height * min(width, grid.width) / area), max(1, math.ceil(width / smallest)))
    return _pieces(grid.height, first_row, height), _pieces(grid.width, first_col, width)


def _finer(grid: Grid, subdivision: int, headers: Collection[Header]) -> float:
    """Pixels of the finest source along the edge of a working pixel, roughly."""
    metres = (
        abs(header.lattice.transform.a) * (_DEGREE if is_geographic(header.lattice.crs) else 1) for header in headers
    )
    return grid.resolution / subdivision / min(metres)


def _block_lines(grid: Grid, headers: Collection[Header]) -> list[Lines]:
    """First inner edge and distance of block edges in grid rows and in columns, for each kind of file, commonest first.

    Without the files whose blocks do not end on the edges of grid pixels.
    """
    found: dict[Lines, None] = {}
    for header, _ in Counter(headers).most_common():
        transform, step = header.lattice.transform, grid.resolution
        if transform.b or transform.d or transform.e >= 0 or not same_crs(header.lattice.crs, grid.crs):
            continue
        height, width = header.block[0] * -transform.e / step, header.block[1] * transform.a / step
        row, col = (grid.transform.f - transform.f) / step, (transform.c - grid.transform.c) / step
        if all(math.isclose(term, round(term), abs_tol=1e-6) for term in (height, width, row, col)):
            rows, cols = (round(row), round(height)), (round(col), round(width))
            found[(rows[0] % rows[1], rows[1]), (cols[0] % cols[1], cols[1])] = None
    return list(found)


def _joint(blocks: Sequence[Lines], grid: Grid, area: float) -> Lines:
    """Edges at which blocks of several kinds end together, the commonest always: masks are often coarser.

    Other kinds are cut where they never end with it, as where scenes of two lattices meet, or where tiles between
    the common edges were larger than `area` pixels or too few for all cores.
    """
    chosen = blocks[0]
    for other in blocks[1:]:
        rows, cols = _common(chosen[0], other[0]), _common(chosen[1], other[1])
        if rows and cols and rows[1] * min(cols[1], grid.width) <= area and _busy(grid, (rows, cols)):
            chosen = rows, cols
    return chosen


def _common(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int] | None:
    """First edge and distance of the edges that two combs share; None where they never meet."""
    step = math.lcm(one[1], other[1])
    edges = (edge for edge in range(one[0], step, one[1]) if (edge - other[0]) % other[1] == 0)
    return next(((edge, step) for edge in edges), None)


def _busy(grid: Grid, lines: Lines) -> bool:
    """Whether tiles between such edges are enough for all cores."""
    tiles = (len(_pieces(length, *line)) for length, line in zip(grid.shape, lines, strict=True))
    return math.prod(tiles) >= 2 * (os.cpu_count() or 1)


def _pieces(length: int, first: float, step: float) -> list[int]:
    """Pieces of 0..length between the edges first + n x step, rounded to whole pixels."""
    start = first - math.ceil(first / step) * step
    edges = np.round(np.arange(start, length + step, step)).astype(int).clip(0, length)
    return [piece for piece in np.diff(np.unique([0, *edges, length])).tolist() if piece]


def _equal(length: int, side: int) -> list[int]:
    """Near-equal pieces of at most `side`."""
    edges = np.linspace(0, length, math.ceil(length / side) + 1).round().astype(int)
    return np.diff(edges).tolist()
