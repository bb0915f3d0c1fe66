"""What tests and the benchmark of the sensor share: a project on the loopback service, and its ticks."""

import datetime as dt
import logging

import dagster as dg

from fusion_assets.imagery.engines import operations
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.orchestration.engine_assets import OPERATION_METADATA
from fusion_assets.orchestration.export_records import OPERATION_TAG
from fusion_assets.orchestration.resources import EngineResource
from fusion_assets.settings import Settings
from fusion_assets.study import study_of
from fusion_assets.study.imagery_requests import PIXEL_ASSETS, request_for
from fusion_assets.study.provenance import EXPORT_ASSETS
from fusion_assets.systems.registry import SYSTEMS

BOX = [3.0, 50.55125, 3.0011, 50.5519]
PRODUCTS = {
    "sentinel2": {"product": "sentinel2_l2a", "bands": ["B02"]},
    "night_lights": {"product": "viirs_monthly", "season": {"start": "01-01", "end": "02-28"}},
}


class Time:
    """The project's clock, which tests move together with the service's."""

    def __init__(self, monkeypatch):
        self.ahead = dt.timedelta(0)
        monkeypatch.setattr(operations, "utc_now", lambda: dt.datetime.now(dt.UTC) + self.ahead)

    def advance(self, **span):
        self.ahead += dt.timedelta(**span)


class Project:
    """A study of a few small regions on the tiny archive, which has 2018, with its sensor, on a real instance.

    Every tick and every run makes an engine of its own, as separate processes would.
    """

    def __init__(self, folder, service, instance, regions=1, features="optics", years=(2018,), **earth_engine):
        self.folder, self.service, self.instance = folder, service, instance
        self.cursor, self.said, self.requested, self.ran = None, [], [], []
        self.study = study_of(
            {
                "name": "tiny",
                "regions": [{"name": f"r{number:03d}", "bbox": BOX} for number in range(regions)],
                "resolution": 20,
                "working_resolution": 10,
                "prediction_years": list(years),
                "season": {"start": "07-01", "end": "07-31"},
                "products": PRODUCTS if features == "both" else {"sentinel2": PRODUCTS["sentinel2"]},
                "features": features,
                "earth_engine": {"way": "batch", "when_full": "stop", **earth_engine},
            }
        )
        chosen = {"engine": "earth_engine", "storage": str(folder / "storage"), "ee_project": "demo"}
        chosen |= {"ee_url": service.url, "ee_bucket": f"exports/{folder.name}", "archive": "unused"}
        self.settings = Settings.from_environment(chosen)
        self.definitions = build_definitions(SYSTEMS, {"study": self.study, **chosen})
        self.job = self.definitions.resolve_implicit_global_asset_job_def()
        self.partitions = [f"{region.name}|{year}" for region in self.study.regions for year in years]
        self.roles = list(self.study.feature_roles)

    def engine(self):
        return EngineResource.of(self.settings, self.study).client()

    def materialize(self, asset, partition, tags=None):
        """Whether a run of one asset succeeded."""
        run = self.job.execute_in_process(
            asset_selection=[dg.AssetKey(asset)],
            partition_key=partition,
            instance=self.instance,
            resources=self.definitions.resources,
            raise_on_error=False,
            tags=tags,
        )
        return run.success

    def submit(self, partition, role="sentinel2"):
        """Submit as the export asset does, and record its ticket, without the seconds that a run takes."""
        region, year = partition.split("|")
        export = self.engine().submit(request_for(self.study, self.settings, role, region, int(year)))
        self.ticket(EXPORT_ASSETS[role], partition, export.id)
        return export

    def ticket(self, asset, partition, operation):
        event = dg.AssetMaterialization(asset, partition=partition, metadata={OPERATION_METADATA: operation})
        self.instance.report_runless_asset_event(event)

    def collected(self, partition, operation, role="sentinel2"):
        """Record pixels as if they had been collected."""
        self.ticket(PIXEL_ASSETS[role], partition, operation)

    def evaluate(self):
        """One tick's result; nothing of it is recorded, as if the daemon died before it could."""
        sensor = self.definitions.resolve_sensor_def("finished_exports")
        said = self.said

        class Listening(logging.Handler):
            def emit(self, record):
                said.append(record.getMessage())

        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            definitions=self.definitions,
            resources=self.definitions.resources,
        ) as context:
            context.log.handlers[:] = [Listening()]
            return sensor.evaluate_tick(context)

    def tick(self):
        """One tick, recorded as the daemon does; the run requests whose key is new."""
        result = self.evaluate()
        self.cursor = result.cursor
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        known = {request.run_key for request in self.requested}
        new = [request for request in result.run_requests if request.run_key not in known]
        self.requested += new
        return new

    def run(self, request):
        """Carry out a run request."""
        (asset,) = (key.to_user_string() for key in request.asset_selection)
        done = self.materialize(asset, request.partition_key, request.tags)
        self.ran.append((asset, request.partition_key, request.tags[OPERATION_TAG], done))
        return done

    def told(self, asset="sentinel2_export"):
        """(partition, kind, message) of every observation of an export asset, oldest first."""
        records = self.instance.fetch_observations(dg.AssetKey(asset), limit=1000).records[::-1]
        seen = [record.event_log_entry.asset_observation for record in records]
        return [(one.partition, one.metadata["kind"].value, one.metadata["message"].value) for one in seen]

    def materialized(self, asset):
        """Operations that each partition's pixels were made from, one for each materialization."""
        records = self.instance.fetch_materializations(dg.AssetKey(asset), limit=1000).records
        found = {}
        for record in records:
            event = record.asset_materialization
            found.setdefault(event.partition, []).append(event.metadata[OPERATION_METADATA].value)
        return found

    def listings(self):
        """How often the operations were listed, whatever the number of pages."""
        pages = self.service.counters.requests["operations.list"]
        size = len([operation for operation in self.service.operations.all() if not operation.forgotten])
        return pages / max(1, -(-size // 500))
