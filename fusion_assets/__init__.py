"""Maps of human settlement from fused satellite sensors, every artifact a Dagster asset.

In Python, what a study has made is loaded by name:

    import fusion_assets as fa

    fa.study()                                                  # the configured study
    fa.assets()                                                 # what it can have, and what is stored
    fa.load("built_up_prediction", region="demo", year=2019)    # an xarray.Dataset with CRS and units
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fusion_assets.access import assets, load
    from fusion_assets.access import configured_study as study

__all__ = ["assets", "load", "study"]


def __getattr__(name: str) -> Any:
    """Import what is asked for: the package alone loads in no time, and knows no system."""
    from importlib import import_module

    if name == "study":
        return import_module("fusion_assets.study")  # a room that can be called, for it bears the name of what it reads
    if name in __all__:
        return getattr(import_module("fusion_assets.access"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
