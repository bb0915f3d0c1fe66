"""Other people's maps beside ours, as assets: the maps on the region's grid, and what they are worth here."""

from typing import TYPE_CHECKING

import dagster as dg

from fusion_assets.imagery.engines.protocol import Export, digest
from fusion_assets.imagery.recipe import RECIPE_VERSION, product_facts
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.engine_assets import realise_at_once
from fusion_assets.orchestration.metadata import listed, readable
from fusion_assets.orchestration.partitions import by_year
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile, Table
from fusion_assets.storage.raster_classes import Palettes
from fusion_assets.storage.simulation import MARK
from fusion_assets.study import Study
from fusion_assets.study.provenance import is_simulated, study_tags
from fusion_assets.systems.built_up import versions
from fusion_assets.systems.built_up.areas.reference import reference_of, reference_source
from fusion_assets.systems.built_up.palettes import PALETTES
from fusion_assets.systems.built_up.rivals.known import RIVALS

if TYPE_CHECKING:
    import numpy as np


def rival_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Maps and comparison; none for a study that names no rivals."""
    return [_rival_maps(site), _map_comparison(site)] if site.study.rivals else []


def _thresholds(study: Study) -> dict[str, float]:
    """By map, the share from which it counts as built-up."""
    return {use.product: use.built_up_threshold or RIVALS[use.product].class_from for use in study.rivals}


def _rival_maps(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings
    sections = ("resolution", "season", "working_resolution", "min_valid_share", "rivals")
    code = [study.digest(*sections), [product_facts(use.recipe) for use in study.rivals], RECIPE_VERSION]

    @site.asset("rasters", site.partitions.prediction_years, [versions.RIVALS, *code], pool="imagery")
    def rival_maps(
        context: dg.AssetExecutionContext, engine: EngineResource, region: str, year: int, code_version: str
    ) -> dg.Output[RasterFile]:
        """**Other people's maps** of one year on the region's grid: share of built-up land, and yes or no.

        A map that is silent about the year is no data: nothing is interpolated.
        """
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.built_up.rivals.maps import class_name, share_name, share_of, side_by_side
        from fusion_assets.systems.built_up.rivals.requests import rival_requests

        uses, grid, names = {use.product: use for use in study.rivals}, study.grid(region), _thresholds(study)
        shares, scenes, lost, simulated = {}, 0, [], False
        for name, request in rival_requests(study, settings, region, year).items():

            def share(pixels: Raster, export: Export, left_out: list[str], name: str = name) -> "np.ndarray":
                return share_of(pixels, export.request, uses[name], RIVALS[name], grid)

            made = realise_at_once(engine, request, share, study.max_unreadable_share, context.log.info)
            shares[name], export, left_out = made
            scenes += len(export.scenes) - len(left_out)
            lost += left_out
            simulated |= is_simulated(export)
        silent = [name for name in names if name not in shares]
        tags = study_tags(
            study,
            region=region,
            year=year,
            code_version=code_version,
            scene_count=scenes,
            silent=" ".join(silent),
            **(MARK if simulated else {}),
        )
        palettes: Palettes = {
            **{share_name(name): "magma" for name in names},
            **{class_name(name): PALETTES["built_up"] for name in names},
        }
        maps = side_by_side(grid, shares, names)
        raster = write_raster(
            maps,
            palettes=palettes,
            nodata=float("nan"),
            tags=tags | site.facts("rival_maps", region, str(year)),
            units=dict.fromkeys(map(str, maps.data_vars), "1"),
            region=study.polygon(region),
        )
        found = {"maps": ", ".join(shares), "silent": ", ".join(silent), "scenes": scenes}
        return dg.Output(
            raster,
            data_version=dg.DataVersion(raster.digest),
            metadata={**readable(found), "unreadable": listed(lost)},
        )

    return rival_maps


def _map_comparison(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings
    content = reference_source(study.reference_sample, settings.archive).get("digest")
    all_years = dg.AssetIn(partition_mapping=site.partitions.to_region)

    @site.asset(
        "tables",
        site.partitions.region,
        [versions.RIVALS, list(study.prediction_years), study.digest("rivals"), content],
        ins={"built_up_prediction": all_years, "rival_maps": all_years},
        automation_condition=automatic(),
    )
    def map_comparison(
        region: str, built_up_prediction: dict[str, Raster], rival_maps: dict[str, Raster]
    ) -> dg.Output[tuple[Table, dict]]:
        """**Which map to take here**: area and agreement of all maps and, with a sample, what it says of each.

        Accuracies with 95 % intervals, areas helped by each map, and one sentence, also when the best is not ours.
        """
        from fusion_assets.systems.built_up.rivals.side import compared

        reference = reference_of(study, settings.archive, region)
        ours, theirs = by_year(built_up_prediction), by_year(rival_maps)
        titles = {use.product: use.recipe.title for use in study.rivals}
        table, document = compared(ours, theirs, titles, study.polygon(region), reference)
        return dg.Output(
            (table, document),
            data_version=dg.DataVersion(digest([table.fillna(-1.0).to_dict("list"), document])),
            metadata=readable({"statement": document["statement"], "maps": len(titles) + 1}),
        )

    return map_comparison
