"""The page of a study's keys is what the code says."""

from pathlib import Path

from fusion_assets.cli.reference import page
from fusion_assets.orchestration.system import sections_of
from fusion_assets.systems.registry import SYSTEMS

PAGE = Path(__file__).parents[2] / "docs" / "studies.md"


def test_the_page_is_current():
    text = page(sections_of(SYSTEMS))
    assert PAGE.read_text() == text, "python -m fusion_assets.cli.reference > docs/studies.md"
    assert "`working_resolution`" in text and "## `ndvi:`" in text
