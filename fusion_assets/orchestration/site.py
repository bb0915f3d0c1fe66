"""A study as its assets see it: all that travels together, and the one way in which assets are declared."""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.appearance import code_of, freshness
from fusion_assets.orchestration.artifacts import Artifact, ArtifactIOManager, Expected
from fusion_assets.orchestration.failures import explained
from fusion_assets.orchestration.partitions import Partitions, dimension_names, dimensions_of, partitions_for
from fusion_assets.settings import Settings
from fusion_assets.study import Study

_HANDED = ("context", "engine", "code_version")
_KINDS = {
    "rasters": "geotiff",
    "tables": "parquet",
    "documents": "json",
    "models": "keras",
    "catalogs": "json",
    "cubes": "zarr",
    "folders": "folder",
}


@dataclass(frozen=True)
class Site:
    """What every asset of a study is made with.

    Attributes:
        study: that is mapped.
        settings: of the code location.
        facts: (asset, region, year) to what the stored artifact must say.
        group: of the assets declared here; a system's own name.
        partitions: of the study.
    """

    study: Study
    settings: Settings
    facts: Expected
    group: str = ""
    partitions: Partitions = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "partitions", partitions_for(self.study))

    def of(self, group: str) -> "Site":
        """The same site, for the assets of one group."""
        site = copy.copy(self)  # with its partitions, which need not be made again
        object.__setattr__(site, "group", group)
        return site

    @cached_property
    def managers(self) -> dict[str, ArtifactIOManager]:
        """IO managers of the storage, by resource key."""
        from fusion_assets.orchestration.io_managers import managers

        return managers(self.settings.storage, self.facts)

    def load(self, manager: str, asset: str, region: str, year: int | None = None) -> Any:
        """A stored artifact that is no input.

        Raises:
            FusionError: it is not stored, or is another study's.
        """
        return self.managers[manager].load(Artifact(asset, region, None if year is None else str(year)))

    def asset(
        self,
        manager: str,
        partitions: dg.PartitionsDefinition | None,
        code: Sequence[Any] | str,
        *,
        ins: Mapping[str, dg.AssetIn] | None = None,
        **spec: Any,
    ) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
        """Declare an asset: name and text are the function's, its parameters are the assets it rests on.

        Of its parameters `context`, `engine` (the `EngineResource`), `code_version` and the dimensions of its
        partitions (`region`, `year`) are handed to it. It returns a `dg.Output`, or yields one and the results of its
        checks. A `FusionError` becomes the step's failure.

        Args:
            manager: resource key of the IO manager.
            partitions: of the asset.
            code: what the code version is a digest of, beside the name; or the code version itself.
            ins: inputs that a parameter does not say enough of, and those of a function with `**inputs`.
            spec: passed on to `dg.asset` (checks, automation, tags, retries, kinds, `name`).
        """

        def declare(body: Callable[..., Any]) -> dg.AssetsDefinition:
            parameters = inspect.signature(body).parameters.values()
            names = [each.name for each in parameters if each.kind is not inspect.Parameter.VAR_KEYWORD]
            yearly = partitions in (self.partitions.every_year, self.partitions.prediction_years)
            handed = [name for name in names if name in {*_HANDED, *dimension_names(partitions)}]
            inputs = {name: dg.AssetIn() for name in names if name not in handed} | dict(ins or {})
            name = spec.pop("name", body.__name__)
            version = code if isinstance(code, str) else digest([name, *code])

            @dg.asset(
                name=name,
                description=spec.pop("description", inspect.getdoc(body)),
                ins=inputs,
                partitions_def=partitions,
                code_version=version,
                io_manager_key=manager,
                kinds=spec.pop("kinds", {_KINDS[manager]}),
                group_name=self.group,
                owners=list(self.study.owners),
                metadata=code_of(body) | spec.pop("metadata", {}),
                freshness_policy=freshness() if yearly else None,
                required_resource_keys={"engine"} if "engine" in handed else None,
                **spec,
            )
            def asset(context: dg.AssetExecutionContext, **loaded: Any) -> Iterator[Any]:
                with explained(context.retry_number):
                    values: dict[str, Any] = {"context": context, "code_version": version}
                    key = context.partition_key if context.has_partition_key else None
                    values |= {
                        name: int(v) if name == "year" else v for name, v in dimensions_of(key, partitions).items()
                    }
                    if "engine" in handed:
                        values["engine"] = context.resources.engine
                    result = body(**{name: values[name] for name in handed}, **loaded)
                    yield from result if inspect.isgenerator(result) else (result,)

            return asset

        return declare
