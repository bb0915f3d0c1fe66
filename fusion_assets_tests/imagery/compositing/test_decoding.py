"""Long seasons: every block of every file is decoded once, every byte fetched once."""

import datetime as dt
import threading
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.acquisitions import acquisitions
from fusion_assets.imagery.compositing import scene_reading
from fusion_assets.imagery.compositing.composite import CompositeRecipe, composite
from fusion_assets.imagery.compositing.plan import Tiling
from fusion_assets.imagery.recipe import Mask
from fusion_assets.loopbacks.http import LoopbackHandler, LoopbackServer
from fusion_assets_tests.imagery.archives import CRS, FIRST_DAY, lattice, make_scene, noise, write_tif

SIDE, BLOCK, SCENES = 256, 64, 40
GRID = Grid(CRS, lattice(), SIDE, SIDE)
RECIPE = CompositeRecipe(("B02",), Mask("none"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    return [write_tif(folder / f"{n}.tif", noise((SIDE, SIDE), n), block=BLOCK) for n in range(SCENES)]


def season(places):
    return acquisitions(
        [
            make_scene(str(n), {"B02": str(place)}, moment=FIRST_DAY + dt.timedelta(days=n))
            for n, place in enumerate(places)
        ]
    )


def test_blocks_are_decoded_once_unless_the_memory_is_too_small(files, monkeypatch):
    decoded, read = Counter(), scene_reading.read_window

    def counted(href, header, window, with_mask=True):
        row, col, height, width = window
        for r in range(row // BLOCK, (row + height - 1) // BLOCK + 1):
            decoded.update((href, r, c) for c in range(col // BLOCK, (col + width - 1) // BLOCK + 1))
        return read(href, header, window, with_mask)

    monkeypatch.setattr(scene_reading, "read_window", counted)
    made = {}
    for name, stack_bytes in (("enough", 1 << 30), ("too little", 4 * 1024 * SCENES)):
        decoded.clear()
        tiling = Tiling(stack_bytes=stack_bytes, smallest=16, worthwhile=BLOCK)
        made[name] = composite(season(files), RECIPE, GRID, tiling=tiling).compute()
        assert len(decoded) == SCENES * (SIDE // BLOCK) ** 2
        assert (set(decoded.values()) == {1}) == (name == "enough")
    assert made["enough"].identical(made["too little"])


def test_over_http_no_byte_is_fetched_twice(files, monkeypatch):
    content = {f"/{n}.tif": Path(file).read_bytes() for n, file in enumerate(files[:6])}
    fetched, lock = {path: np.zeros(len(body), np.uint8) for path, body in content.items()}, threading.Lock()

    class Handler(LoopbackHandler):
        def respond(self):
            body = content.get(self.path, b"")
            said = self.headers.get("Range")
            first, _, last = (said or "bytes=0-").removeprefix("bytes=").partition("-")
            first, last = int(first), min(int(last or len(body)), len(body) - 1)
            if not body:
                self.send(404, b"")
                return
            if self.command == "GET":
                with lock:
                    fetched[self.path][first : last + 1] += 1
            self.send_response(206 if said else 200)
            if said:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(body)}")
            self.send_header("Content-Length", str(last + 1 - first))
            self.send_header("Accept-Ranges", "bytes")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body[first : last + 1])

    tiling = Tiling(worthwhile=BLOCK)
    with LoopbackServer(Handler) as server:
        there = composite(season([f"{server.url}{path}" for path in content]), RECIPE, GRID, tiling=tiling)
        assert len(there["B02"].data.__dask_graph__()) >= 16
        # One tile at a time: two at once may both ask for the 16 KB in which a block of each begins.
        there = there.compute(scheduler="synchronous")
    here = composite(season(files[:6]), RECIPE, GRID, tiling=tiling).compute()
    assert here.identical(there)
    assert all(bytes_.max() == 1 for bytes_ in fetched.values()), [np.bincount(b).tolist() for b in fetched.values()]
