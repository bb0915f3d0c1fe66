"""What maps of built-up land may be told by: each choice, and what it is made of."""

from __future__ import annotations

from typing import Literal

from fusion_assets.study.product_use import Role

Choice = Literal["optics", "lights", "both", "optics+embedding", "lights+embedding", "both+embedding"]
EMBEDDING = "embedding"
"""What a choice has after its `+`: the product of that role, or else a map of vectors that the study makes itself."""
SENSORS: dict[str, tuple[Role, ...]] = {
    "optics": ("sentinel2",),
    "lights": ("night_lights",),
    "both": ("sentinel2", "night_lights"),
}
"""Roles by what stands before it."""


def sensors_of(choice: str) -> tuple[Role, ...]:
    """Roles of the sensors of a choice, in the order of the features."""
    return SENSORS[choice.partition("+")[0]]


def is_embedded(choice: str) -> bool:
    """Whether an embedding is among the features."""
    return choice.endswith(f"+{EMBEDDING}")


def without_embedding(choice: str) -> str:
    """The same sensors alone."""
    return choice.partition("+")[0]


def smaller_choices(choice: str) -> tuple[str, ...]:
    """Every other choice that some of the same features make; none where there is one sensor and nothing beside it."""
    sensors = [name for name, roles in SENSORS.items() if set(roles) <= set(sensors_of(choice))]
    tails = ("", f"+{EMBEDDING}") if is_embedded(choice) else ("",)
    return tuple(made for tail in tails for name in sensors if (made := name + tail) != choice)
