"""The whole graph, run as a user would: on the demo campus, on PostgreSQL and S3, twice, after a refusal."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from oulad_platform.definitions import build_defs
from oulad_platform.defs.catalog import CATALOG
from oulad_platform.defs.checks import stored_frames
from oulad_platform.defs.jobs import ENROLLMENT_DAILY, EVERYTHING
from oulad_platform.defs.local_run import materialize
from oulad_platform.defs.resources import Platform
from oulad_platform.settings import Settings, SettingsError
from oulad_platform.sources.registrar import Extract, RegistrarError

TODAY, FIRST = date(2026, 11, 20), date(2026, 11, 11)
SEED_FILES = (
    "outputs/metrics_latest.json",
    "outputs/predictions_latest.csv",
    "outputs/shap_features.json",
    "outputs/shap_top_features.json",
    "outputs/shap_summary.png",
    "outputs/marts/student_risk_daily_sample.csv",
    "outputs/marts/course_summary_daily_sample.csv",
    "outputs/marts/student_risk_latest.csv",
    "outputs/marts/course_summary_latest.csv",
    "outputs/alerts/alert_latest.md",
    "outputs/experiments/assignment_latest.csv",
    "reports/ab_test_report.md",
    "reports/roi_sensitivity.csv",
    "reports/roi_by_caseload.csv",
    "reports/live_experiments.md",
    "reports/executive_summary.md",
    "reports/dashboard.html",
)
# No fault in the extract, no function of the institution's own, no census day within ten days, too few days to judge one by.
MAY_BE_EMPTY = {
    *("data_quality_findings", "custom_metrics", "cohort_retention", "cohort_retention_published"),
    *("enrollment_anomalies", "enrollment_alerts"),
}


class CampusOnAFriday(Platform):
    """The demo campus on the day of its founding, whatever the clock says."""

    def today(self) -> date:
        return TODAY


def installation(home: Path, **settings: object) -> Platform:
    places = {"lake_uri": str(home / "lake"), "artifacts_uri": str(home), "outbox_uri": str(home / "outbox")}
    database = {"database_url": f"sqlite:///{home / 'oulad.db'}"}
    return CampusOnAFriday(Settings(**{"pipeline_demo_mode": True, **places, **database, **settings}))


def dump(platform: Platform) -> dict[str, pd.DataFrame]:
    """Every table as stored, in key order."""
    dumped = {}
    for of in CATALOG.values():
        if of.table.day is None or of.parts:
            days = None
        else:
            days = platform.lake.days(of.line, of.table) if of.store == "lake" else platform.database.days(of.table)
        dumped[of.key.to_user_string()] = pd.concat(list(stored_frames(platform, of, days)), ignore_index=True)
    return dumped


def run(home: Path, platform: Platform, first: date, last: date, monkeypatch: pytest.MonkeyPatch, job: str = EVERYTHING) -> bool:
    monkeypatch.setenv("OULAD_HOME", str(home))
    return materialize(platform, first, last, job)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Platform, dict[str, pd.DataFrame]]:
    home = tmp_path_factory.mktemp("campus")
    platform = installation(home)
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert run(home, platform, FIRST, TODAY, monkeypatch)
    return home, platform, dump(platform)


def test_every_table_has_rows_and_the_newest_day_is_today(made: tuple[Path, Platform, dict[str, pd.DataFrame]]) -> None:
    _, platform, tables = made
    assert {name.split("/")[1] for name, frame in tables.items() if frame.empty} == MAY_BE_EMPTY
    for of in CATALOG.values():
        if of.table.day and of.table.name not in ("risk_alerts", "enrollment_alerts"):
            assert platform.newest_stored_day(of) == (None if of.table.name in MAY_BE_EMPTY else TODAY)


def test_every_file_of_the_seed_documents_is_written_and_in_the_manifest(
    made: tuple[Path, Platform, dict[str, pd.DataFrame]],
) -> None:
    home, _, _ = made
    assert [name for name in SEED_FILES if not (home / name).stat().st_size] == []
    manifest = json.loads((home / "outputs/artifacts_manifest.json").read_text())
    assert {entry["path"] for entry in manifest["files"]} == set(SEED_FILES)
    assert set(manifest) >= {"run_id", "created_at", "model_backend", "database_kind"}
    assert (manifest["model_backend"], manifest["database_kind"]) == ("sklearn", "sqlite")


def test_the_planted_causes_are_seen(made: tuple[Path, Platform, dict[str, pd.DataFrame]]) -> None:
    _, platform, tables = made
    truth = platform.campus().truth()
    alerts = tables["success/risk_alerts"]
    falling = f"{truth.falling.code_module}-{truth.falling.code_presentation}"
    assert falling in set(alerts.loc[alerts["alert_type"] == "threshold", "scope"])
    drifted = tables["success/model_drift"].query("run_date == @TODAY and code_module != 'all'").set_index("code_module")
    assert drifted["n_features_drifted"].idxmax() == truth.falling.code_module
    risk = tables["success/student_risk_daily"]
    assert risk["model_version"].unique().tolist() == tables["success/model_champions"]["model_version"].tolist() == ["2025B"]
    assert risk["risk_score"].between(0, 1).all()


@pytest.mark.fault("C5", "E14")
def test_two_overlapping_runs_in_another_order_on_postgres_and_s3_leave_the_same_rows(
    made: tuple[Path, Platform, dict[str, pd.DataFrame]],
    postgres_database: str,
    s3: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, _, embedded = made
    places = {"lake_uri": f"s3://{s3}/campus/lake", "artifacts_uri": f"s3://{s3}/campus", "database_url": postgres_database}
    platform = installation(tmp_path, **places)
    assert run(tmp_path, platform, date(2026, 11, 16), TODAY, monkeypatch)
    assert run(tmp_path, platform, FIRST, date(2026, 11, 17), monkeypatch)
    for name, frame in dump(platform).items():
        pd.testing.assert_frame_equal(frame, embedded[name], obj=name)
    manifest = json.loads(platform.artifacts.get("outputs/artifacts_manifest.json"))
    assert manifest["database_kind"] == "postgres"
    assert {entry["uri"].split("campus/")[0] for entry in manifest["files"]} == {f"s3://{s3}/"}


@pytest.mark.fault("I3")
def test_a_refused_extract_leaves_what_was_good(
    made: tuple[Path, Platform, dict[str, pd.DataFrame]], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, platform, before = made

    class Broken(CampusOnAFriday):
        def registrar(self) -> object:
            class Nobody:
                def extract(self, days: list[date], tables: object) -> Iterator[Extract]:
                    raise RegistrarError("the registrar's system is away")

            return Nobody()

    assert not run(home, Broken(platform.settings), TODAY, TODAY, monkeypatch, ENROLLMENT_DAILY)
    pd.testing.assert_frame_equal(dump(platform)["enrollment/enrollment_snapshots"], before["enrollment/enrollment_snapshots"])


@pytest.mark.fault("E7")
def test_a_day_that_was_never_made_is_not_taken_for_a_day_without_rows(
    made: tuple[Path, Platform, dict[str, pd.DataFrame]],
) -> None:
    _, platform, before = made
    defs = build_defs(platform.settings, platform=platform)
    marts = [dg.AssetKey(["success", name]) for name in ("student_risk_daily", "course_summary_daily")]
    job = defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        done = job.execute_in_process(instance=instance, asset_selection=marts, partition_key="2026-11-09", raise_on_error=False)
    assert not done.success
    (failure,) = [event for event in done.all_events if event.is_step_failure]
    assert "success/features has not been made for 2026-11-09" in str(failure.step_failure_data.error)
    pd.testing.assert_frame_equal(dump(platform)["success/student_risk_daily"], before["success/student_risk_daily"])


@pytest.mark.fault("A1")
def test_the_demo_gives_way_to_real_files_and_real_files_to_nothing(tmp_path: Path) -> None:
    demo = installation(tmp_path)
    demo.claim()
    demo.lake.remember("fact", "of the demo")
    real = installation(tmp_path, oulad_data=str(tmp_path))
    real.claim()
    assert real.lake.remember("fact", "of the files") == "of the files"
    with pytest.raises(SettingsError, match="holds tables of the OULAD files"):
        installation(tmp_path).claim()


def test_a_report_of_a_day_rests_on_outcomes_known_that_day(made: tuple[Path, Platform, dict[str, pd.DataFrame]]) -> None:
    _, platform, tables = made
    courses = platform.campus().tables()["courses"]
    ends = courses["start_date"] + pd.to_timedelta(courses["module_presentation_length"].astype(int), unit="D")
    closed = set(courses.loc[ends < pd.Timestamp(TODAY), "code_presentation"])
    panel, metrics = tables["success/training_panel"], tables["success/model_evaluation"]
    assert set(panel["code_presentation"]) == closed
    assert (panel["known_from"] <= pd.Timestamp(TODAY)).all()
    known = ends.groupby(courses["code_presentation"]).max() + pd.Timedelta(days=1)
    strict = metrics[metrics["evaluation"] == "next_cohort"]
    assert len(strict) > 0
    assert (strict["known_from"] == strict["tested_cohort"].map(known)).all()
    assert (metrics["known_from"] <= pd.Timestamp(TODAY)).all()


@pytest.mark.fault("G4")
def test_new_alerts_are_told_once_and_history_is_not(made: tuple[Path, Platform, dict[str, pd.DataFrame]]) -> None:
    _, platform, tables = made
    repository = build_defs(platform.settings, platform=platform).get_repository_def()
    sensor = repository.get_sensor_def("waiting_messages")
    fired = tables["success/risk_alerts"]
    told = {name for name in platform.outbox.ids() if name in set(fired["alert_id"])}
    recent = fired.query("alert_date >= '2026-11-18'").groupby(["alert_type", "scope"]).ngroups
    assert 0 < len(told) <= recent < len(fired)
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, repository_def=repository, resources={"platform": platform})
        assert not sensor.evaluate_tick(context).run_requests
