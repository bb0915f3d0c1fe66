"""STAC documents against the official schemas, without a network."""

import functools
import json
from pathlib import Path

from pystac.validation import JsonSchemaSTACValidator, validate_dict

_SCHEMAS = Path(__file__).parent / "stac_schemas"
# There is no schema of the first here. The second has all fields that are written, with the same meaning.
_LIKE = ("processing/v1.2.0", "processing/v1.1.0")


def check_stac(document):
    """Raise what pystac raises unless a document is valid: its core, and every extension that it names."""
    named = [url.replace(*_LIKE) for url in document.get("stac_extensions", [])]
    validator = _validator()
    missing = [url for url in named if url not in validator.schema_cache]
    assert not missing, f"there is no schema here of {missing}"
    changed = {**document, "stac_extensions": named} if named else document
    validate_dict(changed, extensions=named, validator=validator)


@functools.cache
def _validator():
    validator = JsonSchemaSTACValidator()
    for path in _SCHEMAS.glob("*.json"):
        name, _, version = path.stem.rpartition("-")
        schema = json.loads(path.read_text())
        validator.schema_cache[f"https://stac-extensions.github.io/{name}/{version}/schema.json"] = schema
    return validator
