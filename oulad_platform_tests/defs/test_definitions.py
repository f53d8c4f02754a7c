"""The graph as Dagster sees it: what is there, what it says of itself, what the schedules ask for."""

from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import dagster as dg
import pandas as pd
import pytest
import time_machine
from pydantic import SecretStr

from oulad_platform.definitions import build_defs
from oulad_platform.defs.catalog import CATALOG
from oulad_platform.defs.jobs import REGISTERED, TRAINED
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings
from oulad_platform.storage.errors import MissingFileError, StorageError
from oulad_platform.success.tables import RISK_ALERTS

KEYS = {
    "sources": (
        "advisers assessments courses interventions opt_outs student_assessment student_info student_registration student_vle vle"
    ),
    "enrollment": (
        "anomaly_benchmark change_lists cohort_retention cohort_retention_published custom_metrics data_quality_findings "
        "enrollment_alerts enrollment_anomalies enrollment_briefing enrollment_deltas enrollment_forecast "
        "enrollment_forecast_published enrollment_metrics enrollment_metrics_published enrollment_snapshots enrollment_trends "
        "enrollment_weeks_published forecast_backtest powerbi_export"
    ),
    "success": (
        "artifacts_manifest calibration_curve caseload_daily caseload_lists course_summary_daily "
        "course_summary_published dashboard dim_course "
        "executive_summary experiment_assignments experiment_looks experiment_results feature_drift feature_importance features "
        "held_out_risk model_cards model_champions model_drift model_evaluation model_fairness model_fairness_published "
        "model_registry risk_alerts "
        "risk_model risk_reasons roi_by_caseload roi_drivers roi_sensitivity student_risk_daily student_weeks "
        "training_panel"
    ),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return Settings(lake_uri=str(home / "lake"), outbox_uri=str(home / "outbox"), pipeline_demo_mode=True)


@pytest.fixture(scope="module")
def defs(settings: Settings) -> dg.Definitions:
    return build_defs(settings)


def test_the_asset_keys_are_names_for_good(defs: dg.Definitions) -> None:
    found = dict.fromkeys(KEYS, "")
    for key in sorted(defs.resolve_all_asset_keys(), key=lambda key: key.path):
        line, name = key.path
        found[line] = f"{found[line]} {name}".strip()
    assert found == KEYS


def test_every_asset_says_whose_it_is_and_what_a_row_is(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        assert spec.owners, spec.key
        assert spec.kinds, spec.key
        assert spec.group_name.split("_")[0] == spec.key.path[0]
        assert spec.tags["line"] == spec.key.path[0]
        assert spec.description.startswith(("One row per", "One entry per", "One model per")), spec.key


def test_every_table_shows_its_columns_and_has_a_check(defs: dg.Definitions) -> None:
    specs = {spec.key: spec for spec in defs.resolve_all_asset_specs()}
    checked = {check.asset_key for definition in defs.asset_checks for check in definition.check_specs}
    for key, entry in CATALOG.items():
        schema = specs[key].metadata["dagster/column_schema"]
        assert [column.name for column in schema.columns] == entry.table.names
        assert key in checked


def test_the_graph_runs_from_the_files_to_the_summary(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    upstream = dg.AssetSelection.assets(["success", "executive_summary"]).upstream().resolve(graph)
    assert dg.AssetKey(["sources", "student_vle"]) in upstream
    assert dg.AssetKey(["enrollment", "enrollment_snapshots"]) in upstream
    assert dg.AssetKey(["success", "risk_model"]) in upstream


def test_days_are_the_only_partitions_and_end_today(defs: dg.Definitions) -> None:
    definitions = {spec.partitions_def for spec in defs.resolve_all_asset_specs()} - {None}
    (days,) = definitions
    with time_machine.travel(datetime(2026, 3, 2, 0, 30, tzinfo=ZoneInfo("Europe/London")), tick=False):
        assert days.get_last_partition_key() == "2026-03-02"
    assert days.get_first_partition_key() == "2025-01-01"


class LivePlatform(Platform):
    """Two cohorts, of which one has closed, and a warehouse that holds what a test gives it."""

    drifted: tuple[str, ...] = ()
    n_failed = 30

    def calendar_day(self, today: date) -> date:
        return today

    def campus(self) -> Any:
        starts = pd.to_datetime(["2025-02-01", "2026-02-01"])
        courses = pd.DataFrame(
            {
                "code_module": "AAA",
                "code_presentation": ["2025B", "2026B"],
                "start_date": starts,
                "module_presentation_length": 240,
            }
        )
        results = ["Fail"] * self.n_failed + ["Pass"] * 30
        info = pd.DataFrame({"code_module": "AAA", "code_presentation": "2025B", "id_student": range(len(results))})
        return SimpleNamespace(tables=lambda: {"courses": courses, "student_info": info.assign(final_result=results)})

    @property
    def database(self) -> Any:
        rows = [
            {
                "alert_type": "drift",
                "scope": scope,
                "alert_date": pd.Timestamp("2026-03-01"),
                "alert_id": f"drift_{scope}_2026-03-01",
            }
            for scope in self.drifted
        ]
        log = RISK_ALERTS.empty() if not rows else pd.DataFrame(rows).assign(severity="warning", message="")
        return SimpleNamespace(read=lambda table: log)


class EndedPlatform(LivePlatform):
    ended = date(2014, 9, 30)

    def calendar_day(self, today: date) -> date:
        return self.ended


def tick(settings: Settings, platform: Platform, name: str, day: date = date(2026, 3, 2)) -> Any:
    repository = build_defs(settings, platform=platform).get_repository_def()
    at_eight = datetime(day.year, day.month, day.day, 8, tzinfo=ZoneInfo("Europe/London"))
    resources = {"platform": platform}
    with dg.build_schedule_context(scheduled_execution_time=at_eight, resources=resources, repository_def=repository) as context:
        return repository.get_schedule_def(name).evaluate_tick(context)


@pytest.mark.fault("C12")
@pytest.mark.parametrize("name", ["enrollment_daily_at_eight", "success_daily_at_eight"])
def test_at_eight_the_schedules_ask_for_today(name: str, settings: Settings) -> None:
    (request,) = tick(settings, LivePlatform(settings), name).run_requests
    assert (request.partition_key, request.run_key) == ("2026-03-02", "2026-03-02")


TRAINING = {dg.AssetKey(["success", name]) for name in (*TRAINED, *REGISTERED)}


def model(version: str, backend: str = "sklearn", features: tuple[str, ...] = ("clicks_7d",)) -> SimpleNamespace:
    return SimpleNamespace(version=version, learner=SimpleNamespace(kind="blend", backend=backend), features=features)


@pytest.mark.parametrize(
    ("stored", "drifted", "n_failed", "reason"),
    [
        (None, (), 30, "never trained"),
        (StorageError("changed"), (), 30, "the stored models cannot be read"),
        ({}, (), 30, "closed: 2025B"),
        ({}, (), 19, ""),
        ({"2025B": model("2025B")}, (), 30, ""),
        ({"2025B": model("2025B", backend="pytorch")}, (), 30, "settings changed"),
        ({"2025B": model("2025B", features=("gender",))}, (), 30, "settings changed"),
        ({"2025B": model("2025B")}, ("AAA-2026B",), 30, "drift: AAA-2026B"),
    ],
)
def test_models_are_trained_when_they_must_be(stored, drifted, n_failed, reason, settings: Settings, monkeypatch) -> None:
    platform = LivePlatform(settings)
    platform.drifted, platform.n_failed = drifted, n_failed

    def read(platform: Platform) -> Any:
        if stored is None:
            raise MissingFileError("no index")
        if isinstance(stored, Exception):
            raise stored
        return stored

    monkeypatch.setattr("oulad_platform.defs.schedules.stored_models", read)
    (request,) = tick(settings, platform, "success_daily_at_eight").run_requests
    if reason:
        assert request.tags["training"] == reason
        assert request.asset_selection is None
    else:
        assert not TRAINING & set(request.asset_selection)
        assert dg.AssetKey(["success", "student_risk_daily"]) in request.asset_selection
        assert len(request.asset_selection) == 34


@pytest.mark.fault("C10")
def test_a_calendar_that_has_ended_is_not_asked_for_its_last_day_again(settings: Settings) -> None:
    data = tick(settings, EndedPlatform(settings), "success_daily_at_eight")
    assert not data.run_requests
    assert "ended on 2014-09-30" in data.skip_message


def test_after_a_term_the_success_line_goes_on_while_results_arrive(settings: Settings) -> None:
    platform = EndedPlatform(settings)
    platform.ended = date(2025, 9, 3)
    (request,) = tick(settings, platform, "success_daily_at_eight", date(2026, 3, 2)).run_requests
    assert request.partition_key == "2026-03-02"
    assert not tick(settings, platform, "success_daily_at_eight", date(2026, 3, 3)).run_requests
    assert not tick(settings, platform, "enrollment_daily_at_eight", date(2026, 3, 2)).run_requests


def test_a_registrars_own_source_is_asked_every_day_though_the_campuss_calendar_has_ended(settings: Settings) -> None:
    own = settings.model_copy(update={"oulad_data": "campus", "enrollment_db_url": SecretStr("sqlite:///sis.db")})
    assert (own.registrar_kind, own.has_campus) == ("database", True)
    (request,) = tick(own, EndedPlatform(own), "enrollment_daily_at_eight").run_requests
    assert request.partition_key == "2026-03-02"
    assert EndedPlatform(own).newest_day(date(2026, 3, 2)) == date(2026, 3, 2)
    assert EndedPlatform(settings).newest_day(date(2026, 3, 2)) == date(2014, 9, 30)


def test_schedules_and_sensors_start_as_the_settings_say(tmp_path: Path) -> None:
    for automation, status in ((True, "RUNNING"), (False, "STOPPED")):
        defs = build_defs(Settings(lake_uri=str(tmp_path), automation=automation))
        repository = defs.get_repository_def()
        statuses = {one.default_status.value for one in (*repository.schedule_defs, *repository.sensor_defs)}
        assert statuses == {status}
