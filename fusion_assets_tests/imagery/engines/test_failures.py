"""What an engine's messages are taken to mean."""

import pytest

from fusion_assets.imagery.engines.failures import kind_of


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Internal error.", "transient"),
        ("The service is currently unavailable. Please try again.", "transient"),
        ("Computation timed out.", "transient"),
        ("Too many concurrent aggregations.", "transient"),
        ("User memory limit exceeded.", "memory"),
        ("Execution failed; out of memory.", "memory"),
        ("Quota exceeded for quota metric 'Batch compute time'", "quota"),
        ("Image.select: Band pattern 'B2' did not match any bands. Image has no bands.", "no_pixels"),
        ("No valid pixels to export", "no_pixels"),
        ("Caller does not have storage.objects.create access to bucket x", "permission"),
        ("Permission 'earthengine.exports.create' denied", "permission"),
        ("Projection: could not parse CRS", "other"),
        ("", "other"),
    ],
)
def test_kinds(message, name):
    assert kind_of(message).name == name


def test_only_what_asking_again_can_mend_is_asked_again():
    assert {kind_of(m).name for m in ("Internal error", "out of memory")} == {"transient", "memory"}
    assert kind_of("Internal error").retried and kind_of("out of memory").retried
    assert not any(kind_of(m).retried for m in ("quota", "permission denied", "no valid pixels", "what?"))
