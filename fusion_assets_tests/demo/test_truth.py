import ast
import json
from pathlib import Path

import numpy as np
import pandas as pd
from affine import Affine
from shapely.geometry import box

from fusion_assets.demo import truth
from fusion_assets.grids.grid import Grid

GRID = Grid("EPSG:32631", Affine(100, 0, 600_000, 0, -100, 5_000_000), 3, 4)
TABLE = pd.DataFrame({"x": [600_050.0, 600_350.0], "y": [4_999_950.0, 4_999_750.0]})
PACKAGE = Path(truth.__file__).parent.parent


def test_truth_is_read_at_the_pixels_of_the_samples(tmp_path, monkeypatch):
    (tmp_path / "demo.json").write_text(json.dumps({"synthetic": True}))
    known = np.arange(12, dtype=np.uint8).reshape(3, 4)
    monkeypatch.setattr(truth, "true_built_up", lambda *arguments: known)
    found = truth.truth_at(str(tmp_path / "catalog.json"), 2015, TABLE, GRID, box(0, 0, 1, 1))
    assert found.tolist() == [0, 11]


def test_only_a_synthetic_archive_has_a_truth(tmp_path):
    def found(archive):
        return truth.truth_at(archive, 2015, TABLE, GRID, box(0, 0, 1, 1))

    assert found("https://earth-search.aws.element84.com/v1") is None
    assert found(str(tmp_path / "catalog.json")) is None
    (tmp_path / "demo.json").write_text(json.dumps({"synthetic": True}))
    assert found(str(tmp_path / "catalog.json")) is None  # a record without a catalog


def test_nothing_that_makes_a_map_reads_the_truth():
    readers = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            module = getattr(node, "module", "") or ""
            if module == "fusion_assets.demo.truth" or (module == "fusion_assets.demo" and "truth" in names):
                readers.add(str(path.relative_to(PACKAGE)))
    rooms = {path.split("/")[0] for path in readers}
    assert "systems/built_up/defs/accuracy.py" in readers
    assert not rooms & {"learning", "imagery", "storage", "evaluation", "orchestration"}
    assert not any(path.startswith(("systems/built_up/model", "systems/built_up/features")) for path in readers)
    assert not readers & {"systems/built_up/defs/maps.py", "systems/built_up/accuracy/evaluation.py"}
