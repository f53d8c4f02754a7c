"""A year of enrolment: deltas and metrics of 365 snapshots of 50,000 students against day-by-day Python sets on pandas frames.

    python benchmarks/enrollment.py

The snapshots (40 programs, .5 % of the students change a day, two terms, written as the lake writes them) go to a folder that
is removed afterwards. Each side runs in a process of its own; its CPU seconds and peak memory include reading the files. The
reference counts the changes and the enrolments by program, division and level; the platform writes all its columns and
scopes. Exit code 1 when the counts differ, above .2 of the reference's CPU time, or above 500 MiB.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import click
import numpy as np
import pandas as pd

from oulad_platform.enrollment.history import with_history
from oulad_platform.enrollment.metrics import daily_changes
from oulad_platform.enrollment.numbered import LABELS, SNAPSHOT_COLUMNS
from oulad_platform.enrollment.tables import ENROLLMENT_SNAPSHOTS
from oulad_platform.storage.lake import Lake

STUDENTS, DAYS, PROGRAMS, FIRST = 50_000, 365, 40, date(2025, 7, 1)
CHURN, MOVES = 0.005, 0.0005
GOAL, PEAK_MIB = 0.2, 500
LINE = "enrollment"
LEVELS = np.array(["Bachelor", "Master", "Doctorate"])
TERMS = (("2025B", date(2025, 7, 1), date(2025, 12, 31)), ("2026A", date(2026, 1, 1), date(2026, 6, 30)))


def generate(folder: Path) -> None:
    random, lake = np.random.default_rng(0), Lake(str(folder))
    number = np.sort(random.choice(10**8, STUDENTS, replace=False))
    program, first = random.integers(0, PROGRAMS, STUDENTS), np.full(STUDENTS, np.datetime64(FIRST) - 200)
    for offset in range(DAYS):
        day = FIRST + timedelta(days=offset)
        lake.replace_days(LINE, ENROLLMENT_SNAPSHOTS, snapshot(day, number, program, first), [day])
        stays = random.random(len(number)) >= CHURN / 2
        n_new = STUDENTS - np.count_nonzero(stays)
        new = np.setdiff1d(random.choice(10**8, n_new), number)
        number = np.concatenate([number[stays], new])
        program = np.concatenate([program[stays], random.integers(0, PROGRAMS, len(new))])
        first = np.concatenate([first[stays], np.full(len(new), np.datetime64(day) + 1)])
        moves = random.random(len(number)) < MOVES
        program[moves] = random.integers(0, PROGRAMS, np.count_nonzero(moves))
        order = np.argsort(number)
        number, program, first = number[order], program[order], first[order]


def snapshot(day: date, number: np.ndarray, program: np.ndarray, first: np.ndarray) -> pd.DataFrame:
    term, start, end = TERMS[day >= TERMS[1][1]]
    text = np.char.zfill(number.astype("str"), 8)
    return ENROLLMENT_SNAPSHOTS.conform(
        pd.DataFrame(
            {
                "snapshot_date": pd.Timestamp(day),
                "student_id": text,
                "student_name": np.char.add("Student ", text),
                "division": np.char.add("Division ", (program // 8).astype("str")),
                "program": np.char.add("Program ", program.astype("str")),
                "level": LEVELS[number % 3],
                "status": "active",
                "term": term,
                "term_start_date": pd.Timestamp(start),
                "term_end_date": pd.Timestamp(end),
                "first_enrolled_date": first,
            }
        )
    )


def platform(folder: Path) -> dict[str, int]:
    stored = Lake(str(folder)).daily(LINE, ENROLLMENT_SNAPSHOTS, SNAPSHOT_COLUMNS, LABELS)
    days = sorted(stored)
    deltas, base = daily_changes(stored, days)
    total = with_history(base, days).query("scope == 'total'")
    moves = (deltas["change"] == "moved") & (deltas["attribute"] == "program")
    new, dropped = int(total["new_students"].sum()), int(total["dropped_students"].sum())
    return {"new": new, "dropped": dropped, "moved": int(moves.sum()), "enrolments": int(total["total_enrollment"].sum())}


def reference(folder: Path) -> dict[str, int]:
    files = sorted((folder / LINE / ENROLLMENT_SNAPSHOTS.name).glob("*.parquet"))
    counts = dict.fromkeys(("new", "dropped", "moved", "enrolments"), 0)
    before: dict[str, str] = {}
    terms_before: set[str] = set()
    for position, file in enumerate(files):
        frame = pd.read_parquet(file)
        program_of = dict(zip(frame["student_id"], frame["program"], strict=True))
        today, yesterday = set(program_of), set(before)
        terms = set(frame["term"])
        if position and terms == terms_before:  # the first day of a term is a baseline: nobody is new, the old term is completed
            counts["new"] += len(today - yesterday)
            counts["dropped"] += len(yesterday - today)
            counts["moved"] += sum(before[student] != program_of[student] for student in today & yesterday)
        counts["enrolments"] += len(frame)
        for scope in ("program", "division", "level"):
            frame.groupby(scope).size()
        before, terms_before = program_of, terms
    return counts


def measured(side: str, folder: Path) -> dict[str, int]:
    started = time.process_time()
    result = {"platform": platform, "reference": reference}[side](folder)
    cpu = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {**result, "cpu_ms": round(cpu * 1000), "peak_mib": peak}


def main() -> int:
    sides = {}
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        for side in ("platform", "reference"):
            run = subprocess.run([sys.executable, __file__, side, folder], check=True, capture_output=True, text=True)
            sides[side] = json.loads(run.stdout)
            click.echo(f"{side}: {sides[side]['cpu_ms'] / 1000:.1f} CPU s, {sides[side]['peak_mib']} MiB at most")
    ours, theirs = ({k: v for k, v in side.items() if k not in ("cpu_ms", "peak_mib")} for side in sides.values())
    ratio = sides["platform"]["cpu_ms"] / sides["reference"]["cpu_ms"]
    click.echo(f"counts: {ours}" + ("" if ours == theirs else f", but the reference says {theirs}"))
    click.echo(f"ratio: {ratio:.3f} (goal: at most {GOAL}; {PEAK_MIB} MiB)")
    return 0 if ours == theirs and ratio <= GOAL and sides["platform"]["peak_mib"] <= PEAK_MIB else 1


if __name__ == "__main__":
    if len(sys.argv) > 1:
        click.echo(json.dumps(measured(sys.argv[1], Path(sys.argv[2]))))
    else:
        sys.exit(main())
