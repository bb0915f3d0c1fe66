"""What the page on local climate zones prints: a study that is one, assets and settings that there are."""

import re
from pathlib import Path

import yaml

from fusion_assets.systems.climate_zones.judgement import FIGURE
from fusion_assets.systems.climate_zones.scores import LABEL_CONFIDENCE
from fusion_assets.systems.climate_zones.section import use_of
from fusion_assets.systems.climate_zones.splits import BLOCK, CITY_FOLDS
from fusion_assets.systems.climate_zones.system import CLIMATE_ZONES
from fusion_assets.systems.climate_zones.tables import FIGURES
from fusion_assets.systems.climate_zones.training import PRESETS
from fusion_assets.systems.climate_zones.wording import CLAIMS, SETTINGS
from fusion_assets_tests.whole_studies import study_of

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "climate-zones.md").read_text(encoding="utf-8")


def test_the_study_of_the_page_is_one():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    use = use_of(study_of(yaml.safe_load(text)))
    assert use.source == "demo" and use.stages == (0, 3, 6)


def test_names_on_the_page_are_names():
    names = set(re.findall(r"`(\w+)`", PAGE))
    assert {name for name in names if name.startswith(("lcz_", "fusion_", "zone_"))} <= {
        *CLIMATE_ZONES.asset_names,
        "fusion_assets",
    }
    assert set(SETTINGS) == set(CLAIMS) and all(f"| `{name}` |" in PAGE for name in SETTINGS)
    assert FIGURE in FIGURES


def test_numbers_on_the_page_are_those_of_the_code():
    quick, published = PRESETS["quick"], PRESETS["published"]
    assert f"for {quick.epochs} epochs" in PAGE and quick.patience >= quick.epochs
    assert f"at most {published.epochs}" in PAGE
    assert f"squares of {BLOCK / 1000:g} km" in PAGE and f"in {LABEL_CONFIDENCE:.0%}".replace("%", " %") in PAGE
    assert CITY_FOLDS == 5 and "five of them answer for each city once" in PAGE


def test_the_instance_of_several_machines_is_configured_as_dagster_reads_it():
    (text,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "several-machines.md").read_text(), re.DOTALL)
    settings = yaml.safe_load(text)
    assert set(settings["storage"]["postgres"]["postgres_db"]) == {
        "hostname",
        "username",
        "password",
        "db_name",
        "port",
        "scheme",
    }
    assert settings["concurrency"]["pools"]["granularity"] in ("run", "op")
