import io
import zipfile
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from fusion_assets.systems.climate_zones.exports.kmz import write_kmz
from fusion_assets.systems.climate_zones.exports.map_codes import codes_of, in_degrees
from fusion_assets.systems.climate_zones.legend import ZONES
from fusion_assets_tests.systems.climate_zones.exports.maps import CODES, small_map

KML = "{http://www.opengis.net/kml/2.2}"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    path = tmp_path_factory.mktemp("kmz") / "map.kmz"
    write_kmz(path, small_map(), 'Zones <of> "here" & there\x00\x1b', "first\nsecond <script>")
    assert [each.name for each in path.parent.iterdir()] == ["map.kmz"]
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_document_is_safe_and_lays_the_picture_where_the_map_is(opened):
    assert list(opened) == ["doc.kml", "zones.png", "legend.png"]
    root = ElementTree.fromstring(opened["doc.kml"])
    assert root.find(f"{KML}Document/{KML}name").text == 'Zones <of> "here" & there'
    assert root.find(f"{KML}Document/{KML}description").text == "first\nsecond <script>"
    box = {each.tag.removeprefix(KML): float(each.text) for each in root.find(f".//{KML}LatLonBox")}
    bounds = in_degrees(codes_of(small_map())).bounds
    assert [box[side] for side in ("west", "south", "east", "north")] == pytest.approx(bounds, abs=1e-8)
    assert {each.text for each in root.iter(f"{KML}href")} == {"zones.png", "legend.png"}


def test_the_picture_has_official_colours_and_no_data_is_clear(opened):
    picture = np.asarray(Image.open(io.BytesIO(opened["zones.png"])).convert("RGBA"))
    codes = in_degrees(codes_of(small_map())).codes
    assert (picture[codes == 0, 3] == 0).all() and (picture[codes > 0, 3] == 255).all()
    for code, zone in enumerate(ZONES, start=1):
        assert (picture[codes == code, :3] == tuple(bytes.fromhex(zone.colour[1:]))).all()


def test_the_legend_shows_every_colour(opened):
    legend = Image.open(io.BytesIO(opened["legend.png"]))
    shown = {colour for _, colour in legend.getcolors(legend.width * legend.height)}
    assert {tuple(bytes.fromhex(zone.colour[1:])) for zone in ZONES} <= shown


def test_the_same_map_makes_the_same_file(tmp_path):
    for name in ("a.kmz", "b.kmz"):
        write_kmz(tmp_path / name, small_map(CODES), "t")
    assert (tmp_path / "a.kmz").read_bytes() == (tmp_path / "b.kmz").read_bytes()
