import h5py
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from scipy.io import netcdf_file

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.exports.qgis import write_style
from fusion_assets.systems.climate_zones.exports.w2w import write_w2w
from fusion_assets.systems.climate_zones.exports.wrf_domain import wrf_domain
from fusion_assets.systems.climate_zones.exports.wudapt import write_wudapt
from fusion_assets.systems.climate_zones.legend import PALETTES, ZONES
from fusion_assets_tests.systems.climate_zones.exports.maps import CODES, DOMAIN, GRID, small_map


def geo_em(path, classic=False, corners=True, west=-1.05):
    """A domain of 4 x 6 cells of 0.01 degrees, slightly turned, as geogrid writes it."""
    row, column = np.mgrid[0:5, 0:7]
    longitude, latitude = west + 0.01 * column - 0.001 * row, 41.85 + 0.008 * row + 0.0005 * column
    values = {
        "XLONG_M": (longitude[:-1, :-1] + longitude[1:, 1:]) / 2,
        "XLAT_M": (latitude[:-1, :-1] + latitude[1:, 1:]) / 2,
    }
    values |= {"XLONG_C": longitude, "XLAT_C": latitude} if corners else {}
    values = {name: each[None].astype("float32") for name, each in values.items()}
    if not classic:
        with h5py.File(path, "w") as file:
            for name, each in values.items():
                file[name] = each
        return path
    with netcdf_file(path, "w") as file:
        for name, each in values.items():
            names = [f"{name}_{axis}" for axis in range(3)]
            for axis, size in zip(names, each.shape, strict=True):
                file.createDimension(axis, size)
            file.createVariable(name, "f4", names)[:] = each
    return path


@pytest.mark.parametrize("classic", [False, True])
def test_a_domain_lies_along_its_cells_edges(tmp_path, classic):
    whole = wrf_domain(geo_em(tmp_path / "geo_em.d01.nc", classic))
    assert whole.bounds == pytest.approx((-1.054, 41.85, -0.99, 41.885), abs=1e-5)
    from_centres = wrf_domain(geo_em(tmp_path / "geo_em.d02.nc", classic, corners=False))
    assert from_centres.symmetric_difference(whole).area < 1e-4 * whole.area


@pytest.mark.parametrize(
    ("projection", "x", "y"),
    [
        ("+proj=stere +lat_0=-90 +lat_ts=-60 +lon_0=-70 +R=6370000", -65_000, 4_010_000),
        ("+proj=stere +lat_0=90 +lat_ts=60 +lon_0=15 +R=6370000", 150_000, -2_200_000),
        ("+proj=merc +lat_ts=-1 +lon_0=36.8 +R=6370000", -20_000, -140_000),
        ("+proj=lcc +lat_1=-30 +lat_2=-40 +lat_0=-33.8 +lon_0=148 +R=6370000", 270_000, 0),
    ],
)
def test_domains_of_other_projections_have_their_own_outline(projection, x, y, tmp_path):
    step, projected = 3000, pyproj.Proj(projection)
    corners = np.meshgrid(x + step * np.arange(15), y + step * np.arange(11))
    longitude, latitude = projected(*corners, inverse=True)
    with h5py.File(tmp_path / "geo_em.d01.nc", "w") as file:
        file["XLONG_C"], file["XLAT_C"] = longitude[None], latitude[None]
    outline = wrf_domain(tmp_path / "geo_em.d01.nc")
    back = shapely.transform(outline, lambda at: np.column_stack(projected(*at.T)))
    box = shapely.box(x, y, x + 14 * step, y + 10 * step)
    assert back.symmetric_difference(box).area < 1e-5 * box.area


def test_what_is_no_domain(tmp_path):
    path = tmp_path / "geo_em.d01.nc"
    with pytest.raises(FusionError, match="cannot be read"):
        wrf_domain(path)
    path.write_bytes(b"CDF but nothing more")
    with pytest.raises(FusionError, match="cannot be read"):
        wrf_domain(path)
    with h5py.File(path, "w") as file:
        file["XLAT_M"] = np.zeros((1, 3, 3))
    with pytest.raises(FusionError, match="neither XLAT_C nor XLAT_M"):
        wrf_domain(path)
    with h5py.File(path, "w") as file:
        file["XLAT_M"], file["XLONG_M"] = np.zeros((3, 3)), np.zeros((3, 3))
    with pytest.raises(FusionError, match="of shape"):
        wrf_domain(path)
    with pytest.raises(FusionError, match="enclose no domain"):
        wrf_domain(geo_em(path, west=np.nan))
    with pytest.raises(FusionError, match="bounds"):
        wrf_domain((2, 0, 1, 1))


def test_w2w_gets_degrees_and_codes_from_1_to_17(tmp_path):
    write_w2w(tmp_path / "map.tif", small_map(), geo_em(tmp_path / "geo_em.d01.nc"), tags={"TITLE": "a map"})
    with rasterio.open(tmp_path / "map.tif") as file:
        codes = file.read(1)
        assert (file.crs, file.count, file.dtypes, file.nodata) == ("EPSG:4326", 1, ("uint8",), 0)
        assert file.bounds.left < -1.054 and file.bounds.top > 41.885
        assert file.tags()["TITLE"] == "a map"
        assert "lczFilter" not in file.descriptions  # of which W2W would take the second band
    assert set(np.unique(codes)) == set(range(18))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["geo_em.d01.nc", "map.tif"]


def test_w2w_gets_codes_of_its_second_kind_without_gaps(tmp_path):
    for numbering, name in (("1-17", "a.tif"), ("101-107", "b.tif")):
        write_w2w(tmp_path / name, small_map(), DOMAIN, numbering)
    with rasterio.open(tmp_path / "a.tif") as one, rasterio.open(tmp_path / "b.tif") as other:
        west, _, _, north = other.bounds
        row, col = one.index(west + 0.5 * other.transform.a, north + 0.5 * other.transform.e)
        codes, part = other.read(1), one.read(1)[row : row + other.height, col : col + other.width]
        assert other.bounds.left <= DOMAIN[0] and other.bounds.bottom <= DOMAIN[1]
        assert other.bounds.right >= DOMAIN[2] and other.bounds.top >= DOMAIN[3]
    assert (codes == np.where(part > 10, part + 90, part)).all() and part.all()
    with pytest.raises(FusionError, match="numbering"):
        write_w2w(tmp_path / "c.tif", small_map(), DOMAIN, "0-16")


@pytest.mark.parametrize("domain", [(-1.2, 41.87, -1.0, 41.89), (-1.05, 41.87, -0.99, 42.0)])
def test_w2w_gets_no_map_smaller_than_the_domain(tmp_path, domain):
    with pytest.raises(FusionError, match="the map reaches"):
        write_w2w(tmp_path / "map.tif", small_map(), domain)
    assert not list(tmp_path.iterdir())


def test_w2w_gets_no_map_with_gaps_in_the_domain(tmp_path):
    codes, middle = CODES.copy(), (30, 40)
    codes[middle] = 255
    lon, lat = (float(each[middle]) for each in GRID.lonlat())
    around = (lon - 0.01, lat - 0.01, lon + 0.01, lat + 0.01)
    with pytest.raises(FusionError, match=r"[12] of \d+ pixels of the domain have no zone"):
        write_w2w(tmp_path / "map.tif", small_map(codes), around)
    beside = (lon + 0.005, lat - 0.01, lon + 0.02, lat + 0.01)
    write_w2w(tmp_path / "map.tif", small_map(codes), beside)
    turned = (-1.0725, 41.87, -1.0, 41.8953)  # in the box of the map, whose corner is not where the box's is
    with pytest.raises(FusionError, match="have no zone"):
        write_w2w(tmp_path / "other.tif", small_map(), turned)


def test_wudapt_gets_bytes_on_the_maps_grid_with_its_colours(tmp_path):
    codes = CODES.copy()
    codes[0, 0] = 0
    write_wudapt(tmp_path / "map.tif", small_map(codes))
    with rasterio.open(tmp_path / "map.tif") as file:
        assert (file.read(1) == codes).all()
        assert (file.crs, file.transform, file.nodata) == (GRID.crs, GRID.transform, 0)
        colours = file.colormap(1)
    for code, zone in enumerate(ZONES, start=1):
        assert "#{:02x}{:02x}{:02x}".format(*colours[code][:3]) == zone.colour
    with pytest.raises(FusionError, match=r"map\.TIF"):
        write_wudapt(tmp_path / "map.TIF", small_map())


def test_qgis_gets_every_zone_by_name_and_colour(tmp_path):
    from xml.etree import ElementTree

    write_style(tmp_path / "map.qml")
    entries = ElementTree.parse(tmp_path / "map.qml").getroot().iter("paletteEntry")
    found = {int(each.get("value")): (each.get("label"), each.get("color")) for each in entries}
    titles = {code: each.title for code, each in PALETTES["lcz"].items()}
    assert found == {code: (titles[code], zone.colour) for code, zone in enumerate(ZONES, start=1)}
