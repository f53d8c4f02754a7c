"""Contacts and advisers as an installation gets them, and the lists that go to advisers: files, mails, nothing of yesterday."""

from __future__ import annotations

import csv
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest

from oulad_platform.core.messages import subject_and_text
from oulad_platform.core.outreach import ADVISERS, INTERVENTIONS
from oulad_platform.definitions import build_defs
from oulad_platform.defs import experiment_desk
from oulad_platform.defs.caseload import CASELOAD, FOLDER
from oulad_platform.defs.resources import Platform
from oulad_platform.defs.success import DIM_COURSE, RISK
from oulad_platform.settings import Settings
from oulad_platform.success.caseload.ranking import CaseloadRules, caseload
from oulad_platform.success.experiments.analysis import held_out
from oulad_platform.success.experiments.design import DesignError
from oulad_platform.success.experiments.tables import EXPERIMENT_ARMS, EXPERIMENT_DESIGNS, EXPERIMENT_LOOKS, EXPERIMENT_STOPS
from oulad_platform.success.marts import dim_course
from oulad_platform_tests.success.campus import courses
from oulad_platform_tests.success.caseload.lists import DAY, advisers, contacts, risks

HEADER = "id_student,contacted_on,adviser,channel,outcome\n"
GOOD = HEADER + "11391,2026-11-20,Ada,call,reached\n"
NOBODY = contacts()
COURSES = courses(*[(module, "2026J", 240, "2026-09-28") for module in ("AAA", "BBB", "CCC")])


class OnAMonday(Platform):
    """The installation on DAY, whatever the clock says."""

    def today(self) -> date:
        return DAY


def at(home: Path, **settings: Any) -> Platform:
    places = {name: str(home / name.split("_")[0]) for name in ("lake_uri", "artifacts_uri", "outbox_uri")}
    common = {"database_url": f"sqlite:///{home / 'oulad.db'}", "oulad_data": str(home)}
    platform = OnAMonday(Settings(**{**places, **common, **settings}))
    platform.database.replace(DIM_COURSE.table, dim_course(COURSES, DIM_COURSE.table.empty()))
    return platform


def make(platform: Platform, key: str) -> dg.ExecuteInProcessResult:
    job = build_defs(platform.settings, platform=platform).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        return job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(key.split("/"))], raise_on_error=False)


def check(result: dg.ExecuteInProcessResult) -> tuple[bool, str]:
    (found,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "every_file_was_read"]
    return found.passed, str(found.metadata["findings"].value)


def test_the_files_are_the_record(tmp_path: Path) -> None:
    platform = at(tmp_path, interventions=str(tmp_path / "contacts.csv"))
    (tmp_path / "contacts.csv").write_text(GOOD)
    assert check(make(platform, "sources/interventions")) == (True, "none")
    assert platform.database.read(INTERVENTIONS)["id_student"].tolist() == [11391]
    (tmp_path / "contacts.csv").write_text(HEADER)
    assert make(platform, "sources/interventions").success
    assert platform.database.read(INTERVENTIONS).empty


@pytest.mark.fault("A8")
@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (GOOD + "28400,2026-11-21,Ada,fax,reached\n", "contacts.csv, row 3, channel: is not one of"),
        (GOOD + "28400,2026-11-21,28400,28400,reached\n", "contacts.csv, row 3, channel: is not one of"),
        (GOOD + "28400x,2026-11-21,Ada,call,reached\n", "contacts.csv, row 3, id_student"),
        (None, "does not exist"),
    ],
)
def test_a_bad_line_keeps_the_stored_record_fails_the_check_and_stops_nothing(
    broken: str | None, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "contacts.csv"
    platform = at(tmp_path, interventions=str(file))
    file.write_text(GOOD)
    make(platform, "sources/interventions")
    file.unlink() if broken is None else file.write_text(broken)
    result = make(platform, "sources/interventions")
    passed, findings = check(result)
    assert result.success
    assert not passed
    assert told in findings
    assert "28400" not in findings
    assert platform.database.read(INTERVENTIONS)["id_student"].tolist() == [11391]


def test_a_bad_line_about_advisers_keeps_those_there_were(tmp_path: Path) -> None:
    file = tmp_path / "advisers.csv"
    platform = at(tmp_path, advisers=str(file))
    file.write_text("adviser,code_module,capacity\nAda,AAA,20\n")
    assert check(make(platform, "sources/advisers")) == (True, "none")
    file.write_text("adviser,code_module,capacity\nAda,AAA,none\n")
    assert not check(make(platform, "sources/advisers"))[0]
    assert platform.database.read(ADVISERS)["capacity"].tolist() == [20]


def test_without_files_the_tables_are_the_record_and_stay_as_others_wrote_them(tmp_path: Path) -> None:
    platform = at(tmp_path)
    platform.database.replace(INTERVENTIONS, contacts((1, 3, "reached")))
    platform.database.replace(ADVISERS, advisers(("Ada", "AAA", 20)))
    for of in (INTERVENTIONS, ADVISERS):
        before = platform.database.read(of)
        assert check(make(platform, f"sources/{of.name}")) == (True, "none")
        pd.testing.assert_frame_equal(platform.database.read(of), before)
        assert len(before) == 1


def test_the_demos_contacts_do_not_stay_beside_real_ones(tmp_path: Path) -> None:
    demo = at(tmp_path, oulad_data=None, pipeline_demo_mode=True)
    assert make(demo, "sources/interventions").success
    assert len(demo.database.read(INTERVENTIONS)) > 10
    real = at(tmp_path)
    assert make(real, "sources/interventions").success
    assert real.database.read(INTERVENTIONS).empty


ADDRESSES = ["ada@example.org", "zoe@example.org", "x@example.org"]
WHO = advisers(("Ada", "AAA", 5), ("Zoë", "BBB", 5), ("." + "x" * 99, "CCC", 5)).assign(email=ADDRESSES)


def listed(
    platform: Platform, risk: pd.DataFrame, day: date = DAY, *, who: pd.DataFrame = WHO, succeeds: bool = True
) -> dg.ExecuteInProcessResult:
    """The lists after a day on which these were scored."""
    risk = risk.assign(run_date=pd.Timestamp(day))
    platform.database.replace(ADVISERS, ADVISERS.conform(who))
    platform.database.replace_days(RISK.table, risk, [day])
    platform.database.replace_days(CASELOAD.table, caseload(risk, who, NOBODY, (), day, CaseloadRules()), [day])
    result = make(platform, "success/caseload_lists")
    assert result.success is succeeds
    return result


def files(platform: Platform) -> dict[str, list[str]]:
    """The students in each list's file."""
    return {
        name: [row["id_student"] for row in csv.DictReader(platform.artifacts.get(f"{FOLDER}/{name}.csv").decode().splitlines())]
        for name in platform.artifacts.names(FOLDER, ".csv")
    }


def subjects(home: Path) -> list[str]:
    return sorted(subject_and_text(path.read_bytes())[0] for path in (home / "outbox").rglob("caseload-*.eml"))


ONE = risks((1, "AAA", 0.9), (2, "BBB", 0.2))


@pytest.mark.fault("H8", "H7")
def test_each_adviser_has_a_file_and_a_mail_whatever_the_name_and_however_short_the_list(tmp_path: Path) -> None:
    platform = at(tmp_path)
    listed(platform, ONE)
    assert [(name[:4], students) for name, students in files(platform).items()] == [("Ada", ["1"]), ("Zoe-", []), ("xxxx", [])]
    assert subjects(tmp_path) == [
        "Demo University: 1 student to contact on 2026-11-23",
        "Demo University: No students to contact on 2026-11-23",
        "Demo University: No students to contact on 2026-11-23",
    ]


@pytest.mark.fault("G6")
def test_an_address_that_is_none_fails_after_all_other_lists_were_sent(tmp_path: Path) -> None:
    platform = at(tmp_path)
    result = listed(
        platform, ONE, who=WHO.assign(email=WHO["email"].mask(WHO["adviser"] == "Ada", "ada@@example.org")), succeeds=False
    )
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    told = str(failure.step_failure_data.error)
    assert "The e-mail of A… (3 characters) in the table advisers is no address" in told
    assert "ada@@example.org" not in told
    assert len(files(platform)) == 3
    assert len(subjects(tmp_path)) == 2


def test_yesterdays_students_are_on_no_list_of_a_day_without_any_and_who_left_has_no_list(tmp_path: Path) -> None:
    platform = at(tmp_path)
    listed(platform, ONE, date(2026, 11, 22))
    assert files(platform)["Ada"] == ["1"]
    assert subjects(tmp_path) == []
    listed(platform, risks((1, "AAA", 0.2)), who=WHO.iloc[:2])
    assert list(files(platform).values()) == [[], []]
    assert subjects(tmp_path) == ["Demo University: No students to contact on 2026-11-23"] * 2


def test_on_a_day_on_which_nobody_is_scored_nobody_is_mailed(tmp_path: Path) -> None:
    platform = at(tmp_path)
    listed(platform, ONE, date(2026, 11, 22))
    listed(platform, risks())
    assert list(files(platform).values()) == [[], [], []]
    assert subjects(tmp_path) == []


DESIGN: dict[str, Any] = {
    "by": "Ada",
    "population": "all",
    "modules": (),
    "outcome": "passed",
    "horizon_days": None,
    "base_rate": 0.5,
    "hypothesis": "A call a week; more students pass.",
}


class Ended(OnAMonday):
    def calendar_day(self, today: date) -> date:
        return date(2026, 11, 20)


class Running(OnAMonday):
    def calendar_day(self, today: date) -> date:
        return today


@pytest.mark.parametrize(
    ("campus", "scored", "told"),
    [
        (Running, None, "nobody is scored yet; score today first: oulad run --first 2026-11-23 --last 2026-11-23"),
        (Running, date(2026, 11, 22), "the newest scores are of 2026-11-22, today is 2026-11-23; score today first"),
        (Ended, date(2026, 11, 20), "the data's calendar ended on 2026-11-20: nobody is scored today"),
    ],
)
def test_an_experiment_begins_with_the_scores_of_today_or_not_at_all(
    campus: type[Platform], scored: date | None, told: str, tmp_path: Path
) -> None:
    platform = campus(at(tmp_path).settings)
    if scored:
        platform.database.replace_days(RISK.table, ONE.assign(run_date=pd.Timestamp(scored)), [scored])
    with pytest.raises(experiment_desk.UnknownExperimentError, match=re.escape(told)):
        experiment_desk.start(platform, "calls", **DESIGN)
    assert platform.database.read(EXPERIMENT_DESIGNS).empty


def test_todays_list_made_again_after_an_experiment_began_is_the_same_and_tomorrows_leaves_the_controls_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = at(tmp_path)
    many = risks(*[(n, "AAA", 0.9) for n in range(1, 11)])
    platform.database.replace_days(RISK.table, many, [DAY])
    monkeypatch.setattr(experiment_desk, "_looks", lambda platform: EXPERIMENT_LOOKS.empty())
    experiment_desk.start(platform, "calls", **DESIGN)
    tables = [platform.database.read(table) for table in (EXPERIMENT_DESIGNS, EXPERIMENT_ARMS, EXPERIMENT_STOPS)]
    assert tables[0]["assigned_on"].tolist() == [pd.Timestamp(DAY)]
    assert held_out(*tables, EXPERIMENT_LOOKS.empty(), DAY) == set()
    assert len(held_out(*tables, EXPERIMENT_LOOKS.empty(), DAY + timedelta(days=1))) == 5
    with pytest.raises(DesignError, match="2 students or more"):  # those of an experiment join no other on its first day
        experiment_desk.start(platform, "letters", **DESIGN)
