"""An encoder as a model that is stored, and back: weights in the graph, scales and bands in the card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion_assets.learning.saved_model import TrainedModel
from fusion_assets.storage.json_objects import as_written
from fusion_assets.systems.embeddings.encoder.network import Design, build
from fusion_assets.systems.embeddings.encoder.pairs import SENSORS, Scale
from fusion_assets.systems.embeddings.encoder.trained import Encoder
from fusion_assets.systems.embeddings.sensors import POLARISATIONS

_ANEW = "make it anew: fusion run --select encoder"


def model_of(encoder: Encoder, about: Mapping[str, Any]) -> TrainedModel:
    """The model that is stored.

    Args:
        encoder: trained.
        about: what else its card says.
    """
    model = build(encoder.design, 0)
    model.set_weights(list(encoder.weights))
    scales = {
        name: [np.asarray(values, float).tolist() for values in (scale.centre, scale.spread)]
        for name, scale in (("optics", encoder.optics), ("radar", encoder.radar))
    }
    design = {"bands": list(encoder.design.bands), "dim": encoder.design.dim, "widths": list(encoder.design.widths)}
    features = [*encoder.design.bands, *POLARISATIONS, *(f"{name} is looked at" for name in SENSORS)]
    card = {"features": features, **design, "scales": scales, **about}
    return TrainedModel(model, card)


def encoder_of(trained: TrainedModel) -> Encoder:
    """The encoder that was stored.

    Raises:
        FusionError: a card of something else.
    """
    card = trained.card
    with as_written("a stored encoder", _ANEW):
        first, second, third = map(int, card["widths"])
        design = Design(tuple(map(str, card["bands"])), int(card["dim"]), (first, second, third))
        optics, radar = (
            Scale(*(np.array(values, np.float32) for values in card["scales"][name])) for name in ("optics", "radar")
        )
    weights = tuple(np.asarray(values, np.float32) for values in trained.keras_model.get_weights())
    return Encoder(design, optics, radar, weights)
