"""What a study has made, for Python: the functions that `import fusion_assets as fa` offers.

The study and its storage are those of the environment (`FUSION_STUDY`, `FUSION_STORAGE`, ...), as for the command line,
or are named in the call. Nothing is made here, and nothing changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_assets.errors import FusionError

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from fusion_assets.orchestration.site import Site
    from fusion_assets.study import Study

__all__ = ["assets", "configured_study", "load"]


def load(
    asset: str,
    *,
    region: str | None = None,
    year: int | str | None = None,
    study: str | Path | None = None,
    storage: str | Path | None = None,
    **others: int | str,
) -> Any:
    """Load a stored artifact, after comparing it with what the study expects of it.

    A dimension of which the asset has one value, such as the region of a study with one, may be left out.

    Args:
        asset: name; `assets()` lists them.
        region: name or title.
        year: of the partition.
        study: name or path of a study file; by default `FUSION_STUDY`.
        storage: directory or fsspec URL; by default `FUSION_STORAGE`.
        others: further dimensions of the asset's partitions, such as `shard`, `configuration` and `seed`.

    Returns:
        Of maps and series a lazy `xarray.Dataset` (y, x or time, y, x) whose variables have `units`, and whose CRS
        `.rio.crs` gives; of tables a `geopandas.GeoDataFrame` with CRS where rows have a place, else a
        `pandas.DataFrame`, in both cases with what lies beside it in `.attrs["document"]`; of JSON a dict, of reports
        their HTML, of models a `TrainedModel` (`keras_model`, `card`), of folders their files' paths by name.

    Raises:
        FusionError: no such asset or partition, or it is not stored, or another study or other settings made it.
    """
    site, made = _opened(study, storage)
    definition = _named(asset, made)
    given = {"region": region, "year": year, **others}
    dimensions = _dimensions(asset, definition, site.study, {name: v for name, v in given.items() if v is not None})
    manager, artifact = _artifact(site, definition, dimensions)
    value = manager.found(artifact)
    if not (isinstance(value, tuple) and len(value) == 2):
        return value
    table, document = value
    table.attrs["document"] = document
    return table


def assets(*, study: str | Path | None = None, storage: str | Path | None = None) -> pd.DataFrame:
    """List what a study can have, and how much of it is stored.

    Args:
        study: name or path of a study file; by default `FUSION_STUDY`.
        storage: directory or fsspec URL; by default `FUSION_STORAGE`.

    Returns:
        A row an asset, by name: `group`, `kind` (geotiff, parquet, zarr, json, keras, folder), `dimensions` (names of
        the dimensions of its partitions), `partitions` (their number), `stored` (how many of them are there) and `text`
        (the first sentence of its description).

    Raises:
        FusionError: the study is wrong, or the storage cannot be read.
    """
    import pandas as pd

    from fusion_assets.orchestration.partitions import dimension_names, dimensions_of

    site, made = _opened(study, storage)
    rows = {}
    for name, definition in made.items():
        partitions = definition.partitions_def
        keys = list(partitions.get_partition_keys()) if partitions else [None]
        found = (_artifact(site, definition, dimensions_of(key, partitions)) for key in keys)
        spec = definition.get_asset_spec()
        rows[name] = {
            "group": spec.group_name,
            "kind": ", ".join(sorted(spec.kinds)),
            "dimensions": ", ".join(dimension_names(partitions)),
            "partitions": len(keys),
            "stored": sum(manager.storage.exists(manager.path(artifact)) for manager, artifact in found),
            "text": " ".join((spec.description or "").partition(".")[0].split()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("asset")


def configured_study(study: str | Path | None = None) -> Study:
    """Read the study, with the sections of all systems.

    Args:
        study: name or path of a study file; by default `FUSION_STUDY`.

    Raises:
        FusionError: there is none, or it is wrong; all its mistakes are named.
    """
    return _site(study, None).study


def _site(study: str | Path | None, storage: str | Path | None) -> Site:
    from fusion_assets.orchestration.assembly import site_of
    from fusion_assets.orchestration.system import sections_of
    from fusion_assets.settings import Settings
    from fusion_assets.study.stored_outlines import configured_study as read
    from fusion_assets.systems.registry import SYSTEMS

    named = {"study": study, "storage": storage}
    settings = Settings.from_environment({key: str(value) for key, value in named.items() if value is not None})
    return site_of(SYSTEMS, read(settings, sections_of(SYSTEMS)), settings)


def _opened(study: str | Path | None, storage: str | Path | None) -> tuple[Site, dict[str, dg.AssetsDefinition]]:
    """The site of a study, and its assets by name, upstream first."""
    import dataclasses

    from fusion_assets.orchestration.assembly import build_definitions
    from fusion_assets.systems.registry import SYSTEMS

    site = _site(study, storage)
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(site.settings) | {"study": site.study})
    graph = definitions.resolve_asset_graph()
    keys = [key for level in graph.toposorted_asset_keys_by_level for key in level]
    return site, {key.to_user_string(): definitions.get_assets_def(key) for key in keys}


def _named(asset: str, made: Mapping[str, dg.AssetsDefinition]) -> dg.AssetsDefinition:
    import difflib

    if asset in made:
        return made[asset]
    close = difflib.get_close_matches(asset, made, n=1)
    remedy = f"did you mean {close[0]!r}?" if close else "fusion_assets.assets() lists them"
    raise FusionError(f"the study has no asset {asset!r}", ", ".join(sorted(made)), remedy)


def _dimensions(
    asset: str, definition: dg.AssetsDefinition, study: Study, given: Mapping[str, int | str]
) -> dict[str, str]:
    """The value of every dimension of an asset's partitions."""
    from fusion_assets.orchestration.partitions import dimension_names, dimensions_of

    partitions = definition.partitions_def
    names = dimension_names(partitions)
    if unknown := [name for name in given if name not in names]:
        wanted = f"its dimensions are {', '.join(names)}" if names else "it has no partitions"
        raise FusionError(f"{asset} has no {' and no '.join(unknown)}", wanted, f"leave {', '.join(unknown)} out")
    keys = [dimensions_of(key, partitions) for key in partitions.get_partition_keys()] if partitions else []
    chosen = {}
    for name in names:
        known = list(dict.fromkeys(key[name] for key in keys))
        if name not in given and len(known) == 1:
            chosen[name] = known[0]
            continue
        value = str(given.get(name, ""))
        if name == "region" and value:
            value = study.region_called(value).name
        if value not in known:
            shown = ", ".join(known[:20]) + (f" and {len(known) - 20} more" if len(known) > 20 else "")
            found = f"{asset} has no {name} {value}" if value else f"{asset} was asked for without a {name}"
            raise FusionError(found, f"one of {shown}", f"load({asset!r}, {name}=...)")
        chosen[name] = value
    if keys and chosen not in keys:
        raise FusionError(f"{asset} has no partition {chosen}", "one that `fusion status` lists", "choose another one")
    return chosen


def _artifact(site: Site, definition: dg.AssetsDefinition, dimensions: Mapping[str, str]) -> tuple[Any, Any]:
    """The manager that stores an asset, and one artifact of it."""
    from fusion_assets.orchestration.artifacts import Artifact

    others = dict(dimensions)
    region, year = others.pop("region", None), others.pop("year", None)
    manager = site.managers[definition.get_io_manager_key_for_asset_key(definition.key)]
    return manager, Artifact("/".join(definition.key.path), region, year, others)
