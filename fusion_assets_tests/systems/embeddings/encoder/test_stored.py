"""An encoder that is stored and read again is the same one, and other cards are refused."""

from dataclasses import replace

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.learning.saved_model import TrainedModel
from fusion_assets.systems.embeddings.encoder.stored import encoder_of, model_of
from fusion_assets.systems.embeddings.encoder.trained import untrained
from fusion_assets_tests.systems.embeddings.world import DESIGN, world


def test_a_stored_encoder_is_the_same_one():
    pairs, _ = world()
    encoder = untrained(DESIGN, pairs, np.arange(48), 0)
    stored = model_of(encoder, {"pretext": "none"})
    again = encoder_of(stored)
    rows = np.arange(5)
    assert again.digest == encoder.digest and stored.card["pretext"] == "none"
    assert np.array_equal(again.embedded(pairs, rows), encoder.embedded(pairs, rows))
    card = {name: each for name, each in stored.card.items() if name != "scales"}
    with pytest.raises(FusionError, match="stored encoder"):
        encoder_of(TrainedModel(stored.keras_model, card))


def test_a_digest_is_of_weights_and_scales():
    pairs, _ = world()
    encoder = untrained(DESIGN, pairs, np.arange(48), 0)
    moved = replace(encoder, weights=(encoder.weights[0] + 1, *encoder.weights[1:]))
    scaled = replace(encoder, radar=replace(encoder.radar, centre=encoder.radar.centre + 1))
    assert len({encoder.digest, moved.digest, scaled.digest}) == 3
