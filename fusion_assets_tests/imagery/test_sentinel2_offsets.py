"""Which Sentinel-2 numbers are shifted: spellings of the baseline, who takes the shift off, what is doubted."""

import datetime as dt

import pystac
import pytest

from fusion_assets.imagery.sentinel2_offsets import Evidence, baseline, offset_by, sentinel2_offset
from fusion_assets_tests.imagery.archives import bare_item

BEFORE, AFTER = dt.datetime(2019, 7, 1, 10, 40, tzinfo=dt.UTC), dt.datetime(2023, 1, 1, 10, 40, tzinfo=dt.UTC)
NAME = "S2A_MSIL2A_20190701T104021_N0{}_R008_T31UFS_20240101T120000"
SHIFTED = NAME.format("509")
PLAIN = NAME.format("212")
SHIFTED_TILE = "S2B_OPER_MSI_L2A_TL_2BPS_20230103T075000_A030446_T40KED_N05.09"


def decided(properties=None, moment=BEFORE, name="item", href="/archive/blue.tif", declared=None, collection=None):
    """(offset, whether it is doubted) of one asset."""
    item = bare_item(name, moment=moment, properties=properties)
    item.collection_id = collection
    item.add_asset("blue", pystac.Asset(href))
    flags = []
    return sentinel2_offset(item, "blue", declared or {}, flags), bool(flags)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("05.09", 5.09),
        ("5.09", 5.09),
        (5.09, 5.09),
        ("0509", 5.09),
        (509, 5.09),
        ("N0509", 5.09),
        ("N05.09", 5.09),
        ("05.00_reprocessed", 5.0),
        (" 04.00 ", 4.0),
        (4.0, 4.0),
        (5.1, 5.1),
        ("02.12", 2.12),
        ("0212", 2.12),
        ("212", 2.12),
        (212, 2.12),
        (2.12, 2.12),
        ("00.01", 0.01),
        ("99.99", None),
        ("N9999", None),
        ("Sen2Cor 2.11", None),
        ("2.11.0", None),
        ("2023-01-01", None),
        ("n/a", None),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
    ],
)
def test_a_baseline_is_read_in_every_spelling(value, number):
    assert baseline(value) == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize("prefix", ["s2:", "sentinel:", "sentinel2:", ""])
@pytest.mark.parametrize(
    ("value", "offset"),
    [("05.09", -0.1), ("N0509", -0.1), ("0509", -0.1), (5.09, -0.1), ("04.00", -0.1), ("0212", 0.0), ("03.01", 0.0)],
)
def test_the_baseline_decides_under_every_prefix(prefix, value, offset):
    assert decided({f"{prefix}processing_baseline": value}) == (offset, False)


@pytest.mark.parametrize(
    ("properties", "offset"),
    [
        ({"processing:version": "05.11"}, -0.1),
        ({"processing:version": "0212"}, 0.0),
        ({"processing:software": {"Sentinel-2 IPF": "05.11"}}, -0.1),
        ({"processing:version": "Sen2Cor 2.11", "processing:software": {"S2 IPF": "02.14"}}, 0.0),
        ({"processing:version": "2.11", "s2:processing_baseline": "05.10"}, -0.1),
    ],
)
def test_the_processing_extension_gives_a_baseline_in_esas_spelling(properties, offset):
    assert decided(properties) == (offset, False)


@pytest.mark.parametrize("version", ["Sen2Cor 2.11", "2.11", "2.11.0", "Sen2Cor_v2.10", "1.0"])
@pytest.mark.parametrize(("moment", "offset"), [(BEFORE, 0.0), (AFTER, -0.1)])
def test_the_version_of_a_processor_is_no_baseline(version, moment, offset):
    assert decided({"processing:version": version}, moment) == (offset, True)
    assert decided({"processing:software": {"Sen2Cor": version}}, moment) == (offset, True)


@pytest.mark.parametrize(
    ("facts", "offset"),
    [
        ({"properties": {"s2:product_uri": f"{SHIFTED}.SAFE"}}, -0.1),
        ({"properties": {"s2:product_id": SHIFTED}}, -0.1),
        ({"properties": {"sentinel:product_id": SHIFTED}}, -0.1),
        ({"properties": {"sentinel2:product_id": PLAIN}}, 0.0),
        ({"properties": {"title": SHIFTED}}, -0.1),
        ({"properties": {"s2:granule_id": SHIFTED_TILE}}, -0.1),
        (
            {"properties": {"eopf:datastrip_id": "S2C_OPER_MSI_L2A_DS_2CPS_20250330T145914_S20250330T100435_N05.11"}},
            -0.1,
        ),
        ({"name": SHIFTED}, -0.1),
        ({"name": PLAIN}, 0.0),
        ({"name": PLAIN, "moment": AFTER}, 0.0),
        ({"href": f"s3://eodata/Sentinel-2/MSI/L2A/{SHIFTED}.SAFE/GRANULE/R10m/T31UFS_B02_10m.jp2"}, -0.1),
        ({"href": f"https://host/{PLAIN}.SAFE/GRANULE/R10m/T31UFS_B02_10m.tif?token=x"}, 0.0),
    ],
)
def test_the_products_name_decides_where_no_property_does(facts, offset):
    assert decided(**facts) == (offset, False)


@pytest.mark.parametrize(
    "flag", ["earthsearch:boa_offset_applied", "sentinel:boa_offset_applied", "boa_offset_applied"]
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, (0.0, False)), ("true", (0.0, False)), (False, (-0.1, False)), ("false", (-0.1, False))],
)
def test_the_endpoints_word_is_read_in_every_spelling(flag, value, expected):
    assert decided({flag: value, "sentinel:processing_baseline": "05.09"}) == expected


def test_what_earth_search_says_is_of_its_geotiffs_and_not_of_esas_files():
    said = {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.09"}
    assert decided(said, href="s3://sentinel-s2-l2a/tiles/31/U/FS/2023/1/1/0/R10m/B02.jp2") == (-0.1, False)


@pytest.mark.parametrize(
    ("day", "offset"), [("2022-01-24", 0.0), ("2022-01-25", -0.1), ("2024-06-30", -0.1), ("2016-01-01", 0.0)]
)
@pytest.mark.parametrize("properties", [{}, {"boa_offset_applied": False}, {"s2:processing_baseline": "99.99"}])
def test_the_date_is_the_last_resort_and_always_doubted(day, offset, properties):
    assert decided(properties, dt.datetime.fromisoformat(f"{day}T10:40:00+00:00")) == (offset, True)


def test_the_date_says_nothing_of_what_is_made_of_many_acquisitions():
    year = {"start_datetime": "2023-01-01T00:00:00Z", "end_datetime": "2023-12-31T23:59:59Z"}
    assert decided(year, AFTER) == (0.0, True)


@pytest.mark.parametrize(
    ("evidence", "offset", "doubt"),
    [
        (Evidence(removed=True, stated=5.09), 0.0, ""),
        (Evidence(removed=True, declared=-0.1, stated=5.09), 0.0, "-0.1 is declared"),
        (Evidence(removed=False, declared=0.0, stated=5.09), -0.1, "0 is also indicated"),
        (Evidence(removed=False, declared=-0.1), -0.1, ""),
        (Evidence(removed=False, declared=-0.1, named=2.12), 0.0, "-0.1 is also indicated"),
        (Evidence(declared=-0.1, stated=2.12), -0.1, "0 is also indicated"),
        (Evidence(declared=0.0, named=5.09), 0.0, "-0.1 is also indicated"),
        (Evidence(declared=0.0, day=AFTER.date()), 0.0, ""),
        (Evidence(stated=5.09, named=2.12), -0.1, "0 is also indicated"),
        (Evidence(stated=2.14, named=3.01), 0.0, ""),
        (Evidence(named=4.0, day=BEFORE.date()), -0.1, ""),
        (Evidence(day=AFTER.date()), -0.1, "by the date alone"),
        (Evidence(), 0.0, "nothing tells the processing baseline"),
    ],
)
def test_precedence_and_doubts(evidence, offset, doubt):
    found, said = offset_by(evidence)
    assert found == offset
    assert (doubt in said) if doubt else said == ""


def test_a_declared_offset_is_taken_as_it_is():
    assert decided(declared={"offset": -0.1}, moment=AFTER) == (-0.1, False)
    assert decided(declared={"offset": 0}, moment=AFTER) == (0.0, False)


@pytest.mark.parametrize("name", ["earthsearch", "sentinel", "sentinel2", "s2"])
def test_the_endpoints_own_word_is_heard_under_any_prefix(name):
    said = {f"{name}:boa_offset_applied": True, "s2:processing_baseline": "05.09"}
    assert decided(said) == (0.0, False)
