"""What is still to be trained, and how long this machine will take: what `fusion doctor` says before anybody waits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean

from fusion_assets.counts import number_of
from fusion_assets.settings import Settings
from fusion_assets.storage.documents import read_document
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.root import Storage
from fusion_assets.study import Study
from fusion_assets.systems.climate_zones.costs import Rate, Training, measured, seconds_of
from fusion_assets.systems.climate_zones.grid import configurations_of
from fusion_assets.systems.climate_zones.imagery_requests import MODEL as MAP_MODEL
from fusion_assets.systems.climate_zones.map_model import network as network_of_maps
from fusion_assets.systems.climate_zones.section import ClimateZonesUse, use_of
from fusion_assets.systems.climate_zones.splits import CITY_FOLDS, STOPPING

MODEL, SPLITS = "fusion_model", "lcz_splits"
_HOUR = 3600
_CARDS = 20
"""Trainings that are looked at to tell how many epochs one takes."""


def hours_told(study: Study, settings: Settings, rate: Rate | None = None) -> str:
    """How many trainings are missing, and how long they will take one after another.

    Args:
        study: with the section.
        settings: say where artifacts lie.
        rate: of this machine; by default it is measured, where anything is to be trained.
    """
    use, storage = use_of(study), Storage(settings.storage)
    missing, of_maps = list(_missing(use, storage)), _of_maps(use, storage)
    total = len(configurations_of(use)) * use.seeds + of_maps
    if not missing and not of_maps:
        return f"all {number_of(total, 'training')} are there"
    told = f"{number_of(len(missing) + of_maps, 'training')} of {total:,} missing"
    path = storage.path(SPLITS, None, None, "json")
    if not storage.exists(path):
        return f"{told}; how long they take can be told once patches are split: fusion run --select '+{SPLITS}'"
    with as_written(SPLITS, f"make it anew: fusion run --select {SPLITS}"):
        document = read_document(storage, path, "fusion run")[0]
        counts = {str(setting): document[setting]["counts"] for setting in use.settings}
    networks = configurations_of(use)
    epochs, basis = _epochs(use, storage)
    trainings = [
        Training(networks[name], counts[setting]["train"], counts[setting]["validation"], epochs)
        for name, setting in ((name, name.partition(".")[0]) for name, _ in missing)
    ]
    trainings += _trainings_of_maps(use, counts, epochs) if of_maps else []
    seconds = seconds_of(trainings, rate or measured([each.network for each in trainings], use.training))
    return (
        f"{told}: about {_duration(seconds)} on this machine one after another, {epochs:g} epochs each ({basis}); "
        "each is a run of its own, which other machines can take"
    )


def _missing(use: ClimateZonesUse, storage: Storage) -> Iterator[tuple[str, int]]:
    for name in configurations_of(use):
        for seed in range(use.seeds):
            if not storage.exists(storage.path(MODEL, None, None, "keras", (name, str(seed)))):
                yield name, seed


def _of_maps(use: ClimateZonesUse, storage: Storage) -> int:
    """Trainings of the network of maps that are missing; those by areas are short and not told."""
    taught_otherwise = use.areas is not None or use.weights_file is not None
    if use.map is None or taught_otherwise or storage.exists(storage.path(MAP_MODEL, None, None, "keras")):
        return 0
    return CITY_FOLDS + 1


def _trainings_of_maps(
    use: ClimateZonesUse, counts: Mapping[str, Mapping[str, int]], epochs: float
) -> Iterator[Training]:
    """Those without some of the cities, and the one on all."""
    patches = sum(next(iter(counts.values())).values())
    others = patches * (CITY_FOLDS - 1) // CITY_FOLDS
    stopping = others // STOPPING
    yield from [Training(network_of_maps(use.training), others - stopping, stopping, epochs)] * CITY_FOLDS
    yield Training(network_of_maps(use.training), patches, 0, epochs)


def _epochs(use: ClimateZonesUse, storage: Storage) -> tuple[float, str]:
    """Epochs that a training takes, and what says so: those that are there, else the most that there may be."""
    found: list[int] = []
    for name in configurations_of(use):
        for seed in range(use.seeds):
            path = storage.path(MODEL, None, None, "json", (name, str(seed)))
            if len(found) < _CARDS and storage.exists(path):
                with as_written(MODEL, f"make it anew: fusion run --select {MODEL}"):
                    found.append(len(read_document(storage, path, "fusion run")[0]["history"]))
    if found:
        return round(mean(found), 1), f"as {number_of(len(found), 'training')} so far took"
    most = use.training.epochs
    return most, f"the most that preset {use.preset} allows"


def _duration(seconds: float) -> str:
    if seconds < _HOUR:
        return f"{max(1, round(seconds / 60))} min"
    hours = seconds / _HOUR
    return f"{hours:.1f} h" if hours < 48 else f"{hours:,.0f} h ({hours / 24:.0f} days)"
