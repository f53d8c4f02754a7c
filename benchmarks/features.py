"""The weekly training panel of full OULAD size, and one day of all running presentations, beside tuned pandas group-bys.

usage: python benchmarks/features.py FOLDER [--rows 10655280]

FOLDER holds the seven CSVs. Every presentation is repeated once under a further module code and written as the platform keeps
it. The panel is made of as many of them as have the rows of clicks asked for, on every seventh day; the day is one on which the
most enrolments are live, of all presentations. The reference computes the features it names with group-bys on integer keys, one
presentation after the other; a few of ours it leaves out, and none is extra. Each way runs in a process of its own and pays for
imports and reading. Exit code 1 when a feature's sum differs between the two, above the share of the reference's CPU time, the
peak or the seconds allowed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from ingest import FULL_ROWS, TIMES, enlarge

BUDGET_RATIO, BUDGET_MIB, BUDGET_DAY_SECONDS = 0.45, 600, 2.0
DAY = "2014-03-03"
WARM = """
import json, resource, time
def used():
    use = resource.getrusage(resource.RUSAGE_SELF)
    return use.ru_utime + use.ru_stime, use.ru_maxrss / 1024
"""
PLATFORM = """
import numpy as np
from oulad_platform.sources.tables import SMALL_TABLES, STUDENT_VLE
from oulad_platform.storage.lake import Lake
from oulad_platform.success.features.assembly import daily_features, presentation_features
from oulad_platform.success.features.catalogue import FEATURE_NAMES
from oulad_platform.success.presentation import CLICK_COLUMNS, elsewhere, presentations
lake = Lake(r"{lake}")
tables = {{table.name: lake.read("sources", table) for table in SMALL_TABLES}}
parts = lake.parts("sources", STUDENT_VLE, CLICK_COLUMNS)
"""
PANEL = """
chosen = json.loads('{chosen}')
names = tables["courses"]["code_module"] + "_" + tables["courses"]["code_presentation"]
courses = tables["courses"][names.isin(chosen)]
others = elsewhere(tables)
sums, n_rows = dict.fromkeys(FEATURE_NAMES, 0.0), 0
for one in presentations({{**tables, "courses": courses}}, parts):
    rows = presentation_features(one, range(0, one.length + 1, 7), others)
    n_rows += len(rows)
    for name in FEATURE_NAMES:
        sums[name] += float(np.nansum(rows[name], dtype="float64"))
print(json.dumps([*used(), n_rows, sums]))
"""
ONE_DAY = """
import pandas
before, started = used()[0], time.perf_counter()
rows = daily_features(tables, parts, pandas.DatetimeIndex(["{day}"]))
print(json.dumps([used()[0] - before, used()[1], len(rows), time.perf_counter() - started]))
"""
REFERENCE = """
from features_reference import panel
n_rows, sums = panel(r"{lake}", json.loads('{chosen}'))
print(json.dumps([*used(), n_rows, sums]))
"""


def build(source: Path, target: Path) -> dict[str, int]:
    """The lake of every presentation twice; the rows of clicks of each."""
    from oulad_platform.sources.oulad import OuladFiles
    from oulad_platform.sources.tables import SMALL_TABLES, STUDENT_VLE
    from oulad_platform.storage.lake import Lake

    with (source / "studentVle.csv").open("rb") as lines:
        n_rows = sum(1 for _ in lines) - 1
    folder = target / "csv"
    folder.mkdir()
    enlarge(source, folder, 2 * n_rows)
    files, lake = OuladFiles(str(folder)), Lake(str(target / "lake"))
    tables = files.tables()
    for table in SMALL_TABLES:
        lake.replace("sources", table, tables[table.name])
    return lake.replace_parts("sources", STUDENT_VLE, files.clicks(tables))


def run(program: str, **names: str) -> list:
    code = WARM + program.format(**names)
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parent)
    return json.loads(done.stdout)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--rows", type=int, default=FULL_ROWS)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        with ProcessPoolExecutor(1, get_context("spawn")) as aside:  # a child's peak starts at its parent's size
            rows = aside.submit(build, given.folder, Path(folder)).result()
        chosen, n_clicks = [], 0
        for name, n in sorted(rows.items(), key=lambda item: item[1]):
            if n_clicks + n <= given.rows:
                chosen, n_clicks = [*chosen, name], n_clicks + n
        names = {"lake": str(Path(folder, "lake")), "chosen": json.dumps(chosen), "day": DAY}
        print(f"panel: {len(chosen)} presentations, {n_clicks:,} rows of clicks")
        theirs, ours, days = [], [], []
        for _ in range(TIMES):
            theirs.append(run(REFERENCE, **names))
            ours.append(run(PLATFORM + PANEL, **names))
            days.append(run(PLATFORM + ONE_DAY, **names))
    reference, own = min(one[0] for one in theirs), min(one[0] for one in ours)
    peak, their_peak = (max(one[1] for one in runs) for runs in (ours, theirs))
    n_rows, sums = ours[0][2:]
    differing = [name for name, total in theirs[0][3].items() if abs(total - sums[name]) > 1e-4 * max(1, abs(total))]
    same = n_rows == theirs[0][2] and not differing
    print(f"pandas:   {len(theirs[0][3])} features, {reference:5.2f} CPU s, {their_peak:5.0f} MiB")
    print(f"platform: {len(sums)} features, {own:5.2f} CPU s, {peak:5.0f} MiB, {n_rows:,} rows")
    print("sums: equal" if same else f"sums: {theirs[0][2]:,} rows by the reference; other sums: {differing}")
    seconds = min(one[3] for one in days)
    print(f"one day: {days[0][2]:,} live enrolments, {min(one[0] for one in days):.2f} CPU s, {seconds:.2f} s from the lake")
    ratio = own / reference
    print(f"ratio {ratio:.2f} (budget {BUDGET_RATIO}), peak {peak:.0f} MiB (budget {BUDGET_MIB})")
    print(f"one day {seconds:.2f} s (budget {BUDGET_DAY_SECONDS})")
    return 0 if same and ratio <= BUDGET_RATIO and peak <= BUDGET_MIB and seconds <= BUDGET_DAY_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
