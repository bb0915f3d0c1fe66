"""The code location that Dagster loads."""

from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.systems.registry import SYSTEMS

defs = build_definitions(SYSTEMS)
