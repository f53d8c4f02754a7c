"""The platform as Dagster sees it. `build_defs` is the only place where parts are put together; tests swap any of them."""

from __future__ import annotations

from typing import Any

import dagster as dg

from oulad_platform.defs import actions, enrollment, sources, success
from oulad_platform.defs.checks import all_checks
from oulad_platform.defs.io_managers import ModelIOManager, TableIOManager
from oulad_platform.defs.jobs import asset_jobs, deliver_alert
from oulad_platform.defs.partitions import daily
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.schedules import schedules
from oulad_platform.defs.sensors import sensors
from oulad_platform.settings import Settings, load


def build_defs(settings: Settings, **resources: Any) -> dg.Definitions:
    """The whole graph for these settings. Keywords replace resources by name: platform, io_manager, model_io_manager."""
    days = daily(settings)
    platform = resources.get("platform") or Platform(settings)
    return dg.Definitions(
        assets=[sources.campus, *enrollment.assets(days), *success.assets(days), *actions.ASSETS],
        asset_checks=all_checks(days),
        jobs=[*asset_jobs(), deliver_alert],
        schedules=schedules(settings),
        sensors=sensors(settings),
        resources={
            "platform": platform,
            "io_manager": TableIOManager(platform),
            "model_io_manager": ModelIOManager(platform),
            **resources,
        },
        executor=dg.in_process_executor if settings.executor == "in_process" else dg.multiprocess_executor,
    )


defs = build_defs(load())
