"""The network of maps: learnt from all labelled patches, or from areas that people drew, or published by others."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import EVERY_REGION, key_of
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import TrainedModel
from fusion_assets.systems.climate_zones import imagery_requests as requests
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.defs.checks import calibration_specs, model_result
from fusion_assets.systems.climate_zones.defs.trainings import POOL
from fusion_assets.systems.climate_zones.section import areas_year, use_of


def model_asset(site: Site) -> dg.AssetsDefinition:
    """The model that maps are made with."""
    if use_of(site.study).weights_file is not None:
        return _of_weights(site)
    return _of_patches(site) if use_of(site.study).areas_file is None else _of_areas(site)


def last(site: Site) -> dict[str, str]:
    """Tags of what rests on the model: where that is learnt from all regions, it is made after their imagery."""
    return {} if use_of(site.study).areas_file is None else {EVERY_REGION: "true"}


def _of_patches(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)

    @site.asset(
        "models",
        None,
        [versions.NETWORKS, versions.MODEL, use.training],
        pool=POOL,
        check_specs=calibration_specs(requests.MODEL),
    )
    def lcz_model(context: dg.AssetExecutionContext, code_version: str, lcz_patches: dict) -> Iterator[Any]:
        """**The network of maps**: radar intensities and ten optical bands, which exist over whole cities.

        Its card says what it is worth in cities that it has not seen, and holds the temperature and the cut of sets
        that are calibrated on them; beside these stands what a calibration on patches drawn at random would promise.
        """
        from fusion_assets.systems.climate_zones.map_model import CITY
        from fusion_assets.systems.climate_zones.sources import patches_of

        patches = patches_of(use, settings, lcz_patches)
        synthetic = any(part.card.get("synthetic") for part in patches.parts.values())
        key = [code_version, lcz_patches["parts"]]
        yield from _learnt(site, context, patches, use.training, key, unit=CITY, synthetic=synthetic)

    return lcz_model


def _of_areas(site: Site) -> dg.AssetsDefinition:
    study, settings, use = site.study, site.settings, use_of(site.study)
    file, year = use.areas_file, areas_year(study)
    assert file is not None
    keys = {region.name: str(key_of(region.name, year)) for region in study.regions}
    of_year = dg.AssetIn(partition_mapping=dg.SpecificPartitionsPartitionMapping(list(keys.values())))

    @site.asset(
        "models",
        None,
        [versions.NETWORKS, versions.MODEL, use.training, requests.content_of(file), year],
        ins=dict.fromkeys((requests.OPTICS, requests.RADAR), of_year),
        pool=POOL,
        tags=last(site),
        check_specs=calibration_specs(requests.MODEL),
    )
    def lcz_model(context: dg.AssetExecutionContext, code_version: str, **imagery: Any) -> Iterator[Any]:
        """**The network of maps, learnt from areas that people drew**, on the study's own imagery.

        Its card says what it is worth in areas, or where there are enough in regions, that it has not seen; sets and
        probabilities are calibrated on these.
        """
        from fusion_assets.storage.simulation import is_marked
        from fusion_assets.systems.climate_zones.area_patches import AreaPatches
        from fusion_assets.systems.climate_zones.map_model import long_enough
        from fusion_assets.systems.climate_zones.section import map_grid
        from fusion_assets.systems.climate_zones.training_areas import training_areas

        areas, document = training_areas(file)
        optics, radar = (_by_key(imagery[name], keys) for name in (requests.OPTICS, requests.RADAR))
        seen = {name: (optics[key], radar[key]) for name, key in keys.items()}
        patches = AreaPatches(areas, seen, {name: map_grid(study, name) for name in keys})
        synthetic = any(is_marked(raster.attrs) for pair in seen.values() for raster in pair)
        key = [code_version, requests.learnt_from(study, settings), patches.labels.tolist()]
        preset = long_enough(use.training, len(patches))
        told = {"unit": patches.unit, "synthetic": synthetic, "few": True}
        yield from _learnt(site, context, patches, preset, key, document, **told)

    return lcz_model


def _of_weights(site: Site) -> dg.AssetsDefinition:
    file = use_of(site.study).weights_file
    assert file is not None

    @site.asset("models", None, [versions.PUBLISHED, requests.content_of(file)])
    def lcz_model(context: dg.AssetExecutionContext) -> dg.Output[TrainedModel]:
        """**The network of maps, with weights that its authors have published**: Sen2LCZ-Net-MF, of optics alone.

        Nothing is learnt and nothing is calibrated here: its probabilities are told as they are, without sets.
        """
        from fusion_assets.learning.saved_model import TrainedModel as Trained
        from fusion_assets.systems.climate_zones.published_network import published_network

        trained = Trained(*published_network(file))
        shown = {name: trained.card[name] for name in ("network", "calibration")} | trained.card["weights"]
        context.log.warning(f"{trained.card['network']}: {trained.card['calibration']}")
        return dg.Output(trained, data_version=dg.DataVersion(trained.digest), metadata=readable(shown))

    return lcz_model


def _by_key(loaded: Any, keys: Mapping[str, str]) -> Mapping[str, Any]:
    """Rasters by partition; of one partition alone Dagster hands on the raster itself."""
    return (
        {str(key): raster for key, raster in loaded.items()} if len(keys) > 1 else {next(iter(keys.values())): loaded}
    )


def _learnt(
    site: Site,
    context: dg.AssetExecutionContext,
    patches: Any,
    preset: Any,
    key: list[Any],
    areas: Mapping[str, Any] | None = None,
    **told: Any,
) -> Iterator[Any]:
    """The trained model, and the result of its check; states of its trainings are kept until all of them are done."""
    from fusion_assets.learning.saved_model import TrainedModel as Trained
    from fusion_assets.learning.training import State
    from fusion_assets.storage.root import Storage
    from fusion_assets.systems.climate_zones import map_model
    from fusion_assets.systems.climate_zones.sources import STATES

    storage = Storage(site.settings.storage)
    states: list[State] = []

    def state_of(name: str) -> State:
        path = storage.path(STATES, None, None, "npz", (requests.MODEL, name))
        states.append(State(storage, path, digest([name, *key])))
        return states[-1]

    model, card = map_model.learn(patches, preset, state_of, context.log.info, **told)
    for caution in map_model.cautions(card):
        context.log.warning(caution)
    for state in states:
        storage.remove(state.path)
    trained = Trained(model, card | ({"areas": areas} if areas else {}))
    yield dg.Output(trained, data_version=dg.DataVersion(trained.digest), metadata=readable(map_model.headlines(card)))
    yield model_result(card)
