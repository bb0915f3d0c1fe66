"""Settlement labels as assets: the ticket, and the labels on the region's grid."""

from typing import TYPE_CHECKING

import dagster as dg

from fusion_assets.imagery.engines.protocol import Export, ExportRequest
from fusion_assets.orchestration.composites import role_assets
from fusion_assets.orchestration.site import Site
from fusion_assets.study import Study
from fusion_assets.systems.built_up.features import labels
from fusion_assets.systems.built_up.palettes import PALETTES

if TYPE_CHECKING:
    import xarray as xr

    from fusion_assets.storage.raster_writing import RasterFile

_TICKET_TEXT = "Ticket for the **settlement labels** of the label year (GHSL, or a land cover map)."
_TEXT = (
    "**Settlement labels** of the label year on the region's grid: the source's class or built-up fraction, and "
    "`built_up` (1 yes, 0 no, 255 no data or outside the region). Agreement with them is not accuracy: GHSL is "
    "itself made from satellite imagery."
)


def label_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Ticket and labels of the label year; none for a study without labels."""
    if site.study.products.labels is None:
        return []

    def write(pixels: "xr.Dataset", export: Export, tags: dict[str, str]) -> "RasterFile":
        return _write_labels(site.study, pixels, export, tags)

    return role_assets(site, "labels", site.partitions.label_year, _TICKET_TEXT, _TEXT, write)


def labels_of(study: Study, pixels: "xr.Dataset", request: ExportRequest) -> "xr.Dataset":
    """Labels of a region from the pixels of its label product; see `labels.built_up_labels`."""
    use, cells = study.use("labels"), labels.source_cells(pixels)
    return labels.built_up_labels(
        pixels,
        use.recipe,
        request.grid.inside(request.area),
        built_codes=use.built_codes or (),
        threshold=use.built_up_threshold,
        source_pixel_m2=labels.source_cell_m2(request.grid, *cells) if use.recipe.label == "fraction" else 1.0,
    )


def _write_labels(study: Study, pixels: "xr.Dataset", export: Export, tags: dict[str, str]) -> "RasterFile":
    from fusion_assets.storage.raster_writing import write_raster

    labelled = labels_of(study, pixels, export.request)
    source = {key: str(value) for key, value in pixels.attrs.items()}
    return write_raster(
        labelled,
        palettes=PALETTES,
        nodata=labels.NO_DATA,
        tags=tags | source,
        units=dict.fromkeys(map(str, labelled.data_vars), "1"),
        region=export.request.area,
    )
