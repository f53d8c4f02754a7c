"""What changed between two snapshots: who was added, came back, dropped, completed or moved.

The algebra holds exactly: today = before + added + returned + baseline - dropped - completed, while a move between programs
takes one enrolment away and gives one. Counting the changes by scope and walking through many days is `enrollment.metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.enrollment.numbered import (
    LABELS,
    NOBODY,
    SNAPSHOT_COLUMNS,
    UNKNOWN,
    Flags,
    Ints,
    Rows,
    Snapshot,
    Vocabulary,
    Words,
    day_number,
    texts_at,
    vocabulary,
)
from oulad_platform.enrollment.tables import CHANGES, ENROLLMENT_DELTAS, ENROLLMENT_SNAPSHOTS

ATTRIBUTES = ("division", "level", "status")
COUNTED = ("division", "level", "term")
KINDS = (*CHANGES, "baseline")
Pairs = dict[tuple[str, str], date]  # student and program -> a day they were gone, the earliest known beforehand


class Departures(NamedTuple):
    """Who is known to have left which program, for whatever reason, and who of them dropped it before its term's end."""

    left: Pairs
    dropped: Pairs


class Events(NamedTuple):
    """What happened to enrolments between two snapshots, one event each: the kind, who, and the labels on either side.

    Labels are numbers of the vocabulary, NOBODY on the side where the enrolment was not. `is_over`: its earlier term had ended.
    """

    day: date
    kind: npt.NDArray[np.int8]
    ids: pa.StringArray
    before: Mapping[str, Ints]
    after: Mapping[str, Ints]
    is_over: Flags


def compare_snapshots(
    previous: pd.DataFrame,
    current: pd.DataFrame,
    *,
    attributes: Sequence[str] = ATTRIBUTES,
    left_before: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """`enrollment_deltas` between two snapshots, each of one day: a row per change, none when nothing changed.

    - completed: absent now, and the term's last day has passed; or that day is unknown, no row of the term is left and rows
      of a term that was not there before are. dropped: absent now otherwise
    - moved: the same student and program with another of `attributes`, a row for each; or a student who left one program
      and entered another, one row with attribute `program`. Several at once are paired in the order of the programs'
      names. Whoever completed a program did not move out of it.
    - a newcomer whose term has no row in the previous snapshot belongs to the term's baseline: no row; not so whoever is
      known by `left_before` to have dropped the program, as after a snapshot that lacked the term
    - returned: absent before, yet first enrolled on an earlier day; where that day is unknown, `left_before`
      (`enrollment_deltas` of any days) says that the student left the program on an earlier day. added: any other newcomer

    `attributes` are among division, level, status and term. The frames may hold any entity whose columns are mapped onto
    those of `enrollment_snapshots`.

    Raises ValueError when a frame is empty or holds several days, or for unknown attributes; ContractError when it repeats
    a student and program.
    """
    words = vocabulary()
    before = Snapshot.read(_only_day(previous, "previous"), _arrow(previous), words, None)
    after = Snapshot.read(_only_day(current, "current"), _arrow(current), words, before)
    return delta_rows([compare(before, after, words, departures(left_before), attributes)], words, attributes)


def departures(deltas: pd.DataFrame | None, remade: Sequence[date] = ()) -> Departures:
    """Who left which program first on which day, by `enrollment_deltas`, without the days that are being made again."""
    if deltas is None or deltas.empty:
        return Departures({}, {})
    earlier = deltas[~deltas["snapshot_date"].isin([pd.Timestamp(day) for day in remade])]
    moved = (earlier["change"] == "moved") & (earlier["attribute"] == "program")
    left = earlier[moved | earlier["change"].isin(["dropped", "completed"])].sort_values("snapshot_date", ascending=False)
    left = left.assign(program=left["from_value"].where(left["change"] == "moved", left["program"]))
    return Departures(_first_days(left), _first_days(left[left["change"] == "dropped"]))


def _first_days(left: pd.DataFrame) -> Pairs:
    return dict(zip(zip(left["student_id"], left["program"], strict=True), left["snapshot_date"].dt.date, strict=True))


def compare(
    before: Snapshot, after: Snapshot, words: Vocabulary, left_before: Departures, attributes: Sequence[str] = ATTRIBUTES
) -> Events:
    """Every event between a snapshot and the next, by the rules of `compare_snapshots`; adds who left to `left_before`."""
    if unknown := sorted(set(attributes) - set(LABELS) | set(attributes) & {"program"}):
        raise ValueError(f"attributes {unknown} cannot be compared; choose among division, level, status and term")
    n_programs, n_terms = len(words["program"]), len(words["term"])
    was, now = before.student * n_programs + before.labels["program"], after.as_before * n_programs + after.labels["program"]
    _, stayed_before, stayed = np.intersect1d(was, now, assume_unique=True, return_indices=True)
    gone, came = _others(len(before.ids), stayed_before), _others(len(after.ids), stayed)
    n_before, n_after = (np.bincount(side.labels["term"], minlength=n_terms) for side in (before, after))
    begins = (n_after > 0) & (n_before == 0)
    replaced = (n_after == 0) & begins.any()
    today = day_number(after.day)
    is_over = (before.term_end < today) | ((before.term_end == UNKNOWN) & replaced[before.labels["term"]])

    ends = is_over[gone]
    left, entered = _transfers(before, after, gone[~ends], came, words["program"])
    newcomers = np.setdiff1d(came, entered, assume_unique=True)
    in_baseline = begins[after.labels["term"][newcomers]]
    in_baseline &= ~_are_gone_before(after, newcomers, words["program"], left_before.dropped)
    newcomers, baseline = newcomers[~in_baseline], newcomers[in_baseline]
    is_back = _came_back(after, newcomers, today, words["program"], left_before)
    differs = np.zeros(len(stayed), dtype=bool)
    for label in dict.fromkeys((*attributes, *COUNTED)):
        differs |= before.labels[label][stayed_before] != after.labels[label][stayed]

    none = np.empty(0, dtype="int64")
    dropped = np.setdiff1d(gone[~ends], left, assume_unique=True)
    found: list[tuple[str, Rows, Rows]] = [
        ("completed", gone[ends], none),
        ("dropped", dropped, none),
        ("added", none, newcomers[~is_back]),
        ("returned", none, newcomers[is_back]),
        ("baseline", none, baseline),
        ("moved", left, entered),
        ("moved", stayed_before[differs], stayed[differs]),
    ]
    for rows, known in ((gone, left_before.left), (dropped, left_before.dropped)):
        pairs = zip(texts_at(before.ids, rows), words["program"].texts(before.labels["program"][rows]), strict=True)
        known |= dict.fromkeys(pairs, after.day)
    return _events(before, after, is_over, found)


def delta_rows(events: Sequence[Events], words: Vocabulary, attributes: Sequence[str] = ATTRIBUTES) -> pd.DataFrame:
    """`enrollment_deltas` of events that were numbered in the same vocabulary."""
    if not events:
        return ENROLLMENT_DELTAS.empty()
    sizes = [len(one.kind) for one in events]
    kind = np.concatenate([one.kind for one in events])
    day = pd.DatetimeIndex([one.day for one in events]).as_unit("us").repeat(sizes)
    ids = pd.Series(pa.concat_arrays([one.ids for one in events]).to_pandas(), dtype="str")
    before, after = ({label: np.concatenate([side[label] for side in sides]) for label in LABELS} for sides in both_sides(events))
    is_move = kind == KINDS.index("moved")
    same_program = before["program"] == after["program"]
    picked = [("", np.flatnonzero(~is_move & (kind != KINDS.index("baseline"))))]
    picked.append(("program", np.flatnonzero(is_move & ~same_program)))
    picked += [(name, np.flatnonzero(is_move & same_program & (before[name] != after[name]))) for name in attributes]
    rows = np.concatenate([at for _, at in picked])
    frame = pd.DataFrame({"snapshot_date": day[rows], "student_id": ids.take(rows).to_numpy()})
    for label in ("program", "division"):
        now = after[label][rows]
        frame[label] = words[label].texts(np.where(now == NOBODY, before[label][rows], now))
    frame["change"] = pd.Series(KINDS, dtype="str").take(kind[rows]).to_numpy()
    frame["attribute"] = np.repeat([name for name, _ in picked], [len(at) for _, at in picked])
    for column, side in (("from_value", before), ("to_value", after)):
        values = [words[name].texts(side[name][at]) if name else pd.Series([None] * len(at), dtype="str") for name, at in picked]
        frame[column] = pd.concat(values, ignore_index=True)
    return ENROLLMENT_DELTAS.conform(frame)


def both_sides(events: Sequence[Events]) -> tuple[list[Mapping[str, Ints]], list[Mapping[str, Ints]]]:
    """The labels before and after, of each day's events."""
    return [one.before for one in events], [one.after for one in events]


def _only_day(snapshot: pd.DataFrame, role: str) -> date:
    days = snapshot["snapshot_date"].drop_duplicates()
    if len(days) != 1:
        raise ValueError(f"the {role} snapshot holds {len(days)} days; give the rows of exactly one")
    return pd.Timestamp(days.iloc[0]).date()


def _arrow(snapshot: pd.DataFrame) -> pa.Table:
    schema = ENROLLMENT_SNAPSHOTS.arrow_schema()
    wanted = pa.schema([schema.field(name).with_nullable(True) for name in SNAPSHOT_COLUMNS])
    return pa.Table.from_pandas(snapshot[list(SNAPSHOT_COLUMNS)], schema=wanted, preserve_index=False)


def _others(n_rows: int, rows: Rows) -> Rows:
    """The row numbers below `n_rows` that are not in `rows`, ascending."""
    is_other = np.ones(n_rows, dtype=bool)
    is_other[rows] = False
    return np.flatnonzero(is_other)


def _transfers(before: Snapshot, after: Snapshot, left: Rows, entered: Rows, programs: Words) -> tuple[Rows, Rows]:
    """The rows of `left` and `entered` that pair up: of one student, the k-th program left with the k-th entered, by name."""
    rank = np.empty(len(programs), dtype="int64")
    rank[sorted(range(len(programs)), key=[*map(str, programs)].__getitem__)] = np.arange(len(programs))
    sides = []
    for rows, student, program in (
        (left, before.student, before.labels["program"]),
        (entered, after.as_before, after.labels["program"]),
    ):
        rows = rows[np.lexsort((rank[program[rows]], student[rows]))]
        turn = np.arange(len(rows)) - np.searchsorted(student[rows], student[rows])
        sides.append((rows, student[rows] * (len(programs) + 1) + turn))
    (left, of_left), (entered, of_entered) = sides
    _, at_left, at_entered = np.intersect1d(of_left, of_entered, assume_unique=True, return_indices=True)
    return left[at_left], entered[at_entered]


def _came_back(after: Snapshot, rows: Rows, today: int, programs: Words, left_before: Departures) -> Flags:
    """Which of today's rows came back rather than came: first enrolled earlier or, where that is unknown, left earlier."""
    return (after.first_enrolled[rows] < today) | _are_gone_before(after, rows, programs, left_before.left)


def _are_gone_before(after: Snapshot, rows: Rows, programs: Words, known: Pairs) -> Flags:
    """Which of today's rows, where the registrar does not say when they first enrolled, are known to have left earlier."""
    are_gone = np.zeros(len(rows), dtype=bool)
    unsure = np.flatnonzero(after.first_enrolled[rows] == UNKNOWN)
    if unsure.size and known:
        pairs = zip(texts_at(after.ids, rows[unsure]), programs.texts(after.labels["program"][rows[unsure]]), strict=True)
        are_gone[unsure] = [known.get(pair, after.day) < after.day for pair in pairs]
    return are_gone


def _events(before: Snapshot, after: Snapshot, is_over: Flags, found: Sequence[tuple[str, Rows, Rows]]) -> Events:
    """Events of each kind, with the rows they have in `before` and in `after` (none on one side, or one for one)."""
    sizes = [max(len(was), len(now)) for _, was, now in found]
    was, now = (
        np.concatenate([kind[side] if len(kind[side]) else np.full(n, NOBODY) for kind, n in zip(found, sizes, strict=True)])
        for side in (1, 2)
    )
    came = was == NOBODY
    return Events(
        after.day,
        np.repeat([KINDS.index(kind) for kind, _, _ in found], sizes).astype("int8"),
        pc.coalesce(before.ids.take(pa.array(was, mask=came)), after.ids.take(pa.array(now, mask=~came))),
        {label: np.append(before.labels[label], NOBODY)[was] for label in LABELS},
        {label: np.append(after.labels[label], NOBODY)[now] for label in LABELS},
        np.append(is_over, False)[was],
    )
