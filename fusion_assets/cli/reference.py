"""Every key of a study file as Markdown, from the models that read it: `python -m fusion_assets.cli.reference`."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from fusion_assets.study import Study
from fusion_assets.study.earth_engine_use import EarthEngineUse
from fusion_assets.study.lights import LightsUse
from fusion_assets.study.product_use import Archive, ProductUse
from fusion_assets.study.regions import FeatureSelection, Region
from fusion_assets.study.sections import Sections

_INTRODUCTION = """\
# Studies, key by key

A study is a YAML file. Unknown keys, values of another type and what does not fit together are refused, with what was
expected and an example. `fusion init` writes one; `fusion_assets/studies/demo.yaml` is another. Paths are relative to
the file. This page is made by `python -m fusion_assets.cli.reference`.
"""
_PARTS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("A study", Study),
    ("`regions:`, each", Region),
    ("`ee_features:` of a region", FeatureSelection),
    ("`products:`, each of `sentinel2`, `night_lights`, `labels`, `embedding`", ProductUse),
    ("`archive:` of a product", Archive),
    ("`lights:`", LightsUse),
    ("`earth_engine:`", EarthEngineUse),
)


def page(sections: Sections) -> str:
    """The page.

    Args:
        sections: of the systems, by key.
    """
    parts = [*_PARTS]
    for name, section in sections.items():
        parts += [(f"`{name}:`", section.model), *_parts_of(name, section.model, {model for _, model in _PARTS})]
    return "\n".join([_INTRODUCTION, *(line for title, model in parts for line in _table(title, model))])


def _parts_of(name: str, model: type[BaseModel], shown: set[type[BaseModel]]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Models that stand under keys of a system's section, but those that are shown elsewhere."""
    for key, field in model.model_fields.items():
        several = get_origin(field.annotation) is tuple
        for part in get_args(field.annotation) or (field.annotation,):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in shown:
                more = ", beside the keys of a product" if issubclass(part, ProductUse) else ""
                yield f"`{key}:` of `{name}`{', each' if several else ''}{more}", part


def _table(title: str, model: type[BaseModel]) -> Iterator[str]:
    meanings = _meanings(inspect.getdoc(model) or "")
    yield from (f"## {title}", "", "| key | default | example | meaning |", "|---|---|---|---|")
    shown = ProductUse.model_fields if issubclass(model, ProductUse) and model is not ProductUse else {}
    for name, field in model.model_fields.items():
        if field.exclude or name in shown:
            continue
        default = "" if field.is_required() else _plain(field.get_default(call_default_factory=True))
        example = f"`{json.dumps(field.examples[0], ensure_ascii=False)}`" if field.examples else ""
        meaning = meanings.get(name) or field.description or ""
        yield f"| `{name}` | {default or ('' if field.is_required() else 'none')} | {example} | {_cell(meaning)} |"
    yield ""


def _plain(value: Any) -> str:
    if value is None or value is PydanticUndefined or value in ("", {}, ()):
        return ""
    if isinstance(value, BaseModel):
        return "see there"
    return f"`{json.dumps(value, default=str, ensure_ascii=False)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _meanings(docstring: str) -> dict[str, str]:
    """What the section Attributes of a docstring says of each."""
    _, _, after = docstring.partition("Attributes:\n")
    block = after.split("\n\n")[0]
    entries = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", block, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", text).strip() for name, text in entries}


if __name__ == "__main__":
    from fusion_assets.orchestration.system import sections_of
    from fusion_assets.systems.registry import SYSTEMS

    print(page(sections_of(SYSTEMS)), end="")
