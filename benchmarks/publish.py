"""Publishing to PostgreSQL: 1,000,000 rows through `Database.replace` against `DataFrame.to_sql` with its defaults.

    python benchmarks/publish.py postgresql://user@host/database

`to_sql` writes 100,000 of the rows and its time is taken times ten. Makes and drops two tables; exit code 1 under 10 times.
"""

from __future__ import annotations

import sys
import time

import click
import numpy as np
import pandas as pd
import sqlalchemy as sa

from oulad_platform.core.tables import Column, Table
from oulad_platform.storage.database import Database

ROWS, TO_SQL_ROWS, GOAL = 1_000_000, 100_000, 10
TABLE = Table(
    "benchmark_publish",
    "One row per student and day.",
    (
        Column("run_date", "date", "The day."),
        Column("id_student", "int32", "The student.", minimum=0),
        Column("code_module", "text", "Module."),
        Column("code_presentation", "text", "Presentation."),
        Column("risk_score", "float64", "Probability.", "probability", minimum=0, maximum=1),
        Column("risk_band", "text", "Band.", allowed=("low", "high")),
        Column("high_risk_flag", "bool", "Flag."),
        Column("model_version", "text", "Model."),
    ),
    key=("run_date", "id_student"),
    day="run_date",
)


def rows() -> pd.DataFrame:
    risk = np.random.default_rng(0).random(ROWS)
    number = np.arange(ROWS)
    return TABLE.conform(
        pd.DataFrame(
            {
                "run_date": pd.Timestamp("2014-01-01") + pd.to_timedelta(number // 10_000, unit="D"),
                "id_student": number % 10_000,
                "code_module": "AAA",
                "code_presentation": "2013J",
                "risk_score": risk,
                "risk_band": np.where(risk > 0.5, "high", "low"),
                "high_risk_flag": risk > 0.25,
                "model_version": "v1",
            }
        )
    )


def main(url: str) -> int:
    frame, database = rows(), Database(url)
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg2"))
    try:
        database.create([TABLE])
        started = time.perf_counter()
        database.replace(TABLE, frame)
        published = time.perf_counter() - started
        started = time.perf_counter()
        frame.head(TO_SQL_ROWS).to_sql("benchmark_to_sql", engine, index=False, if_exists="replace")
        to_sql = (time.perf_counter() - started) * ROWS / TO_SQL_ROWS
        started = time.perf_counter()
        database.read(TABLE)
        read = time.perf_counter() - started
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text("DROP TABLE IF EXISTS benchmark_publish, benchmark_to_sql"))
    ratio = to_sql / published
    click.echo(f"replace, keyed and checked: {published:.1f} s for {ROWS:,} rows; read back: {read:.1f} s")
    click.echo(f"to_sql, default: {to_sql:.1f} s (measured on {TO_SQL_ROWS:,} rows, times {ROWS // TO_SQL_ROWS})")
    click.echo(f"ratio: {ratio:.1f} (goal: at least {GOAL})")
    return 0 if ratio >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
