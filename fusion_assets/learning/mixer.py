"""Mixers: how the patches of an image lie on the ground, in the words of Earth Engine's image exports.

An export as TFRecord is a row of files with one record a patch, and one JSON file beside them, the mixer. Patches
follow each other row by row, west to east. Together they cover every pixel of the region's bounding box once, except
where the patch does not divide it: then Earth Engine drops the patches that would reach beyond its greatest x and y,
which are the eastern and southern ones, and writes no part of them (`patchDimensions`; `tileDimensions` in REST). Only
whole patches are counted in a mixer, therefore, and the pixels beyond them are in no record.

With `kernelSize` every record is larger than its patch, by half the kernel on each side; the mixer does not say so, and
uploads drop what overlaps again. Masked pixels hold `defaultValue`, which is 0 unless the export says otherwise. With
`maskedThreshold` other than 1 patches are left out, and no mixer is written: such files have no place on the ground.

Sources: https://developers.google.com/earth-engine/guides/tfrecord (`formatOptions`, the mixer file, uploads) and
https://developers.google.com/earth-engine/reference/rest/v1/ImageFileExportOptions (`TfRecordImageExportOptions`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.json_objects import json_object

ENDING = "-mixer.json"
"""Of a mixer's name, after the prefix that it shares with its records."""
_LARGEST_EDGE = 1 << 16
_LATTICE = 1e-6
"""Pixels by which the corner of a part may stray from the lattice."""
_MOST = 1e300
_COUNTS = ("patchDimensions", "patchesPerRow", "totalPatches")
_SHOWN = 90


@dataclass(frozen=True)
class Mixer:
    """A lattice of patches.

    Attributes:
        grid: of all patches together, without what they overlap; in degrees too.
        patch: (height, width) of a patch, pixels; they divide the grid.
        kernel: (height, width) by which a record is larger than its patch, half of it on each side; even.

    Raises:
        FusionError: patches that do not divide the grid, or a kernel that has no halves.
    """

    grid: Grid
    patch: tuple[int, int]
    kernel: tuple[int, int] = (0, 0)

    def __post_init__(self) -> None:
        """Refuse what is no lattice."""
        if not all(0 < edge <= _LARGEST_EDGE for edge in self.patch):
            raise FusionError(
                f"patches of {self.patch} pixels", f"edges of 1 to {_LARGEST_EDGE}", "choose other patchDimensions"
            )
        if not all(0 <= edge <= _LARGEST_EDGE and edge % 2 == 0 for edge in self.kernel):
            raise FusionError(
                f"a kernel of {self.kernel} pixels",
                "even numbers: half of it lies on each side",
                "give the kernelSize of the export, (0, 0) where there was none",
            )
        if any(length % edge for length, edge in zip(self.grid.shape, self.patch, strict=True)):
            raise FusionError(
                f"{self.grid.height} x {self.grid.width} pixels in patches of {self.patch}",
                "whole patches",
                "use Mixer.over, which fills or drops what is left at the edges",
            )

    @classmethod
    def over(
        cls,
        grid: Grid,
        patch: tuple[int, int],
        kernel: tuple[int, int] = (0, 0),
        edges: Literal["fill", "drop"] = "fill",
    ) -> Mixer:
        """The lattice of patches from a grid's north-west corner on.

        Args:
            grid: of the image.
            patch: (height, width), pixels.
            kernel: (height, width), see above.
            edges: where patches do not divide the grid, `fill` reaches beyond it and `drop`, which is what Earth
                Engine does, leaves out what fills no patch.

        Raises:
            FusionError: see above; or `drop` leaves nothing.
        """
        count = math.ceil if edges == "fill" else math.floor
        rows, columns = (count(length / max(edge, 1)) for length, edge in zip(grid.shape, patch, strict=True))
        if not rows or not columns:
            raise FusionError(
                f"{grid.height} x {grid.width} pixels hold no patch of {patch}",
                "at least one",
                "choose smaller patches, or let them reach beyond the image: edges='fill'",
            )
        return cls(grid.window(0, 0, rows * patch[0], columns * patch[1]), patch, kernel)

    @property
    def per_row(self) -> int:
        """Patches from west to east."""
        return self.grid.width // self.patch[1]

    @property
    def total(self) -> int:
        """Number of patches."""
        return self.per_row * (self.grid.height // self.patch[0])

    @property
    def record(self) -> tuple[int, int]:
        """(height, width) of a record, pixels: patch and kernel."""
        return self.patch[0] + self.kernel[0], self.patch[1] + self.kernel[1]

    @property
    def inner(self) -> tuple[slice, slice]:
        """Rows and columns of a record that are its patch."""
        top, left = (edge // 2 for edge in self.kernel)
        return slice(top, top + self.patch[0]), slice(left, left + self.patch[1])

    def corners(self) -> Iterator[tuple[int, int]]:
        """(row, column) of the first pixel of each patch, in the order of the records."""
        for row in range(0, self.grid.height, self.patch[0]):
            for column in range(0, self.grid.width, self.patch[1]):
                yield row, column

    def without_kernel(self) -> Mixer:
        """The same patches with records that do not overlap, as predictions are written."""
        return replace(self, kernel=(0, 0))

    def part(self, grid: Grid) -> tuple[slice, slice]:
        """Rows and columns of all patches that are a smaller grid on the same lattice.

        Raises:
            FusionError: it lies elsewhere, or between the pixels.
        """
        step = self.grid.resolution
        row = (self.grid.transform.f - grid.transform.f) / step
        column = (grid.transform.c - self.grid.transform.c) / step
        top, left = round(row), round(column)
        same = grid.crs == self.grid.crs and math.isclose(grid.resolution, step, rel_tol=1e-9)
        on_lattice = abs(row - top) < _LATTICE and abs(column - left) < _LATTICE
        within = min(top, left) >= 0 and top + grid.height <= self.grid.height and left + grid.width <= self.grid.width
        if not (same and on_lattice and within):
            raise FusionError(
                f"the grid {_described(grid)}",
                f"a part of the patches' {_described(self.grid)}",
                "give the grid that was exported, or none for all patches",
            )
        return slice(top, top + grid.height), slice(left, left + grid.width)

    def to_json(self) -> str:
        """The content of a mixer file."""
        a, b, c, d, e, f = self.grid.transform[:6]
        facts = {
            "projection": {"crs": self.grid.crs, "affine": {"doubleMatrix": [a, b, c, d, e, f]}},
            "patchDimensions": [self.patch[1], self.patch[0]],
            "patchesPerRow": self.per_row,
            "totalPatches": self.total,
        }
        return json.dumps(facts, indent=2)


def read_mixer(path: str | Path, kernel: tuple[int, int] = (0, 0)) -> Mixer:
    """The lattice that a mixer file describes.

    Args:
        path: of the file, on this machine.
        kernel: (height, width) of the export's `kernelSize`, pixels.

    Raises:
        FusionError: it is no mixer, or of an image that is not north-up with square pixels.
    """
    path = Path(path)
    remedy = "export the image again as TFRecord; with maskedThreshold below 1 Earth Engine writes no mixer"
    if not path.is_file():
        raise FusionError(f"there is no file {path}", "a mixer of Earth Engine", remedy)
    facts = json_object(path.read_bytes(), str(path), remedy)
    projection = _inner(facts, "projection", path)
    crs, terms = projection.get("crs"), _numbers(_inner(projection, "affine", path).get("doubleMatrix"))
    if not isinstance(crs, str) or len(terms) != 6:
        found = f"projection {json.dumps(projection)}"
        raise _odd(path, found, "projection.crs and six numbers of an affine transform")
    told = [*_numbers(facts.get("patchDimensions")), *_numbers([facts.get("patchesPerRow"), facts.get("totalPatches")])]
    if len(told) != 4 or not all(isinstance(number, int) and number > 0 for number in told):
        found = ", ".join(f"{key} {json.dumps(facts.get(key))}" for key in _COUNTS)
        raise _odd(path, found, "[width, height] and two numbers, all of them whole and above 0")
    width, height, per_row, total = map(int, told)
    if total % per_row or max(width, height) > _LARGEST_EDGE:
        raise _odd(path, f"{total} patches of {width} x {height} in rows of {per_row}", "whole rows of patches")
    if terms[1] or terms[3] or terms[4] >= 0 or not math.isclose(terms[0], -terms[4], rel_tol=1e-9):
        raise FusionError(
            f"{path} has the affine transform {terms}",
            "north-up with square pixels: [resolution, 0, west, 0, -resolution, north]",
            "export the image again with `crs` and such a `crsTransform`",
        )
    grid = Grid(crs, Affine(*terms), total // per_row * height, per_row * width)
    return Mixer(grid, (height, width), kernel)


def _inner(facts: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
    found = facts.get(key)
    if not isinstance(found, dict):
        raise _odd(path, f"{key} {json.dumps(found)}", "projection, patchDimensions, patchesPerRow and totalPatches")
    return found


def _numbers(values: Any) -> list[float]:
    """A list of numbers; nothing where it is something else."""
    whole = isinstance(values, list) and all(type(value) in (int, float) and abs(value) < _MOST for value in values)
    return values if whole else []


def _odd(path: Path, found: str, expected: str) -> FusionError:
    return FusionError(f"{path} has {found[:_SHOWN]}", expected, "take the mixer as Earth Engine has written it")


def _described(grid: Grid) -> str:
    west, north = grid.transform.c, grid.transform.f
    return f"{grid.height} x {grid.width} pixels of {grid.resolution:.12g} from {west:.12g}, {north:.12g} in {grid.crs}"
