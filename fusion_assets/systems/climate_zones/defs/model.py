"""The network of maps, learnt from all labelled patches."""

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import TrainedModel
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.defs.trainings import POOL
from fusion_assets.systems.climate_zones.section import use_of


def model_asset(site: Site) -> dg.AssetsDefinition:
    """The model that maps are made with."""
    settings, use = site.settings, use_of(site.study)

    @site.asset("models", None, [versions.NETWORKS, versions.MODEL, use.training], pool=POOL)
    def lcz_model(context: dg.AssetExecutionContext, code_version: str, lcz_patches: dict) -> dg.Output[TrainedModel]:
        """**The network of maps**: radar intensities and ten optical bands, which exist over whole cities.

        Its card says what it is worth in cities that it has not seen, and holds the temperature and the cut of sets
        that are calibrated on them; beside these stands what a calibration on patches drawn at random would promise.
        """
        from fusion_assets.learning.saved_model import TrainedModel as Trained
        from fusion_assets.learning.training import State
        from fusion_assets.storage.root import Storage
        from fusion_assets.systems.climate_zones import map_model
        from fusion_assets.systems.climate_zones.sources import STATES, patches_of

        storage = Storage(settings.storage)
        states: list[State] = []

        def state_of(name: str) -> State:
            path = storage.path(STATES, None, None, "npz", ("lcz_model", name))
            states.append(State(storage, path, digest([code_version, name, lcz_patches["parts"]])))
            return states[-1]

        patches = patches_of(use, settings, lcz_patches)
        model, card = map_model.learn(patches, use.training, state_of, context.log.info)
        for state in states:
            storage.remove(state.path)
        trained = Trained(model, card)
        return dg.Output(
            trained, data_version=dg.DataVersion(trained.digest), metadata=readable(map_model.headlines(card))
        )

    return lcz_model
