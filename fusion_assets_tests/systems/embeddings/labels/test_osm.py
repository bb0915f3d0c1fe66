"""OpenStreetMap's features in patches: counts, lengths and shares, what is unknown, and the licence."""

import sys

import numpy as np
import osmium
import pandas as pd
import pytest
from osmium.osm.mutable import Node, Relation, Way
from pyproj import Transformer

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.labels.osm import GROUPS, osm_labels

EPSG, EAST, NORTH, EDGE = 32632, 600_000.0, 5_000_040.0, 240.0
DEGREES = Transformer.from_crs(f"EPSG:{EPSG}", "EPSG:4326", always_xy=True)


class Map:
    """Writes features at metres east and south of a corner."""

    def __init__(self, path, box=None):
        header = osmium.io.Header()
        header.set("osmosis_replication_timestamp", "2024-05-01T00:00:00Z")
        if box is not None:
            low, high = (osmium.osm.Location(*DEGREES.transform(EAST + x, NORTH - y)) for x, y in box)
            header.add_box(osmium.osm.Box(low, high))
        self.writer = osmium.SimpleWriter(str(path), header=header)
        self.nodes, self.ways, self.relations, self.number = [], [], [], 0

    def node(self, x, y, **tags):
        self.number += 1
        where = DEGREES.transform(EAST + x, NORTH - y)
        self.nodes.append(Node(id=self.number, location=where, tags=tags, version=1))
        return self.number

    def way(self, *places, closed=False, missing=False, **tags):
        nodes = [self.node(*place) for place in places]
        nodes += nodes[:1] if closed else []
        nodes += [99_999] if missing else []
        self.ways.append(Way(id=len(self.ways) + 1, nodes=nodes, tags=tags, version=1))
        return len(self.ways)

    def square(self, x, y, edge, **tags):
        return self.way((x, y), (x + edge, y), (x + edge, y + edge), (x, y + edge), closed=True, **tags)

    def ring(self, outer, inner, **tags):
        members = [("w", outer, "outer"), ("w", inner, "inner")]
        self.relations.append(Relation(id=1, members=members, tags={"type": "multipolygon", **tags}, version=1))

    def close(self):
        for add, things in (("node", self.nodes), ("way", self.ways), ("relation", self.relations)):
            for thing in things:
                getattr(self.writer, f"add_{add}")(thing)
        self.writer.close()


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("osm") / "tiny.osm.pbf"
    drawn = Map(path, box=((-300, 1000), (1000, -300)))
    drawn.node(50, 50, amenity="cafe")
    drawn.node(60, 60, shop="no")
    drawn.node(60, 61, barrier="gate")
    # Just beyond the edge between the first and the second patch (places are kept to a centimetre), and in both.
    drawn.node(240.1, 100, shop="bakery")
    drawn.square(221, 20, 40, building="house", amenity="school")
    drawn.square(20, 20, 20, building="no")
    drawn.way((0, 200), (480, 200), highway="primary")
    drawn.way((0, 210), (240, 210), highway="proposed")
    drawn.way((0, 220), (240, 220), missing=True, railway="rail")
    # Two woods of which one lies on the other, and a lake with an island.
    drawn.square(0, 0, 120, landuse="forest")
    drawn.square(60, 0, 60, natural="wood")
    drawn.ring(drawn.square(300, 100, 60), drawn.square(320, 120, 20), natural="water")
    drawn.square(900, 900, 240, landuse="farmland")
    drawn.close()
    return path


def plan(*corners):
    x, y = zip(*corners, strict=True)
    return pd.DataFrame({"patch": range(len(x)), "epsg": EPSG, "x": EAST + np.array(x), "y": NORTH - np.array(y)})


def test_features_are_counted_measured_and_shared_out(path):
    table = osm_labels(plan((0, 0), (240, 0)), 24, path)
    assert table["patch"].tolist() == [0, 1]
    # A house is counted in one patch, and covers some of both.
    assert table["osm_places"].tolist() == [1, 2]
    assert table["osm_buildings"].tolist() == [0, 1]
    np.testing.assert_allclose(table["osm_roads"], 240, rtol=1e-4)
    assert table["osm_railways"].tolist() == [0, 0] and table.attrs["not_placed"] == 1
    np.testing.assert_allclose(table["osm_built"], [19 * 40 / EDGE**2, 21 * 40 / EDGE**2], rtol=1e-3)
    np.testing.assert_allclose(table["osm_woods"], [120 * 120 / EDGE**2, 0], rtol=1e-3)
    np.testing.assert_allclose(table["osm_water"], [0, (60 * 60 - 20 * 20) / EDGE**2], rtol=1e-3)


def test_where_nothing_is_drawn_nothing_is_known(path):
    # Nothing there; within the file's box but for a part; far outside.
    table = osm_labels(plan((480, 480), (900, 900), (90_000, 0)), 24, path)
    assert table["osm_objects"].tolist() == [0, 1, 0]
    assert table[[f"osm_{group.name}" for group in GROUPS]].isna().all(axis=None)
    near = osm_labels(plan((-100, -100)), 24, path)
    assert near["osm_railways"].tolist() == [0] and near["osm_objects"].gt(0).all()


def test_the_licence_stays_with_the_table(path, tmp_path):
    osm_labels(plan((0, 0)), 24, path).to_parquet(tmp_path / "osm.parquet")
    about = pd.read_parquet(tmp_path / "osm.parquet").attrs
    assert about["licence"] == "ODbL-1.0" and "OpenStreetMap contributors" in about["attribution"]
    assert about["source"] == "tiny.osm.pbf" and about["until"] == "2024-05-01T00:00:00Z"


def test_a_file_of_something_else_and_a_missing_package_are_told(path, tmp_path, monkeypatch):
    (tmp_path / "other.osm.pbf").write_bytes(b"not a map" * 40)
    for wrong in (tmp_path / "other.osm.pbf", tmp_path / "none.osm.pbf"):
        with pytest.raises(FusionError, match=f"{wrong.name} cannot be read"):
            osm_labels(plan((0, 0)), 24, wrong)
    monkeypatch.setitem(sys.modules, "osmium", None)
    with pytest.raises(FusionError, match="osmium is not installed"):
        osm_labels(plan((0, 0)), 24, path)
