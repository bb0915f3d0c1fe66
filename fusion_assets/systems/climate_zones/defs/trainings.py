"""One training a partition, and its answers."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table, TrainedModel
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.defs import partitions
from fusion_assets.systems.climate_zones.section import use_of

POOL = "gpu"
"""Trainings at once on one instance; `dagster instance concurrency set gpu N` changes it."""


def training_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Models, answers, and sums of answers."""
    found = [_fusion_model(site), _fusion_prediction(site)]
    return [*found, _independent_sum(site)] if partitions.sums(site) else found


def _fusion_model(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)

    @site.asset(
        "models",
        partitions.trainings(site),
        [versions.NETWORKS, use.training, use.channels],
        pool=POOL,
    )
    def fusion_model(
        context: dg.AssetExecutionContext,
        configuration: str,
        seed: str,
        code_version: str,
        lcz_patches: dict,
        lcz_splits: tuple[Table, dict],
    ) -> Iterator[dg.Output[TrainedModel]]:
        """**One network trained once**: a configuration is a setting and the stage at which its branches are joined.

        Its state is stored after every epoch: a training that is killed goes on where it was, and ends as if it had not
        been.
        """
        from fusion_assets.learning.saved_model import TrainedModel as Trained
        from fusion_assets.learning.training import State
        from fusion_assets.storage.root import Storage
        from fusion_assets.systems.climate_zones import held_back, training
        from fusion_assets.systems.climate_zones.grid import configurations_of
        from fusion_assets.systems.climate_zones.networks import multiply_adds, parameters
        from fusion_assets.systems.climate_zones.sources import STATES, patches_of

        setting, network = configuration.split(".")[0], configurations_of(use)[configuration]
        patches = patches_of(use, settings, lcz_patches)
        table, number = lcz_splits[0], int(seed)
        learnt, stopping = (held_back.rows_of(table, setting, number, part) for part in ("train", "validation"))
        storage = Storage(settings.storage)
        key = digest([code_version, configuration, seed, lcz_patches["parts"], learnt.tolist(), stopping.tolist()])
        state = State(storage, storage.path(STATES, None, None, "npz", (configuration, seed, "state")), key)
        model, history = training.train(
            network, patches, learnt, stopping, use.training, number, state, context.log.info
        )
        best = max(history, key=lambda epoch: epoch["accuracy"])
        card: dict[str, Any] = {
            "features": list(training.channels_of(network)),
            "decibels": use.training.radar == "db",
            "configuration": configuration,
            "seed": number,
            "stage": network.stage,
            "width": network.width,
            "parameters": parameters(network),
            "multiply_adds": multiply_adds(network),
            "patches": len(learnt),
            "history": history,
        }
        trained = Trained(model, card)
        shown = {name: card[name] for name in ("stage", "parameters", "multiply_adds", "patches")}
        shown |= {"epochs": len(history), "best_accuracy_of_stopping": best["accuracy"]}
        yield dg.Output(trained, data_version=dg.DataVersion(trained.digest), metadata=readable(shown))
        # Dagster goes on from here when the model is stored: a full disk costs no training.
        storage.remove_directory(state.path.rpartition("/")[0])

    return fusion_model


def _fusion_prediction(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)

    @site.asset("tables", partitions.trainings(site), [versions.SCORES], pool=POOL)
    def fusion_prediction(
        configuration: str, seed: str, lcz_patches: dict, lcz_splits: tuple[Table, dict], fusion_model: TrainedModel
    ) -> dg.Output[Table]:
        """**Answers of a network** for the patches it is tested on: a probability of each zone."""
        from fusion_assets.systems.climate_zones import comparison, held_back, training
        from fusion_assets.systems.climate_zones.sources import patches_of

        patches, card = patches_of(use, settings, lcz_patches), fusion_model.card
        rows = held_back.rows_of(lcz_splits[0], configuration.split(".")[0], int(seed), "test")
        answer = training.predict(fusion_model.keras_model, patches, rows, card["features"], card["decibels"])
        table = comparison.table_of(rows, answer, patches.table())
        right = float((answer.argmax(axis=1) == table["label"]).mean())
        return dg.Output(
            table,
            data_version=dg.DataVersion(digest([fusion_model.digest, rows.tolist()])),
            metadata=readable({"patches": len(rows), "accuracy": right}),
        )

    return fusion_prediction


def _independent_sum(site: Site) -> dg.AssetsDefinition:
    averaged = partitions.summands(site)

    @site.asset(
        "tables",
        partitions.sums(site),
        [versions.SCORES, averaged],
        ins={"fusion_prediction": dg.AssetIn(partition_mapping=partitions.to_summands(site))},
    )
    def independent_sum(fusion_prediction: dict[str, Table]) -> dg.Output[Table]:
        """**The mean answer of networks trained apart**, one for each branch of a split; nothing is trained for it."""
        from fusion_assets.systems.climate_zones.comparison import averaged as mean

        table = mean([fusion_prediction[key] for key in sorted(fusion_prediction)])
        right = float((table.filter(like="p_").to_numpy().argmax(axis=1) == table["label"]).mean())
        return dg.Output(table, metadata=readable({"networks": len(fusion_prediction), "accuracy": right}))

    return independent_sum
