"""Trains and evaluates every version on the real OULAD cohorts, and writes all figures to docs/evaluation.md.

    python benchmarks/evaluation.py FOLDER [--first-day 1] [--cohorts 2013B,2013J] [--report docs/evaluation.md]

FOLDER holds the seven official tables, as CSV or as parquet. The panel is weekly from the first day on, and cohorts are tested
14, 28, 42, 56 and 84 days after it (where click totals are rebuilt through day 14, features of day 15 carry them: --first-day 1).
With --cohorts the others are left aside, so that a choice can be made before the last one is tested. Pictures go to images/
beside the report. Prints seconds and peak memory of each step; exit code 1 above 180 s or 3 GiB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import pandas as pd
import pyarrow.parquet as pq

from oulad_platform.core.calendar import end_dates, start_date
from oulad_platform.core.reports import markdown_table, markdown_text
from oulad_platform.sources.oulad import CLICKS_FILE, SMALL_FILES, OuladFiles
from oulad_platform.sources.tables import COURSES, STUDENT_VLE
from oulad_platform.storage.lake import Lake
from oulad_platform.success.evaluation import charts
from oulad_platform.success.evaluation.ladder import ladder_risk
from oulad_platform.success.evaluation.latest import headline
from oulad_platform.success.evaluation.protocol import EVALUATION_DAYS, split_risk, together, trial_risk
from oulad_platform.success.evaluation.report import evaluation_markdown
from oulad_platform.success.evaluation.tabulation import calibration_curve, model_evaluation
from oulad_platform.success.model_tables import MODEL_DECISIONS, TRAINING_PANEL
from oulad_platform.success.modelling.cohorts import PANEL_DAYS, training_panel, versions
from oulad_platform.success.modelling.model import CHALLENGER, RiskModel, fit_versions, training_rows
from oulad_platform.success.oversight.fairness import AUDIT_DAYS, HELD_OUT, audited, model_fairness
from oulad_platform.success.registry import card_figures
from oulad_platform.success.registry.champions import model_registry, older_versions
from oulad_platform.success.registry.decisions import models_listed
from oulad_platform.success.registry.gates import scores_of

SECONDS, PEAK_GIB = 180, 3
SEED, SPLIT_WEEK = 7, 7
REPORT = Path(__file__).parents[1] / "docs" / "evaluation.md"
COLUMNS = ["code_module", "code_presentation", "id_student", "id_site", "date", "sum_click"]


def raw(folder: Path, aside: Path) -> tuple[dict[str, pd.DataFrame], Mapping[str, pd.DataFrame]]:
    """The six small tables, and the clicks of each presentation."""
    lake = Lake(str(aside))
    if (folder / f"{CLICKS_FILE}.csv").exists() or (folder / f"{CLICKS_FILE}.csv.gz").exists():
        files = OuladFiles(str(folder))
        tables = files.tables()
        lake.replace_parts("sources", STUDENT_VLE, files.clicks(tables))
        return tables, lake.parts("sources", STUDENT_VLE)
    tables = {}
    for stem, table in SMALL_FILES.items():
        rows = pd.read_parquet(folder / f"{stem}.parquet")
        if table is COURSES:
            starts = pd.to_datetime(rows["code_presentation"].map(start_date))
            rows = rows.assign(start_date=starts.astype("datetime64[us]"))
        tables[table.name] = table.conform(rows)
    clicks = STUDENT_VLE.conform(pq.read_table(folder / f"{CLICKS_FILE}.parquet", columns=COLUMNS).to_pandas())
    return tables, {"_".join(map(str, key)): rows for key, rows in clicks.groupby(COLUMNS[:2], sort=True)}


def only(tables: dict[str, pd.DataFrame], cohorts: list[str]) -> dict[str, pd.DataFrame]:
    """The tables without the other cohorts."""
    known = {
        name: rows[rows["code_presentation"].isin(cohorts)].reset_index(drop=True)
        for name, rows in tables.items()
        if "code_presentation" in rows
    }
    handed_in = tables["student_assessment"]
    own = handed_in[handed_in["id_assessment"].isin(known["assessments"]["id_assessment"])].reset_index(drop=True)
    return {**known, "student_assessment": own}


@contextmanager
def timed(step: str) -> Iterator[None]:
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    click.echo(f"{step:<22} {wall:6.1f} s, {cpu:6.1f} CPU s, {peak:.2f} GiB at most so far")


def write(report: Path, text: str, pictures: Mapping[str, bytes]) -> None:
    images = report.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    for name, content in pictures.items():
        (images / name).write_bytes(content)
    shown = "\n".join(f"![{name.removesuffix('.png').replace('_', ' ')}](images/{name})\n" for name in pictures)
    report.write_text(f"{text}\n## Pictures\n\n{shown}")


def pictures(evaluation: pd.DataFrame, curve: pd.DataFrame, models: Mapping[str, RiskModel]) -> dict[str, bytes]:
    """Calibration, AUC by day and the ladder of the newest tested cohort; the model with the most cohorts to learn from."""
    ladder = evaluation[evaluation["evaluation"].str.startswith("ladder_")]
    best = headline(evaluation, models)
    if not best:
        return {}
    cohort, version = best["tested_cohort"], best["model_version"] if ladder.empty else ladder["model_version"].iloc[0]
    tests = curve[curve["tested_cohort"].eq(cohort) & curve["model_version"].eq(version)]
    protocol = tests["evaluation"].iloc[0]
    return {
        "evaluation_auc.png": charts.auc_chart(evaluation, protocol, cohort),
        "evaluation_calibration.png": charts.calibration_chart(curve, protocol, cohort, version),
        "evaluation_ladder.png": charts.ladder_chart(evaluation),
    }


def gates(registry: pd.DataFrame) -> Iterator[str]:
    """Each version against the champion of the day before, on its newest cohort, and whether it was put in charge."""
    yield "## The gates\n"
    yield markdown_table(models_listed(registry).drop(columns=["Learnt from", "Decided by", "Why"]))
    reasons = registry.sort_values("trained_from")[["model_version", "reason"]].itertuples(index=False)
    yield "".join(f"- **{version}**: {markdown_text(reason)}\n" for version, reason in reasons)


def serves_all_alike(fairness: pd.DataFrame, models: Mapping[str, RiskModel]) -> Iterator[str]:
    """The audit of the newest model that was tested on a whole cohort, on that cohort."""
    tests = [row for row in fairness["model_version"].unique() if row in models and models[row].learner.kind != CHALLENGER]
    rows = fairness[fairness["model_version"].isin(tests) & fairness["evaluation"].ne(HELD_OUT)]
    if not rows.empty:
        newest = max(rows["model_version"].unique(), key=lambda version: models[version].trained_from)
        yield from card_figures.fairness(rows[rows["model_version"] == newest], {})


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--first-day", type=int, default=0)
    arguments.add_argument("--cohorts", type=lambda text: text.split(","), default=None)
    arguments.add_argument("--report", type=Path, default=REPORT)
    chosen = arguments.parse_args()
    started = time.perf_counter()
    days = [chosen.first_day + day for day in EVALUATION_DAYS]
    panel_days = [chosen.first_day + day for day in PANEL_DAYS]
    with TemporaryDirectory() as aside:
        lake = Lake(aside)
        with timed("read"):
            tables, clicks = raw(chosen.folder, Path(aside))
            tables = only(tables, chosen.cohorts) if chosen.cohorts else tables
        until = end_dates(tables["courses"]).max().date() + pd.Timedelta(days=1)
        with timed("panel"):
            parts = training_panel(tables, clicks, until, panel_days)
            chunks = ((name, TRAINING_PANEL.to_arrow(TRAINING_PANEL.conform(rows))) for name, rows in parts)
            n_rows = sum(lake.replace_parts("success", TRAINING_PANEL, chunks).values())
            panel = lake.parts("success", TRAINING_PANEL)
        with timed("training"):
            models, held_out = fit_versions(training_rows(panel.values()), versions(tables["courses"], until), seed=SEED)
        with timed("evaluation: ladder"):
            ladder = ladder_risk(panel, models, tables, clicks, SEED, days)
        with timed("evaluation: risks"):
            trials = trial_risk(panel, models, tables["courses"], days)
            split = split_risk(panel, models, SPLIT_WEEK, SEED, days)
        with timed("evaluation: figures"):
            tested = together([trials, split, ladder])
            curve = calibration_curve(tested)
            evaluation = model_evaluation(tested, tables["student_info"], tables["student_registration"], SEED)
        scores = scores_of(panel, models)
        with timed("fairness"):
            audit_days = [chosen.first_day + day for day in AUDIT_DAYS]
            rows = audited(trials, held_out, older_versions(models), scores, audit_days)
            fairness = model_fairness(rows, tables["student_info"], seed=SEED)
        with timed("registry"):
            registry, _ = model_registry(models, held_out, fairness, MODEL_DECISIONS.empty(), scores=scores, today=until)
    with timed("report"):
        options = f" --first-day {chosen.first_day}" if chosen.first_day else ""
        options += f" --cohorts {','.join(chosen.cohorts)}" if chosen.cohorts else ""
        command = f"python benchmarks/evaluation.py FOLDER{options}"
        text = evaluation_markdown(evaluation, curve, models, "How good the risk model is", command)
        text += "\n".join(["", *gates(registry), *serves_all_alike(fairness, models)])
        write(chosen.report, text, pictures(evaluation, curve, models))
    seconds, peak = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    click.echo(f"{n_rows:,} panel rows; {seconds:.0f} s (budget {SECONDS}), {peak:.2f} GiB at most (budget {PEAK_GIB})")
    return 0 if seconds <= SECONDS and peak <= PEAK_GIB else 1


if __name__ == "__main__":
    sys.exit(main())
