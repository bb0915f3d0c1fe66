"""Labelled patches, and which of them train, stop and test."""

from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table
from fusion_assets.systems.climate_zones import versions
from fusion_assets.systems.climate_zones.section import use_of


def patch_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Patches and splits."""
    return [_lcz_patches(site), _lcz_splits(site)]


def _lcz_patches(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)

    @site.asset("documents", None, [versions.PATCHES, use.source], kinds={"hdf5"})
    def lcz_patches(context: dg.AssetExecutionContext) -> dg.Output[dict]:
        """**Labelled patches** of 320 m: radar, ten optical bands and a local climate zone each.

        So2Sat's files, checked value by value and converted once into arrays that batches are drawn from. This document
        holds what they are made of; the arrays lie on every machine that trains, and are compared with it.
        """
        from fusion_assets.systems.climate_zones.sources import patches_of

        step = 0

        def progress(done: int, total: int) -> None:
            nonlocal step
            if done * 10 // max(total, 1) > step:
                step = done * 10 // total
                context.log.info(f"{done:,} of {total:,} patches converted")

        patches = patches_of(use, settings, progress=progress)
        kept = ("version", "patches", "fingerprint", "classes", "ranges")
        parts = {name: {key: part.card[key] for key in kept} for name, part in patches.parts.items()}
        cities = patches.table().groupby(["source", "city"], sort=False).size().reset_index(name="patches")
        document: dict[str, Any] = {
            "source": use.source,
            "parts": parts,
            "cities": cities.to_dict("records"),
        }
        if any(part.card.get("synthetic") for part in patches.parts.values()):
            document["synthetic"] = True
        shown: dict[str, Any] = {name: part["patches"] for name, part in parts.items()}
        shown["cities"] = cities["city"].replace("", None).nunique()
        return dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(shown))

    return lcz_patches


def _lcz_splits(site: Site) -> dg.AssetsDefinition:
    settings, use = site.settings, use_of(site.study)

    @site.asset("tables", None, [versions.SPLITS, use.settings, use.seeds])
    def lcz_splits(lcz_patches: dict) -> dg.Output[tuple[Table, dict]]:
        """Which patches **train, stop training and test**, in every setting, and how far they overlap.

        `random` lets test patches overlap the training's, `block` keeps squares apart, `city` tests on whole cities
        that were not learnt from, and `published` does as the data set says.
        """
        from fusion_assets.systems.climate_zones.held_back import split_table
        from fusion_assets.systems.climate_zones.sources import patches_of

        table, document = split_table(patches_of(use, settings, lcz_patches).table(), use.settings, use.seeds)
        shown = {f"overlap_{name}": entry["overlap"]["share"] for name, entry in document.items() if entry["overlap"]}
        return dg.Output(
            (table, document), data_version=dg.DataVersion(digest([document, lcz_patches])), metadata=readable(shown)
        )

    return lcz_splits
