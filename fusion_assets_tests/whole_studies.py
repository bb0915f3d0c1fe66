"""Studies that may have the sections of every system."""

from functools import partial

from fusion_assets import study
from fusion_assets.orchestration.system import sections_of
from fusion_assets.systems.registry import SYSTEMS

load_study = partial(study.load_study, sections=sections_of(SYSTEMS))
study_of = partial(study.study_of, sections=sections_of(SYSTEMS))
