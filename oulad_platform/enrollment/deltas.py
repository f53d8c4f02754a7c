"""What changed between two days' snapshots: who was added, came back, dropped, completed or moved.

The algebra holds exactly: today = yesterday + added + returned - dropped - completed, while a move between programs takes
one enrolment away and gives one. Counting the changes by scope is `enrollment.metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.checks import ContractError, Finding
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS, ENROLLMENT_SNAPSHOTS

ATTRIBUTES = ("division", "level", "status")
NOBODY = -1

Rows = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


class Change(NamedTuple):
    """One kind of change on one day, as row numbers of the snapshot frame.

    `rows` are today's rows, or yesterday's for those who left; `before` are yesterday's rows of a move, else empty.
    """

    day: pd.Timestamp
    kind: str
    attribute: str
    rows: Rows
    before: Rows


def compare_snapshots(previous: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    """`enrollment_deltas` between two snapshots, each of one day: a row per change, none when nothing changed.

    - added: absent before; returned: absent before, yet first enrolled on a day before the current one
    - completed: absent now, the term's last day having passed; dropped: absent now otherwise
    - moved: the same student and program with another division, level or status, a row for each; or a student who left
      one program and entered another, one row with attribute `program`. Several at once are paired in the order of the
      programs' names. Whoever completed a program did not move out of it.

    Raises ValueError when a frame is empty or holds several days, ContractError when it repeats a student and program.
    """
    _only_day(previous, "previous")
    day = _only_day(current, "current")
    both = pd.concat([previous, current], ignore_index=True)
    before, after = np.split(np.arange(len(both)), [len(previous)])
    return _table(both, list(_Enrolments(both).changes(before, after, day)))


def daily_deltas(snapshots: pd.DataFrame, days: pd.DatetimeIndex) -> pd.DataFrame:
    """`enrollment_deltas` of each day against the day before it; `snapshots` holds any days, in any row order.

    A day whose day before has no snapshot is a baseline, without rows. Raises ValueError naming a day of `days` that has
    no snapshot, ContractError when a snapshot repeats a student and program.
    """
    rows_of = rows_by_day(snapshots)
    require_days(rows_of, days)
    enrolments = _Enrolments(snapshots)
    found: list[Change] = []
    for day in days:
        yesterday = day - pd.Timedelta(days=1)
        if yesterday in rows_of:
            found.extend(enrolments.changes(rows_of[yesterday], rows_of[day], day))
    return _table(snapshots, found)


def rows_by_day(snapshots: pd.DataFrame) -> dict[pd.Timestamp, Rows]:
    """The row numbers of each day that has a snapshot."""
    codes, days = pd.factorize(snapshots["snapshot_date"])
    order = np.argsort(codes, kind="stable")
    bounds = np.cumsum(np.bincount(codes, minlength=len(days)))
    return {day: order[end - n : end] for day, end, n in zip(days, bounds, np.diff(bounds, prepend=0), strict=True)}


def require_days(known: dict[pd.Timestamp, Rows], days: pd.DatetimeIndex) -> None:
    """Raises ValueError naming the first of `days` without a snapshot."""
    absent = [day for day in days if day not in known]
    if absent:
        raise ValueError(f"no enrollment snapshot of {absent[0].date()}; materialize enrollment_snapshots for that day first")


def _only_day(snapshot: pd.DataFrame, role: str) -> pd.Timestamp:
    days = snapshot["snapshot_date"].drop_duplicates()
    if len(days) != 1:
        raise ValueError(f"the {role} snapshot holds {len(days)} days; give the rows of exactly one")
    return days.iloc[0]


class _Enrolments:
    """Snapshot rows as numbers, so that comparing two days is a look-up and not a join of texts."""

    def __init__(self, snapshots: pd.DataFrame) -> None:
        self.snapshots = snapshots
        self.student, _ = _encode(snapshots["student_id"])
        program, n_programs = _encode(snapshots["program"])
        self.pair, self.n_pairs = _encode(pd.Series(self.student.astype("int64") * n_programs + program))
        self.attributes = {name: _encode(snapshots[name])[0] for name in ATTRIBUTES}
        self.term_end = snapshots["term_end_date"].to_numpy("datetime64[us]")
        self.first_enrolled = snapshots["first_enrolled_date"].to_numpy("datetime64[us]")

    def changes(self, before: Rows, after: Rows, day: pd.Timestamp) -> Iterator[Change]:
        """Every kind of change between the rows of one day and the rows of a later one."""
        was, now = self._row_of_pair(before), self._row_of_pair(after)
        gone = before[now[self.pair[before]] == NOBODY]
        came = after[was[self.pair[after]] == NOBODY]
        midnight = day.to_datetime64()
        is_over = self.term_end[gone] < midnight
        yield Change(day, "completed", "", gone[is_over], gone[:0])
        left, entered = self._transfers(gone[~is_over], came)
        yield Change(day, "moved", "program", entered, left)
        yield Change(day, "dropped", "", np.setdiff1d(gone[~is_over], left, assume_unique=True), gone[:0])
        newcomers = np.setdiff1d(came, entered, assume_unique=True)
        is_back = self.first_enrolled[newcomers] < midnight
        yield Change(day, "added", "", newcomers[~is_back], gone[:0])
        yield Change(day, "returned", "", newcomers[is_back], gone[:0])
        stayed_before = was[self.pair[after]]
        stayed = after[stayed_before != NOBODY]
        stayed_before = stayed_before[stayed_before != NOBODY]
        for name, codes in self.attributes.items():
            differs = codes[stayed] != codes[stayed_before]
            yield Change(day, "moved", name, stayed[differs], stayed_before[differs])

    def _row_of_pair(self, rows: Rows) -> Rows:
        """For each student and program its row among `rows`, or NOBODY."""
        pairs = self.pair[rows]
        row_of = np.full(self.n_pairs, NOBODY)
        row_of[pairs] = rows
        repeated = rows[row_of[pairs] != rows]
        if repeated.size:
            keys = self.snapshots.iloc[repeated][list(ENROLLMENT_SNAPSHOTS.key)].astype("str")
            findings = [
                Finding(ENROLLMENT_SNAPSHOTS.name, "repeats a key", int(row) + 1, " + ".join(keys), ", ".join(key))
                for row, key in zip(repeated, keys.itertuples(index=False), strict=True)
            ]
            raise ContractError(findings, "Changes need one row per student and program; repair the snapshot first.")
        return row_of

    def _transfers(self, left: Rows, entered: Rows) -> tuple[Rows, Rows]:
        """The rows of `left` and `entered` that pair up: of one student, the k-th program left with the k-th entered."""
        left, entered = left[np.argsort(self.pair[left])], entered[np.argsort(self.pair[entered])]
        turns = self._turn_of_student(left), self._turn_of_student(entered)
        _, at_left, at_entered = np.intersect1d(turns[0], turns[1], assume_unique=True, return_indices=True)
        return left[at_left], entered[at_entered]

    def _turn_of_student(self, rows: Rows) -> npt.NDArray[np.int64]:
        """A number for each row's student and whether it is their first, second, ... among `rows` (sorted by student)."""
        student = self.student[rows].astype("int64")
        turn = np.arange(len(rows)) - np.searchsorted(student, student)
        return student * (self.n_pairs + 1) + turn


def _encode(values: pd.Series) -> tuple[Codes, int]:
    """Each value's number in ascending order of the values (an absent value has one too), and how many there are."""
    codes, distinct = pd.factorize(values, sort=True, use_na_sentinel=False)
    return codes.astype("int32"), len(distinct)


def _table(snapshots: pd.DataFrame, changes: Sequence[Change]) -> pd.DataFrame:
    kinds = dict.fromkeys((change.kind, change.attribute) for change in changes)
    frames = [ENROLLMENT_DELTAS.empty()]
    for kind, attribute in kinds:
        of_kind = [change for change in changes if (change.kind, change.attribute) == (kind, attribute)]
        rows = np.concatenate([change.rows for change in of_kind])
        frame = snapshots[["student_id", "program", "division"]].take(rows).reset_index(drop=True)
        days = pd.DatetimeIndex([change.day for change in of_kind]).as_unit("us")
        frame = frame.assign(
            snapshot_date=days.repeat([len(change.rows) for change in of_kind]), change=kind, attribute=attribute
        )
        for column, of_rows in (("from_value", np.concatenate([c.before for c in of_kind])), ("to_value", rows)):
            values = snapshots[attribute].take(of_rows).reset_index(drop=True) if attribute else None
            frame[column] = pd.Series(values, index=frame.index, dtype="str")
        frames.append(frame)
    return ENROLLMENT_DELTAS.conform(pd.concat(frames, ignore_index=True))
