"""What is learnt from all regions of a year: how good every method is, and the one that won."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import key_of, region_and_year
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, Table
from fusion_assets.storage.simulation import is_synthetic
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import section, versions
from fusion_assets.systems.night_radiance.defs.partitions import LAST, learnt_years, same_year

if TYPE_CHECKING:
    import numpy as np

    from fusion_assets.systems.night_radiance import references
    from fusion_assets.systems.night_radiance.examples import Place
    from fusion_assets.systems.night_radiance.reference_files import Reference


def _inputs(site: Site, *more: str) -> dict[str, dg.AssetIn]:
    """Lights, day imagery, what else tells settled land, and more of all regions, by partition key."""
    names = (requests.CELLS, requests.OPTICS, *section.settlement_of(site.study), *more)
    return {name: dg.AssetIn(partition_mapping=same_year()) for name in names}


def guides_from(site: Site, region: str, optics: Raster, settlement: Mapping[str, Raster]) -> "dict[str, np.ndarray]":
    """What is known of a region's pixels beside lights.

    Args:
        site: of the study.
        region: name.
        optics: day imagery.
        settlement: by asset, what tells settled land beside it.
    """
    from fusion_assets.systems.night_radiance.guides import guides_of
    from fusion_assets.systems.night_radiance.methods.table import BUILT_UP
    from fusion_assets.systems.night_radiance.settlement import built_up_on

    known = guides_of(optics.compute(), bands_of(site))
    for name, each in settlement.items():  # one, or none
        known[BUILT_UP] = built_up_on(each.compute(), name, section.grid_of(site.study, region))
    return known


def places_from(
    site: Site,
    regions: Collection[str],
    cells: Mapping[str, Raster],
    optics: Mapping[str, Raster],
    settlement: Mapping[str, Mapping[str, Raster]],
) -> "list[Place]":
    """Regions as what methods are learnt from, in the order given; the others are left out."""
    from fusion_assets.systems.night_radiance.mapping import place_of

    found = []
    for key, lights in cells.items():
        region = region_and_year(key)[0]
        if region not in regions:
            continue
        guides = guides_from(site, region, optics[key], _of(settlement, key))
        fine, lattice = section.grid_of(site.study, region), requests.cells_around(section.grid_of(site.study, region))
        found.append(place_of(region, lattice, lights[requests.LIGHTS].values, guides, fine))
    return sorted(found, key=lambda place: list(regions).index(place.name))


def _of(settlement: Mapping[str, Mapping[str, Raster]], key: str) -> dict[str, Raster]:
    return {name: by_key[key] for name, by_key in settlement.items()}


def bands_of(site: Site) -> tuple[str, ...]:
    """Bands of day imagery."""
    use = section.use_of(site.study).optics
    return tuple(use.bands or use.recipe.band_names)


def radiance_evaluation_asset(site: Site) -> dg.AssetsDefinition:
    """How good every method is."""
    study = site.study

    @site.asset(
        "tables",
        learnt_years(site),
        [versions.EVALUATION, study.digest("night_radiance"), section.references_digest(study)],
        ins=_inputs(site, requests.SENSOR),
        tags=LAST,
        automation_condition=automatic(),
    )
    def radiance_evaluation(
        context: dg.AssetExecutionContext,
        year: int,
        radiance_cells: dict[str, Raster],
        landsat_composite: dict[str, Raster],
        radiance_sensor: dict[str, dict],
        **settlement: dict[str, Raster],
    ) -> dg.Output[tuple[Table, dict]]:
        """How well **every method finds the product's own cells again** from cells four times as coarse.

        Each region is predicted by methods that have learnt from the others; those reserved are looked at once, at the
        end. Most of what is gained over interpolation is gained by deblurring, without any day imagery: that row stands
        beside the others. Figures speak of 463 m; of finer pixels they tell only as far as scales are alike.
        """
        import pandas as pd

        from fusion_assets.systems.night_radiance import evaluation
        from fusion_assets.systems.night_radiance.scores import figures

        use, say = section.use_of(study), context.log.info
        # What cannot be compared with is refused before hours of learning.
        fits = _reference_fits(site, year, radiance_cells, radiance_sensor)
        places = places_from(site, section.places_of(study), radiance_cells, landsat_composite, settlement)
        document, table = evaluation.compared(places, use.method, use.rounds, say)
        reserved = places_from(site, use.reserved, radiance_cells, landsat_composite, settlement)
        kept_back = evaluation.reserved_table(places, reserved, document["rounds"])
        document["reserved"] = figures(kept_back)
        tables = [table.assign(level="wald"), kept_back.assign(level="reserved")]
        known, finest = _against_truth(
            site, year, places, document, radiance_cells, landsat_composite, radiance_sensor, settlement
        )
        for name, entry in finest.items():
            document["effective_resolution"].setdefault(name, {})["truth"] = entry
        if known is not None:
            tables.append(known.assign(level="truth"))
            document["truth"] = {name: figures(part) for name, part in known.groupby("sensor", sort=False)}
        beside, document["reference"] = _against_references(
            site,
            year,
            places,
            document,
            fits,
            radiance_cells,
            landsat_composite,
            radiance_sensor,
            settlement,
            context.log.warning,
        )
        tables += [each.assign(level="reference") for each in beside]
        shown = {f"rmse_{name}": entry["rmse"]["value"] for name, entry in document["wald"]["methods"].items()}
        return dg.Output(
            (pd.concat(tables, ignore_index=True), document),
            data_version=dg.DataVersion(digest(document)),
            metadata=readable({name: document[name] for name in ("method", "why", "rounds")} | shown),
        )

    return radiance_evaluation


def _against_truth(
    site: Site,
    year: int,
    places: "list[Place]",
    document: Mapping[str, Any],
    cells: Mapping[str, Raster],
    optics: Mapping[str, Raster],
    sensors: Mapping[str, Mapping[str, Any]],
    settlement: Mapping[str, Mapping[str, Raster]],
) -> tuple[Table | None, dict[str, dict[str, float]]]:
    """Maps of the reserved regions against a synthetic archive's truth, and their effective resolutions.

    Both are empty where there is no truth.
    """
    import numpy as np
    import pandas as pd

    from fusion_assets.demo.squares.place import STEP
    from fusion_assets.demo.truth import true_radiance
    from fusion_assets.systems.night_radiance import evaluation, mapping
    from fusion_assets.systems.night_radiance.effective_resolution import effective_resolutions
    from fusion_assets.systems.night_radiance.methods.table import fitted
    from fusion_assets.systems.night_radiance.scores import Predictions

    study, settings = site.study, site.settings
    use = section.use_of(study)
    if settings.engine != "archive" or use.lights.archive or not is_synthetic(settings.archive):
        return None, {}
    answers = {name: fitted(places, name, document["rounds"]) for name in document["compared"]}
    tables, compared = [], []
    for region in use.reserved:
        fine = section.grid_of(study, region)
        try:
            # It is read by nearest neighbour: on pixels no larger than its own, which are then averaged.
            parts = math.ceil(fine.resolution / STEP - 1e-6)
            finest = true_radiance(settings.archive, year, fine.refine(parts), study.polygon(region))
            truth = finest.reshape(fine.height, parts, fine.width, parts).mean(axis=(1, 3))
        except FusionError:
            return None, {}
        key = key_of(region, year)
        lights = cells[key][requests.LIGHTS].values
        guides = guides_from(site, region, optics[key], _of(settlement, key))
        width, rounds = sensors[key]["metres"], document["rounds"]
        task = mapping.task_of(fine, requests.cells_around(fine), lights, guides, width, rounds)
        maps = {name: answer(task) for name, answer in answers.items()}
        tables.append(evaluation.truth_table(task, truth, maps, region))
        compared.append(Predictions(region, truth, np.zeros(truth.shape, int), maps))
    edge = task.sensor.fine.resolution
    resolutions = effective_resolutions(compared, document["compared"], (edge, edge), task.ratio)
    return pd.concat(tables, ignore_index=True), resolutions


def _reference_fits(
    site: Site, year: int, cells: Mapping[str, Raster], sensors: Mapping[str, Mapping[str, Any]]
) -> "list[tuple[Reference, str, references.Fit]]":
    """Each reference of the year and each region that it covers, with how it becomes radiance there."""
    from fusion_assets.systems.night_radiance import mapping, references
    from fusion_assets.systems.night_radiance.reference_files import name_of, plane_of

    study = site.study
    fits = []
    for reference in section.references_of(study, year):
        for region in section.regions_of(study, reference, everywhere=True):
            fine, key = section.grid_of(study, region), key_of(region, year)
            lights, width = cells[key][requests.LIGHTS].values, sensors[key]["metres"]
            task = mapping.task_of(fine, requests.cells_around(fine), lights, {}, width, 1)
            fit = references.registered(plane_of(reference, fine, references.AROUND), task, name_of(reference))
            fits.append((reference, region, fit))
    return fits


def _against_references(
    site: Site,
    year: int,
    places: "list[Place]",
    document: Mapping[str, Any],
    fits: "Collection[tuple[Reference, str, references.Fit]]",
    cells: Mapping[str, Raster],
    optics: Mapping[str, Raster],
    sensors: Mapping[str, Mapping[str, Any]],
    settlement: Mapping[str, Mapping[str, Raster]],
    warn: Callable[[str], None],
) -> tuple[list[Table], list[dict[str, Any]]]:
    """Errors against finer sensors, by methods that have not learnt from the region, and what is told of each."""
    from fusion_assets.systems.night_radiance import mapping, references
    from fusion_assets.systems.night_radiance.methods.table import fitted
    from fusion_assets.systems.night_radiance.reference_files import name_of, plane_of, short_name

    tables, entries, rounds = [], [], document["rounds"]
    for reference, region, fit in fits:
        fine, key = section.grid_of(site.study, region), key_of(region, year)
        guides = guides_from(site, region, optics[key], _of(settlement, key))
        lights, width = cells[key][requests.LIGHTS].values, sensors[key]["metres"]
        task = mapping.task_of(fine, requests.cells_around(fine), lights, guides, width, rounds)
        elsewhere = [place for place in places if place.name != region]
        maps = {name: fitted(elsewhere, name, rounds)(task) for name in document["compared"]}
        plane = references.moved(plane_of(reference, fine, references.AROUND), fit, fine)
        table, metres = references.compared(plane, task, maps, region)
        tables.append(table.assign(sensor=short_name(reference)))
        entries.append(references.entry_of(reference, year, region, fit, table, metres))
        if reference.date.year != year:
            warn(f"{name_of(reference)} is of {reference.date}, the maps that it is compared with of {year}")
    return tables, entries


def radiance_model_asset(site: Site) -> dg.AssetsDefinition:
    """The method that won."""
    study = site.study

    @site.asset(
        "documents",
        learnt_years(site),
        [versions.MODEL, versions.EVALUATION, study.digest("night_radiance")],
        ins=_inputs(site),
        tags=LAST,
        automation_condition=automatic(),
    )
    def radiance_model(
        radiance_cells: dict[str, Raster],
        landsat_composite: dict[str, Raster],
        radiance_evaluation: tuple[Table, dict],
        **settlement: dict[str, Raster],
    ) -> dg.Output[dict]:
        """The **method that won on held-out places**, fitted on all of them but the reserved ones."""
        from fusion_assets.storage.documents import packed
        from fusion_assets.systems.night_radiance.examples import examples_of
        from fusion_assets.systems.night_radiance.methods import trees, unet

        places = places_from(site, section.places_of(study), radiance_cells, landsat_composite, settlement)
        chosen = radiance_evaluation[1]
        document: dict[str, Any] = {
            "method": chosen["method"],
            "why": chosen["why"],
            "rounds": chosen["rounds"],
            "spread": chosen["spread"][chosen["method"]],
            "growth": chosen["growth"],
            "effective_resolution": chosen["effective_resolution"].get(chosen["method"], {}),
            "places": [place.name for place in places],
            "unit": "nW/cm2/sr",
        }
        if chosen["method"] in ("trees", "unet"):
            examples = [each for place in places for each in examples_of(place, rounds=chosen["rounds"])]
            if chosen["method"] == "trees":
                document["trees"] = packed(trees.fit(examples).to_dict())
            else:
                document["unet"] = packed(unet.fit(examples, members=section.use_of(study).members).to_arrays())
        metadata = {"method": chosen["method"], "why": chosen["why"], "rounds": chosen["rounds"]}
        return dg.Output(document, data_version=dg.DataVersion(digest(document)), metadata=readable(metadata))

    return radiance_model
