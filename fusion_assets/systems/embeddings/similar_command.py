"""The command `fusion similar`: what it is asked, and where it looks. Reading it loads nothing."""

from __future__ import annotations

import argparse
import json
import math
from typing import TYPE_CHECKING

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.system import Argument, Command

if TYPE_CHECKING:
    from argparse import Namespace

    from fusion_assets.orchestration.site import Site

INDEX = "embedding_index"
USES = ("radar", "optics", "both")
FARTHEST_KM = 25.0
"""From a point to the middle of the patch that is taken for it, unless another distance is given."""
_MOST = 1000


def point_of(text: str) -> tuple[float, float]:
    """Longitude and latitude as people write them: `85.32,27.71`."""
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not LON,LAT in degrees, such as 85.32,27.71") from None
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        swapped = -180 <= lat <= 180 and -90 <= lon <= 90
        hint = f"; longitude comes first: {lat:g},{lon:g}" if swapped else ""
        raise argparse.ArgumentTypeError(f"{text!r} is no place: longitude -180 to 180, latitude -90 to 90{hint}")
    return lon, lat


def count_of(text: str) -> int:
    """How many places, as people write it."""
    if not text.isdigit() or not 1 <= int(text) <= _MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to {_MOST}")
    return int(text)


def kilometres_of(text: str) -> float:
    """A distance, as people write it."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= 20_100:
        raise argparse.ArgumentTypeError(f"{text!r} is not a distance in kilometres")
    return value


def _run(site: Site, options: Namespace) -> str:
    if site.study.section("embeddings") is None:
        raise FusionError(
            f"the study {site.study.name} has no embeddings",
            "a section `embeddings`",
            "name a study that has one by FUSION_STUDY, such as demo_embeddings",
        )
    from fusion_assets.orchestration.artifacts import Artifact
    from fusion_assets.storage.root import Storage
    from fusion_assets.storage.simulation import are_simulated
    from fusion_assets.systems.embeddings.similar import similar, text_of

    artifact, storage = Artifact(INDEX, None, None), Storage(site.settings.storage)
    if not storage.exists(storage.path(INDEX, None, None, "parquet")):
        raise FusionError(
            f"there is no index of embeddings in {storage.root} yet",
            INDEX,
            f"fusion run --select '*{INDEX}'",
        )
    index = site.managers["tables"].load(artifact)
    lon, lat = options.at
    found = similar(index, lon, lat, options.use, options.count, options.within)
    if are_simulated(index["optics_item"].head(1)):
        found["synthetic"] = True
    return json.dumps(found, indent=1) if options.json else text_of(found)


_ARGUMENTS: tuple[Argument, ...] = (
    (
        ("--at",),
        {
            "required": True,
            "type": point_of,
            "metavar": "LON,LAT",
            "help": "the point, degrees; write --at=-3.7,40.4 where it begins with a minus",
        },
    ),
    (
        ("--from",),
        {
            "dest": "use",
            "choices": USES,
            "default": "both",
            "help": "what is compared: radar alone, optics alone, or both (the default)",
        },
    ),
    (("--count",), {"type": count_of, "default": 10, "metavar": "N", "help": "how many places (10 by default)"}),
    (
        ("--within",),
        {
            "type": kilometres_of,
            "default": FARTHEST_KM,
            "metavar": "KM",
            "help": f"how far the nearest patch may lie ({FARTHEST_KM:g} by default)",
        },
    ),
    (("--json",), {"action": "store_true", "help": "print JSON"}),
)
SIMILAR = Command(
    "similar",
    "list the places of a corpus that are most like the one at a point",
    _ARGUMENTS,
    _run,
    "fusion similar --at 81.001,27.0; fusion similar --at=-3.7,40.4 --from radar --count 20 --json",
)
