"""The platform as Dagster sees it. `build_defs` is the only place where parts are put together; tests swap any of them."""

from __future__ import annotations

from typing import Any

import dagster as dg

from oulad_platform.core import logs
from oulad_platform.defs import (
    actions,
    briefing,
    cards,
    caseload,
    enrollment,
    experiments,
    models,
    outlook,
    outreach,
    published,
    sources,
    success,
)
from oulad_platform.defs.checks import all_checks
from oulad_platform.defs.io_managers import ModelIOManager, TableIOManager
from oulad_platform.defs.jobs import deliver_messages, enrollment_jobs, housekeeping, success_jobs
from oulad_platform.defs.partitions import daily
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.schedules import schedules
from oulad_platform.defs.sensors import sensors
from oulad_platform.settings import Settings, load


def build_defs(settings: Settings, **resources: Any) -> dg.Definitions:
    """The whole graph for these settings. Keywords replace resources by name: platform, io_manager, model_io_manager.

    An institution with a registrar but no raw tables has the enrollment line only.
    """
    days = daily(settings)
    platform = resources.get("platform") or Platform(settings)
    is_replay, has_campus = settings.registrar_kind == "replay", settings.has_campus
    assets = [
        *enrollment.assets(days, is_replay=is_replay),
        *outlook.daily_assets(days),
        *outlook.ASSETS,
        *briefing.daily_assets(days),
        *briefing.ASSETS,
        *published.enrollment_assets(days),
        *published.ENROLLMENT_ASSETS,
    ]
    success_line = (
        [
            sources.campus,
            *outreach.ASSETS,
            *success.assets(days),
            *models.ASSETS,
            *models.daily_assets(days),
            cards.model_cards,
            *caseload.daily_assets(days),
            caseload.caseload_lists,
            *experiments.ASSETS,
            *actions.ASSETS,
            *published.success_assets(days),
            *published.SUCCESS_ASSETS,
        ]
        if has_campus
        else []
    )
    return dg.Definitions(
        assets=[*assets, *success_line],
        asset_checks=all_checks(days, has_campus=has_campus),
        jobs=[*enrollment_jobs(), deliver_messages, housekeeping, *(success_jobs() if has_campus else [])],
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


settings = load()
logs.configure(settings.log_format)
defs = build_defs(settings)
