"""The door for JSON: what is no object that was written here is refused, by name."""

import json
import os

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.storage.json_objects import as_written, json_object, read_object
from fusion_assets.storage.root import Storage


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "Expecting value"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "it holds NaN"),
        (b'{"a": -Infinity}', "it holds -Infinity"),
        (b"{\xff}", "decode"),
        (b"[1, 2]", r"it is \[1, 2\]"),
        (b"1" * 5000, "digits"),
        (b'{"a": "\\ud800"}', "surrogates"),
        (b'{"a": [' + b"0," * 10_000_001 + b"0]}", "values"),
    ],
)
def test_odd_content(content, words):
    with pytest.raises(FusionError, match=words) as caught:
        json_object(content, "/data/a.json", "remove it")
    assert caught.value.found.startswith("/data/a.json cannot be read") and caught.value.remedy == "remove it"


def test_what_is_written_is_read(tmp_path):
    storage = Storage(tmp_path)
    document = {"text": "é \\ud", "pair": "\U0001f600", "numbers": [1, 2.5, None]}
    storage.write_bytes(json.dumps(document).encode(), f"{tmp_path}/a.json")
    assert read_object(storage, f"{tmp_path}/a.json", "") == document


def test_a_huge_file_is_not_read(tmp_path):
    (tmp_path / "a.json").touch()
    os.truncate(tmp_path / "a.json", 1 << 30)
    with pytest.raises(FusionError, match="1,073,741,824 bytes"):
        read_object(Storage(tmp_path), f"{tmp_path}/a.json", "remove it")


def test_odd_use_is_a_refusal():
    with pytest.raises(FusionError, match="the model cannot be used: KeyError"), as_written("the model", "make it"):
        {}["estimator"]
