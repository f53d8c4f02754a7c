"""Whether a day's extract may become its snapshot: broken rows are left out and named, a doubtful day is held back. Pure.

An extract is what a registrar answered for one day: the columns of `enrollment_snapshots` without the day, as raw text (or
dates), duplicates and blanks kept. Where extracts come from, where they are kept and who is told live elsewhere.

Texts are trimmed and put into Unicode normal form NFC before anything is compared, so `S001` and `S001 ` are one student.
Compatibility forms are not folded (NFKC): full-width `Ｓ００１` is another identifier, since folding would also merge what
an institution may tell apart, such as `A²` and `A2`; a `student_id_pattern` such as `[A-Z0-9]+` refuses it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from oulad_platform.core.checks import ContractError, Finding
from oulad_platform.enrollment.broken_rows import ANY_TEXT, NAMES, REQUIRED, Breach, as_text, clean_rows, findings, repeats
from oulad_platform.enrollment.tables import ENROLLMENT_SNAPSHOTS, HELD_EXTRACTS


class QualityRules(BaseModel):
    """Section `quality` of platform.yaml: what an extract must be like to become its day's snapshot.

    Up to `max_missing_required`, `max_invalid_formats` and `max_duplicate_ids` broken rows are left out of the snapshot and
    the day goes on; more hold the day back. All limits but `max_rows` are about the rows that remain.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_rows: int = Field(1, ge=1, description="Fewer usable rows hold the day back.")
    max_rows: int | None = Field(None, ge=1, description="More rows in the extract hold the day back; unset: no limit.")
    max_change_pct: float = Field(
        30,
        gt=0,
        description="Change, up or down, of the terms that go on, and share of their identifiers that may be gone. percent",
    )
    change_from_rows: int = Field(20, ge=1, description="Below this many rows the day before, a percentage says too little.")
    max_duplicate_ids: int = Field(0, ge=0, description="Rows repeating a student and program that are tolerated.")
    max_missing_required: int = Field(0, ge=0, description="Rows lacking a required field that are tolerated.")
    max_invalid_formats: int = Field(0, ge=0, description="Rows with an unreadable field that are tolerated.")
    student_id_pattern: str = Field(ANY_TEXT, description="Regular expression that a whole student_id matches.")

    @field_validator("student_id_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from None
        return pattern

    @model_validator(mode="after")
    def _ordered(self) -> QualityRules:
        if self.max_rows is not None and self.max_rows < self.min_rows:
            raise ValueError(f"max_rows {self.max_rows} must not lie below min_rows {self.min_rows}")
        return self

    @property
    def tolerated(self) -> dict[str, int]:
        """Rows tolerated by rule."""
        return {
            "missing_required": self.max_missing_required,
            "invalid_format": self.max_invalid_formats,
            "duplicate_id": self.max_duplicate_ids,
        }


@dataclass(frozen=True, eq=False)
class Admission:
    """What became of an extract. `reasons` says in words, without personal values, why it is held back; empty: it is let in.

    `snapshot` conforms to `enrollment_snapshots` and holds the good rows; `findings` conforms to `data_quality_findings`.
    `n_rows` counts the extract's rows, broken ones too. `previous_rows` counts that day's rows of the terms that go on, and
    `change_pct` (percent) is how many more the day has; both are absent when there is nothing to compare with.
    """

    snapshot: pd.DataFrame
    findings: pd.DataFrame
    reasons: tuple[str, ...]
    n_rows: int
    previous_date: date | None = None
    previous_rows: int | None = None
    change_pct: float | None = None


def admit(
    rows: pd.DataFrame, day: date, rules: QualityRules, previous: pd.DataFrame | None, *, waived: bool = False
) -> Admission:
    """Judges the extract of `day` against the rules and the newest snapshot before it (None: there is none).

    - missing_required: an identifier, program, division, level, status or term that is blank or absent
    - invalid_format: an identifier that does not match the pattern; a date that is not ISO, or a term's end before its
      start; control characters in a text, or invisible ones in an identifier or program
    - duplicate_id: a student and program again, be it the same row or one that says otherwise; which of them is right cannot
      be decided, so where it is tolerated the first in the extract's order stays
    - count_limit: no or too few rows left, too many rows, or a change beyond `max_change_pct`

    The change compares the previous snapshot's rows whose term is not over by `day` with today's rows of the same terms. A
    term that was not there before is new and does not count, one that ended does not either. Where all terms without a last
    day are gone, the new terms stand for them. The same limit holds for the share of identifiers that are gone while their
    term is still there. Without the status column everybody is `active`.

    `waived`: no limit holds the day back; broken rows are left out and named all the same. Raises ContractError for columns
    that are missing or unknown, ValueError when `previous` is not one single earlier day.
    """
    _require_columns(rows, day)
    rows = rows.reset_index(drop=True)
    clean, breaches = clean_rows(rows, rules.student_id_pattern)
    good = _without(clean, breaches)
    again = repeats(good)
    if again:
        breaches.append(again)
        good = _without(clean, breaches)
    previous_date = _only_day_before(previous, day)
    reasons, limits = _beyond_tolerance(breaches, rules), _count_limits(len(rows), len(good), rules)
    before: int | None = None
    change: float | None = None
    if previous is not None and previous_date is not None:
        going_on, still = _terms_that_go_on(previous, good, day)
        before = len(going_on)
        change = 100 * (len(still) - before) / before if before else None
        limits += [] if waived else _change_limits(going_on, still, previous_date, rules)
    return Admission(
        snapshot=ENROLLMENT_SNAPSHOTS.conform(good.assign(snapshot_date=pd.Timestamp(day))),
        findings=findings(rows, day, breaches, limits, blocking=set() if waived else {*reasons, "count_limit"}),
        reasons=() if waived else (*reasons.values(), *limits),
        n_rows=len(rows),
        previous_date=previous_date,
        previous_rows=before,
        change_pct=change,
    )


def with_term_starts(rows: pd.DataFrame, start_dates: Mapping[str, date]) -> pd.DataFrame:
    """The extract's rows with the first day of each term that `start_dates` names, where the source itself does not say it."""
    if not start_dates or "term" not in rows:
        return rows
    named = rows["term"].str.strip().map({term: start.isoformat() for term, start in start_dates.items()})
    said = rows.get("term_start_date")
    if said is None:
        return rows.assign(term_start_date=named.astype("str"))
    return rows.assign(term_start_date=said.where(said.notna() & (said.astype("str").str.strip() != ""), named))


def held_rows(rows: pd.DataFrame, day: date) -> pd.DataFrame:
    """`held_extracts` of the day: the extract's rows as they came, dates as ISO text.

    A field that was empty or absent is an empty text; null in every row says that the extract had no such column.
    """
    held = {name: as_text(rows[name]).fillna("") if name in rows else None for name in NAMES}
    numbered = {"snapshot_date": pd.Timestamp(day), "row": np.arange(1, len(rows) + 1), **held}
    return HELD_EXTRACTS.conform(pd.DataFrame(numbered, index=rows.index))


def from_held(held: pd.DataFrame) -> pd.DataFrame:
    """The extract that `held_rows` keeps, ready to be judged again: `admit` answers as it did for the original."""
    ordered = held.sort_values("row", ignore_index=True)
    return ordered[[name for name in NAMES if name in _given() or ordered[name].notna().any()]]


def _given() -> list[str]:
    return [name for name in REQUIRED if name != "status"]


def _require_columns(rows: pd.DataFrame, day: date) -> None:
    where = f"extract for {day}"
    findings = [
        *(Finding(where, "is not there", column=name) for name in _given() if name not in rows),
        *(Finding(where, "is not a column of a snapshot", column=str(name)) for name in rows if name not in NAMES),
    ]
    if findings:
        raise ContractError(findings, "Correct the registrar's query or its column mapping, and run again.")


def _without(clean: pd.DataFrame, breaches: list[Breach]) -> pd.DataFrame:
    is_good = np.ones(len(clean), dtype=bool)
    for breach in breaches:
        is_good[breach.rows] = False
    return clean if is_good.all() else clean[is_good]


def _beyond_tolerance(breaches: list[Breach], rules: QualityRules) -> dict[str, str]:
    """Why rows hold the day back, by rule."""
    words = {
        "missing_required": "lack a required field",
        "invalid_format": "have a field that cannot be read",
        "duplicate_id": "repeat a student and program",
    }
    reasons = {}
    for rule, limit in rules.tolerated.items():
        rows = [breach.rows for breach in breaches if breach.rule == rule]
        n_rows = np.unique(np.concatenate(rows)).size if rows else 0
        if n_rows > limit:
            columns = sorted({breach.column for breach in breaches if breach.rule == rule})
            reasons[rule] = f"rows that {words[rule]} ({', '.join(columns)}): {n_rows:,}; tolerated are {limit:,}"
    return reasons


def _count_limits(n_rows: int, n_good: int, rules: QualityRules) -> list[str]:
    if n_rows == 0:
        return ["the extract has no rows; an empty extract never means that everybody left"]
    reasons = []
    if n_good < rules.min_rows:
        reasons.append(f"rows that can be used: {n_good:,}; min_rows is {rules.min_rows:,}")
    if rules.max_rows is not None and n_rows > rules.max_rows:
        reasons.append(f"rows of the extract: {n_rows:,}; max_rows is {rules.max_rows:,}")
    return reasons


def _only_day_before(previous: pd.DataFrame | None, day: date) -> date | None:
    if previous is None or previous.empty:
        return None
    first, last = previous["snapshot_date"].min().date(), previous["snapshot_date"].max().date()
    if first != last or last >= day:
        raise ValueError(f"the snapshot before {day} must be of one single earlier day; got {first} to {last}")
    return last


def _terms_that_go_on(previous: pd.DataFrame, today: pd.DataFrame, day: date) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows, before and on `day`, of the terms that were there before and are not over by `day`.

    Where every term without a last day has gone and others have come, those that came stand for them.
    """
    going_on = previous[~(previous["term_end_date"] < pd.Timestamp(day))]
    still = today[~(today["term_end_date"] < pd.Timestamp(day))]
    endless = set(going_on.loc[going_on["term_end_date"].isna(), "term"].unique())
    terms = set(going_on["term"].unique())
    if not endless & set(today["term"].unique()):
        terms |= set(today["term"].unique()) - set(previous["term"].unique()) if endless else set()
    return going_on, still[still["term"].isin(terms)]


def _change_limits(going_on: pd.DataFrame, still: pd.DataFrame, day: date | None, rules: QualityRules) -> list[str]:
    """Why the change against the snapshot of `day` is too large: in number, or in who they are."""
    before, after = len(going_on), len(still)
    if before < rules.change_from_rows:
        return []
    change = 100 * (after - before) / before
    if abs(change) > rules.max_change_pct:
        words = f"{abs(change):.1f} % {'more' if change > 0 else 'fewer'}"
        return [
            f"the terms that go on have {after:,} rows, {words} than the {before:,} of {day}; max_change_pct is "
            f"{rules.max_change_pct:g}"
        ]
    is_same_term = bool(set(going_on["term"].unique()) & set(still["term"].unique()))
    gone = 100 * (~going_on["student_id"].isin(still["student_id"])).mean()
    if is_same_term and gone > rules.max_change_pct:
        return [
            f"{gone:.1f} % of the identifiers of {day} are gone while about as many rows are there; were identifiers written "
            f"otherwise? max_change_pct is {rules.max_change_pct:g}"
        ]
    return []
