"""The services stand by themselves: what they get right they have not copied from those whom they judge."""

import ast
from pathlib import Path

import pytest

import fusion_assets.loopbacks

FOLDER = Path(fusion_assets.loopbacks.__file__).parent


def modules(path):
    """Names of all modules that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FOLDER.rglob("*.py"), ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_loopback_imports_nothing_of_what_it_judges(path):
    ours = {name for name in modules(path) if name.split(".")[0] in ("fusion_assets", "fusion_assets_tests")}
    room, service = "fusion_assets.loopbacks", path.relative_to(FOLDER).parts[0]
    allowed = (f"{room}.http.", f"{room}.{service}.")
    assert all(name.startswith(allowed) for name in ours), ours


PAGES = {
    "earth_engine": FOLDER.parents[1] / "docs" / "loopback.md",
    "sentinel_hub": FOLDER / "sentinel_hub" / "README.md",
}


@pytest.mark.parametrize("service", PAGES)
def test_what_a_service_offers_is_written_down_and_described(service):
    room = __import__(f"fusion_assets.loopbacks.{service}", fromlist=[service])
    text = PAGES[service].read_text()
    assert room.__all__ == sorted(room.__all__)
    assert all(getattr(room, name).__doc__ for name in room.__all__)
    assert all(f"`{name}`" in text or f"`{name}(" in text for name in room.__all__)
