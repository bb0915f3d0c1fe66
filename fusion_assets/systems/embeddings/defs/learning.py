"""Labels, the encoder that needs none of them, its embeddings, and what they are worth."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table, TrainedModel
from fusion_assets.storage.simulation import are_simulated
from fusion_assets.systems.embeddings import versions
from fusion_assets.systems.embeddings.defs import partitions
from fusion_assets.systems.embeddings.defs.corpus import by_shard, folders_of
from fusion_assets.systems.embeddings.section import use_of

POOL = "gpu"
"""Trainings at once on one instance; `dagster instance concurrency set gpu N` changes it."""
STATES = "encoder_states"
"""Folder of the storage where trainings lie while they go on."""


def learning_assets(site: Site) -> list[dg.AssetsDefinition]:
    """All that follows from the corpus; what rests on labels only where the study names some."""
    found = [_encoder(site), _embedding_vectors(site), _embedding_index(site)]
    labels = use_of(site.study).labels
    if labels.corine is None and labels.land_cover is None:
        return [*found, _labelled_patches(site)] if labels.osm is not None else found
    return [*found, _labelled_patches(site), _embedding_evaluation(site)]


def _labelled_patches(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)

    @site.asset("tables", None, [versions.LABELS, use.labels.model_dump(mode="json"), use.patch_size])
    def labelled_patches(patch_index: tuple[Table, dict]) -> dg.Output[tuple[Table, dict]]:
        """**What lies in every patch**: shares and sets of classes of CORINE or of land cover, and OpenStreetMap's features.

        Shares are of a patch's own pixels and add up to 1. OpenStreetMap is a layer of its own under its own licence
        (ODbL); where nothing is drawn, nothing is known.
        """  # noqa: E501
        from fusion_assets.systems.embeddings.corpus.index import GOT
        from fusion_assets.systems.embeddings.labels.table import labels_of

        index = patch_index[0]
        table, titles = labels_of(index[index["state"] == GOT], use, settings)
        document = {"titles": titles, "patches": len(table)}
        shown: dict[str, Any] = {"patches": len(table), **{kind: len(each) for kind, each in titles.items()}}
        version = digest([document, patch_index[1]["shards"]])
        return dg.Output((table, document), data_version=dg.DataVersion(version), metadata=readable(shown))

    return labelled_patches


def _encoder(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)
    plan = use.encoder

    # Which patches hold classes that it must never see, the labels say; it learns nothing else from them.
    labels = {"labelled_patches": dg.AssetIn()} if use.unseen_classes else {}

    @site.asset(
        "models", None, [versions.ENCODER, plan.model_dump(), use.unseen_classes, use.bands], pool=POOL, ins=labels
    )
    def encoder(
        context: dg.AssetExecutionContext,
        code_version: str,
        patch_index: tuple[Table, dict],
        patches: dict,
        **labelled: tuple[Table, dict],
    ) -> Iterator[dg.Output[TrainedModel]]:
        """**What turns a patch into an embedding**, learnt without labels from patches that nothing is tested on.

        Radar alone, optics alone and both of a place come to lie close together, and places apart. Its state is stored
        after every pass: a training that is killed goes on where it was, and ends as if it had not been.
        """
        import numpy as np

        from fusion_assets.learning.training import State
        from fusion_assets.storage.root import Storage
        from fusion_assets.systems.embeddings.corpus.pairs import CorpusPairs
        from fusion_assets.systems.embeddings.encoder.network import Design
        from fusion_assets.systems.embeddings.encoder.pretraining import Preset, pretrain
        from fusion_assets.systems.embeddings.encoder.stored import model_of

        pairs = CorpusPairs.of(patch_index[0], folders_of(site, patches), use.bands)
        shown_to_it = (pairs.table["split"] == "train").to_numpy()
        if use.unseen_classes:
            shown_to_it = shown_to_it & ~_with_unseen(site, pairs.table, labelled["labelled_patches"])
        learnt = np.flatnonzero(shown_to_it)
        storage = Storage(settings.storage)
        key = digest([code_version, patch_index[1]["shards"], learnt.tolist()])
        state = State(storage, storage.path(STATES, None, None, "npz", ("encoder",)), key)
        begun = time.monotonic()
        found, history = pretrain(
            pairs,
            learnt,
            Design(use.bands, plan.dim),
            Preset(plan.pretext, plan.steps),
            plan.seed,
            state,
            context.log.info,
        )
        parameters = int(sum(values.size for values in found.weights))
        card: dict[str, Any] = {
            "pretext": plan.pretext,
            "steps": plan.steps,
            "seed": plan.seed,
            "parameters": parameters,
            "patches": len(learnt),
            "unit": use.unit,
            "history": history,
        }
        if are_simulated(pairs.table["optics"].head(1)):
            card["synthetic"] = True
        trained = model_of(found, card)
        context.log.info(f"{len(history)} passes over {len(learnt):,} patches in {time.monotonic() - begun:.0f} s")
        shown = {name: card[name] for name in ("pretext", "parameters", "patches")}
        shown["loss"] = history[-1]["loss"]
        yield dg.Output(trained, data_version=dg.DataVersion(trained.digest), metadata=readable(shown))
        # Dagster goes on from here when the model is stored: a full disk costs no training.
        storage.remove(state.path)

    return encoder


def _embedding_vectors(site: Site) -> dg.AssetsDefinition:
    use = use_of(site.study)

    @site.asset("tables", partitions.shards(site), [versions.VECTORS])
    def embedding_vectors(
        shard: str, patch_index: tuple[Table, dict], patches: dict, encoder: TrainedModel
    ) -> dg.Output[Table]:
        """**Embeddings of the patches of a shard**, by radar alone, by optics alone and by both: unit vectors."""
        import numpy as np
        import pandas as pd

        from fusion_assets.systems.embeddings.corpus.pairs import CorpusPairs
        from fusion_assets.systems.embeddings.defs.corpus import folder_of
        from fusion_assets.systems.embeddings.encoder.pairs import USES
        from fusion_assets.systems.embeddings.encoder.stored import encoder_of

        index = patch_index[0]
        here = index[index["shard"] == int(shard)]
        pairs = CorpusPairs.of(here, {int(shard): folder_of(site, shard, patches)}, use.bands)
        found, rows = encoder_of(encoder), np.arange(len(pairs.table))
        columns = {name: list(found.embedded(pairs, rows, name)) for name in USES}
        table = pd.DataFrame({"patch": pairs.place, **columns})
        version = digest([encoder.digest, patch_index[1]["shards"][shard]["digest"]])
        return dg.Output(table, data_version=dg.DataVersion(version), metadata=readable({"patches": len(table)}))

    return embedding_vectors


def _embedding_index(site: Site) -> dg.AssetsDefinition:
    @site.asset("tables", None, [versions.VECTORS])
    def embedding_index(patch_index: tuple[Table, dict], embedding_vectors: dict) -> dg.Output[Table]:
        """**All embeddings with their places**: what `fusion similar` searches, and what other software may read."""
        import pandas as pd

        tables = by_shard(site, embedding_vectors)
        vectors = pd.concat([tables[key] for key in sorted(tables)], ignore_index=True)
        kept = ["patch", "shard", "lon", "lat", "split", "optics", "optics_time", "radar_time", "geometry"]
        table = patch_index[0][kept].rename(columns={"optics": "optics_item"}).merge(vectors, on="patch")
        return dg.Output(table, metadata=readable({"patches": len(table)}))

    return embedding_index


def _embedding_evaluation(site: Site) -> dg.AssetsDefinition:
    use = use_of(site.study)

    google = site.study.products.embedding
    beside = [google.model_dump(mode="json")] if google is not None else []

    @site.asset("documents", None, [versions.EVALUATION, use.unseen_classes, *beside], pool=POOL)
    def embedding_evaluation(
        context: dg.AssetExecutionContext,
        patch_index: tuple[Table, dict],
        patches: dict,
        labelled_patches: tuple[Table, dict],
        encoder: TrainedModel,
    ) -> dg.Output[dict]:
        """**What the encoder is worth** beside what nobody has trained, in cells that nothing was learnt from.

        Statistics of the pixels, random convolutions, principal components and an untrained encoder are given the same
        probes, tuned in the same way; intervals are over whole cells. Floors are printed whatever they reach. Where the
        study has `products.embedding`, Google's embedding of the same patches stands beside them.
        """
        from fusion_assets.systems.embeddings.corpus.pairs import CorpusPairs
        from fusion_assets.systems.embeddings.encoder.stored import encoder_of
        from fusion_assets.systems.embeddings.evidence import satellite_embedding
        from fusion_assets.systems.embeddings.evidence.evaluation import evaluated, features_of, partners
        from fusion_assets.systems.embeddings.evidence.task import task_of
        from fusion_assets.systems.embeddings.labels.table import classes_of

        table, document = labelled_patches
        kind = classes_of(document["titles"])
        pairs = CorpusPairs.of(patch_index[0], folders_of(site, patches), use.bands)
        task = task_of(pairs.table, table, kind, document["titles"][kind])
        context.log.info(f"{len(task.learnt):,} labelled patches to learn from, {len(task.tested):,} to test")
        features = features_of(encoder_of(encoder), pairs, task.learnt)
        if google is not None:
            vectors = satellite_embedding.mean_vectors(pairs.table, use.patch_size, google, site.settings)
            context.log.info(f"{google.product}: of {int(vectors.any(axis=1).sum()):,} of {len(vectors):,} patches")
            features[satellite_embedding.METHOD] = {"both": vectors}
        card = encoder.card
        about = {name: card[name] for name in ("parameters", "pretext", "steps", "patches", "history")}
        result: dict[str, Any] = {
            "probes": evaluated(features, task),
            "partners": partners(features, task),
            "few_shot": _few_shot(site, context, pairs.table, labelled_patches, features),
            "task": {
                "learnt": len(task.learnt),
                "tested": len(task.tested),
                "cells": len(set(task.cell[task.tested].tolist())),
                "classes": list(task.sets.names),
                "labels": "corine" if kind == "corine" else "land_cover",
            },
            "encoder": about,
        }
        if card.get("synthetic"):
            result["synthetic"] = True
        shown = {
            f"{row['method']}, {row['use']}": row["value"]
            for row in result["probes"]
            if row["probe"] == "neighbours" and row["labels"] == len(task.learnt)
        }
        version = dg.DataVersion(digest([result["probes"], encoder.digest]))
        return dg.Output(result, data_version=version, metadata=readable(shown))

    return embedding_evaluation


def _with_unseen(site: Site, table: Table, labelled: tuple[Table, dict]) -> Any:
    """Pairs that hold a class which the encoder must never see, (n,) bool."""
    from fusion_assets.systems.embeddings.evidence.task import codes_of, with_unseen
    from fusion_assets.systems.embeddings.labels.table import classes_of

    labels, document = labelled
    kind = classes_of(document["titles"])
    codes = codes_of(use_of(site.study).unseen_classes, document["titles"][kind], kind)
    return with_unseen(table, labels, kind, codes)


def _few_shot(
    site: Site, context: dg.AssetExecutionContext, table: Table, labelled: tuple[Table, dict], features: Any
) -> list[dict[str, Any]]:
    """Rows of the table of classes never shown; none where the study names none, or too few places have them."""
    from fusion_assets.errors import FusionError
    from fusion_assets.systems.embeddings.evidence.evaluation import LEARNT, WITH_STATISTICS
    from fusion_assets.systems.embeddings.evidence.few_shot import SHOTS, few_shot
    from fusion_assets.systems.embeddings.evidence.task import codes_of, unseen_task
    from fusion_assets.systems.embeddings.labels.table import classes_of

    unseen = use_of(site.study).unseen_classes
    if not unseen:
        return []
    labels, document = labelled
    kind = classes_of(document["titles"])
    titles = document["titles"][kind]
    classes, learnt, tested = unseen_task(table, labels, kind, codes_of(unseen, titles, kind), titles)
    rows: list[dict[str, Any]] = []
    cell = table["cell"].to_numpy()
    for shots in SHOTS:
        try:
            for method in ("statistics", LEARNT, WITH_STATISTICS):
                for use in ("radar", "both"):
                    found = few_shot(features[method][use], classes, cell, learnt, tested, shots)
                    rows.append({"method": method, "use": use, "shots": shots, **found})
        except FusionError as problem:
            context.log.warning(f"{shots} shots were not tried: {problem.found}; expected: {problem.expected}")
    return rows
