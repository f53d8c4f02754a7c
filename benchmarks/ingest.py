"""studentVle.csv to typed parquet, one file per presentation, beside plain pandas: CPU seconds, their ratio, peak memory.

usage: python benchmarks/ingest.py FOLDER [--rows 10655280]

FOLDER holds the seven CSVs. Presentations are repeated under further module codes, in a temporary folder, until studentVle
has the rows asked for; the small files get the presentations that are repeated, and no others. Each way runs in a process
of its own and pays for its imports.
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

import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv

STEMS = ("courses", "assessments", "vle", "studentInfo", "studentRegistration", "studentAssessment", "studentVle")
COURSE = ["code_module", "code_presentation"]
FULL_ROWS = 10_655_280
TIMES = 3  # in turns; the least CPU of each counts, for a busy neighbour only ever adds
BUDGET_RATIO, BUDGET_MIB = 0.85, 600
PANDAS = """
import pandas
pandas.read_csv(r"{source}/studentVle.csv").to_parquet(r"{target}/studentVle.parquet")
"""
PLATFORM = """
from oulad_platform.sources.oulad import OuladFiles
from oulad_platform.sources.tables import STUDENT_VLE
from oulad_platform.storage.lake import Lake
files = OuladFiles(r"{source}")
Lake(r"{target}").replace_parts("sources", STUDENT_VLE, files.clicks(files.tables()))
"""


def enlarge(source: Path, target: Path, n_rows: int) -> None:
    """The seven files in `target`, with modules repeated under a further letter until studentVle has `n_rows` rows."""
    read = {stem: pd.read_csv(source / f"{stem}.csv", dtype="str", keep_default_na=False) for stem in STEMS}
    write(read["studentVle"][:n_rows], target / "studentVle.csv", "w")
    stems = [stem for stem in STEMS if stem != "studentVle"]
    for stem in stems:
        write(read[stem], target / f"{stem}.csv", "w")
    missing = n_rows - len(read["studentVle"])
    for letter in "XYZ":
        if missing <= 0:
            return
        clicks = read["studentVle"][:missing]
        write(again(clicks, letter), target / "studentVle.csv", "a")
        repeated = clicks[COURSE].drop_duplicates()
        assessments = read["assessments"].merge(repeated, on=COURSE)["id_assessment"]
        for stem in stems:
            rows = read[stem]
            of_these = rows.merge(repeated, on=COURSE) if "code_module" in rows else rows[rows["id_assessment"].isin(assessments)]
            write(again(of_these, letter), target / f"{stem}.csv", "a")
        missing -= len(read["studentVle"])


def again(rows: pd.DataFrame, letter: str) -> pd.DataFrame:
    """The rows as those of further modules: AAA becomes AAAX; sites and assessments, which are unique, get further numbers."""
    further = {}
    if "code_module" in rows:
        further["code_module"] = rows["code_module"] + letter
    for column in ("id_site", "id_assessment"):
        if column in rows:
            further[column] = (rows[column].astype("int32") + 2_000_000 * ("XYZ".index(letter) + 1)).astype("str")
    return rows.assign(**further)


def write(rows: pd.DataFrame, path: Path, mode: str) -> None:
    with path.open(mode + "b") as stream:
        options = arrow_csv.WriteOptions(include_header=mode == "w", quoting_style="all_valid")
        arrow_csv.write_csv(pa.Table.from_pandas(rows, preserve_index=False), stream, options)


def measure(program: str) -> tuple[float, float]:
    """CPU seconds and peak MiB of a Python process that runs the program."""
    code = program + "\nimport json, resource; use = resource.getrusage(resource.RUSAGE_SELF)\n"
    code += "print(json.dumps([use.ru_utime + use.ru_stime, use.ru_maxrss / 1024]))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    seconds, peak = json.loads(done.stdout)
    return seconds, peak


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--rows", type=int, default=FULL_ROWS)
    chosen = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "csv"), Path(folder, "out")
        source.mkdir()
        target.mkdir()
        with ProcessPoolExecutor(1, get_context("spawn")) as aside:  # a child's peak starts at its parent's size
            aside.submit(enlarge, chosen.folder, source, chosen.rows).result()
        size = (source / "studentVle.csv").stat().st_size
        print(f"studentVle.csv: {chosen.rows:,} rows, {size / 1e6:.0f} MB")
        theirs, own = [], []
        for _ in range(TIMES):
            theirs.append(measure(PANDAS.format(source=source, target=target)))
            own.append(measure(PLATFORM.format(source=source, target=target)))
    (seconds, peak), (ours, our_peak) = ([min(run[0] for run in runs), max(run[1] for run in runs)] for runs in (theirs, own))
    print(f"pandas:   {seconds:5.2f} CPU s, {peak:5.0f} MiB")
    print(f"platform: {ours:5.2f} CPU s, {our_peak:5.0f} MiB")
    ratio = ours / seconds
    print(f"ratio {ratio:.2f} (budget {BUDGET_RATIO}), peak {our_peak:.0f} MiB (budget {BUDGET_MIB})")
    return 0 if ratio <= BUDGET_RATIO and our_peak <= BUDGET_MIB else 1


if __name__ == "__main__":
    sys.exit(main())
