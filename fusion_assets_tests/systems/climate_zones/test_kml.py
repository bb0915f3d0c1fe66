import zipfile

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.kml import placemarks

RING = "0,0,5 0.01,0,5 0.01,0.01,5 0,0.01,5 0,0,5"


def ring(corners):
    return f"<LinearRing><coordinates>\n{corners}\n</coordinates></LinearRing>"


def polygon(outer=RING, inner=""):
    holes = f"<innerBoundaryIs>{ring(inner)}</innerBoundaryIs>" if inner else ""
    return f"<Polygon><outerBoundaryIs>{ring(outer)}</outerBoundaryIs>{holes}</Polygon>"


def placemark(name, shape=None, data=""):
    return f"<Placemark><name>{name}</name>{data}{polygon() if shape is None else shape}</Placemark>"


def document(body, space="http://www.opengis.net/kml/2.2"):
    return f'<?xml version="1.0" encoding="UTF-8"?><kml xmlns="{space}"><Document>{body}</Document></kml>'


def read(tmp_path, text):
    path = tmp_path / "a.kml"
    path.write_text(text)
    return placemarks(path)


def test_folders_data_authors_and_holes(tmp_path):
    data = (
        '<ExtendedData><Data name="lcz"><value> 3 </value></Data>'
        '<SchemaData><SimpleData name="license">CC BY</SimpleData></SchemaData></ExtendedData>'
    )
    hole = polygon(inner="0.002,0.002 0.004,0.002 0.004,0.004 0.002,0.002")
    body = (
        '<a:author xmlns:a="http://www.w3.org/2005/Atom"><a:name>Ada</a:name></a:author>'
        f"<Folder><name>LCZ 3</name><Folder><name>north</name>{placemark('one', hole, data)}</Folder></Folder>"
        f"{placemark('two', '<Point><coordinates>0,0</coordinates></Point>')}"
        f"{placemark('three', '<MultiGeometry>' + polygon() + polygon('1,1 2,1 2,2 1,1') + '</MultiGeometry>')}"
    )
    one, two, three = read(tmp_path, document(body))
    assert (one.name, one.folders, one.author) == ("one", ("north", "LCZ 3", ""), "Ada")
    assert one.data == {"lcz": "3", "license": "CC BY"}
    assert len(one.shape.interiors) == 1 and not one.shape.has_z
    assert two.shape is None
    assert len(three.shape.geoms) == 2


def test_older_namespaces_and_kmz(tmp_path):
    text = document(placemark("x"), "http://earth.google.com/kml/2.1")
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("files/picture.png", b"")
        archive.writestr("doc.kml", text)
    assert placemarks(tmp_path / "a.kmz") == read(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("<kml>", "no KML"),
        ("no xml", "no KML"),
        ('<!DOCTYPE kml [<!ENTITY a "aaaa">]><kml>&a;</kml>', "document type"),
        (document(placemark("odd", polygon("0,0 here,0 1,1"))), "odd"),
        (document(placemark("odd", polygon("0 1 2"))), "odd"),
        (document(placemark("odd", polygon("0,0 1,1"))), "odd"),
        (document(placemark("odd", "<Polygon/>")), "0 outer rings"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, text, found):
    with pytest.raises(FusionError, match=found):
        read(tmp_path, text)


def test_what_is_no_kmz(tmp_path):
    path = tmp_path / "a.kmz"
    with pytest.raises(FusionError, match="cannot be read"):
        placemarks(path)
    path.write_bytes(b"PK nothing")
    with pytest.raises(FusionError, match="no KMZ"):
        placemarks(path)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "")
    with pytest.raises(FusionError, match=r"no \.kml inside"):
        placemarks(path)


def test_a_kmz_that_unpacks_without_end_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("fusion_assets.systems.climate_zones.kml.MOST_BYTES", 10_000)
    with zipfile.ZipFile(tmp_path / "a.kmz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("doc.kml", " " * 1_000_000)
    with pytest.raises(FusionError, match="unpacks to more than"):
        placemarks(tmp_path / "a.kmz")
