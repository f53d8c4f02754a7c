"""Enrolment counts, changes and rates by day, for the whole institution, each division, program, level, and program and term.

Also the walk through the days that finds changes and counts in one pass. Comparing two snapshots is `enrollment.deltas`; what
looks back over days is `enrollment.history`, the laws that the figures obey are `enrollment.algebra`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from oulad_platform.core.terms import Term, reference_term, term
from oulad_platform.enrollment.deltas import ATTRIBUTES, KINDS, Events, both_sides, compare, delta_rows, departures
from oulad_platform.enrollment.numbered import EPOCH, UNKNOWN, Flags, Ints, Snapshot, Vocabulary, vocabulary
from oulad_platform.enrollment.tables import ENROLLMENT_DELTAS, ENROLLMENT_METRICS, SCOPES

EVERYBODY = "all"
FLOWS = ("added", "returned", "dropped", "completed", "baseline", "moved_in", "moved_out", "went_on")
FROM_HISTORY = ("average_7_days", "last_year_date", "last_year_enrollment", "last_year_difference")
TERM_STEP = 2**32  # a program's part in a term is numbered term * TERM_STEP + program

Numbers = npt.NDArray[np.int64]
Cells = tuple[Numbers, Numbers]
Sizes = Mapping[str, tuple[Numbers, Numbers]]  # by scope: the numbers of its names, and the enrolments of each


class Tally(NamedTuple):
    """One day's enrolments by scope, and the terms in its snapshot whose first day is known, by their number."""

    day: date
    sizes: Sizes
    terms: Mapping[int, Term]


def daily_changes(
    snapshots: Mapping[date, pa.Table],
    days: Sequence[date],
    *,
    attributes: Sequence[str] = ATTRIBUTES,
    census_days: Mapping[str, date] | None = None,
    left_before: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`enrollment_deltas` and `enrollment_metrics` of `days`, each compared with the last stored day before it.

    `snapshots` holds every stored day, in any row order, each read when it is asked for (SNAPSHOT_COLUMNS; LABELS may come as
    dictionaries). A day is read once and memory holds two. `attributes` and `left_before` are explained at
    `deltas.compare_snapshots`; changes of `left_before` on one of `days` are not used, those found on the way are.

    Metrics have one row per day of `days` and scope with an enrolment on it or in the snapshot before, always one for the
    total. The first snapshot of all has no changes and no rates. A name gains and loses what moves between the names of its
    scope, whatever else changed. FROM_HISTORY columns are left absent for `history.with_history`.

    - retained = previous - dropped - completed - moved_out
    - retention_rate = 100 * retained / previous, the seed document's measure: completed enrolments count as not retained
    - persistence_rate = retained / going on; growth_rate = (new - dropped + moved_in - moved_out) / going on, where going on =
      previous - completed - those who moved out because their term had ended, and the latter do not count as moved out

    Each rate is absent where its denominator is 0. A day is counted towards `core.terms.reference_term` of the terms in its
    snapshot, a program's part in a term towards that term; `census_days` gives census days by term.

    Raises ValueError naming the first of `days` without a snapshot, ContractError when one repeats a student and program.
    """
    stored, wanted = sorted(snapshots), set(days)
    if absent := sorted(wanted - set(stored)):
        raise ValueError(f"no enrollment snapshot of {absent[0]}; materialize enrollment_snapshots for that day first")
    words, left = vocabulary(), departures(left_before, sorted(wanted))
    events: list[Events] = []
    tallies: list[tuple[Tally, Tally | None]] = []
    latest: Snapshot | None = None
    tally: Tally | None = None
    for previous, day in pairwise([None, *stored]):
        if day not in wanted or day is None:
            continue
        if previous is not None and (latest is None or latest.day != previous):
            latest = Snapshot.read(previous, snapshots[previous], words, None)
            tally = _tally(latest, words, census_days)
        snapshot = Snapshot.read(day, snapshots[day], words, latest)
        if latest is not None:
            events.append(compare(latest, snapshot, words, left, attributes))
        before, tally = tally, _tally(snapshot, words, census_days)
        tallies.append((tally, before))
        latest = snapshot
    if not tallies:
        return ENROLLMENT_DELTAS.empty(), ENROLLMENT_METRICS.empty()
    return delta_rows(events, words, attributes), _metrics(tallies, events, words)


def _tally(snapshot: Snapshot, words: Vocabulary, census_days: Mapping[str, date] | None) -> Tally:
    sizes = {"total": (np.zeros(1, dtype="int64"), np.array([len(snapshot.ids)]))}
    for scope in ("division", "program", "level"):
        n = np.bincount(snapshot.labels[scope])
        sizes[scope] = np.flatnonzero(n), n[n > 0]
    n_programs = len(words["program"])
    n = np.bincount(snapshot.labels["term"].astype("int64") * n_programs + snapshot.labels["program"])
    part = np.flatnonzero(n)
    sizes["term"] = part // n_programs * TERM_STEP + part % n_programs, n[part]
    names, starts = list(words["term"]), snapshot.term_starts(len(words["term"]))
    known = np.flatnonzero(starts != UNKNOWN)
    terms = {int(at): term(str(names[at]), date.fromordinal(EPOCH + int(starts[at])), None, census_days) for at in known}
    return Tally(snapshot.day, sizes, terms)


def _metrics(tallies: Sequence[tuple[Tally, Tally | None]], events: Sequence[Events], words: Vocabulary) -> pd.DataFrame:
    position = {today.day: at for at, (today, _) in enumerate(tallies)}
    day = np.repeat([position[one.day] for one in events], [len(one.kind) for one in events]).astype("int64")
    kind = np.concatenate([np.empty(0, dtype="int8"), *(one.kind for one in events)])
    is_over = np.concatenate([np.empty(0, dtype=bool), *(one.is_over for one in events)])
    scopes = []
    for scope in SCOPES:
        sides = [np.concatenate([np.empty(0, dtype="int64"), *(_numbers(scope, s) for s in side)]) for side in both_sides(events)]
        scopes.append(_scope_metrics(scope, tallies, _flows(day, kind, is_over, *sides), words))
    return ENROLLMENT_METRICS.conform(pd.concat(scopes, ignore_index=True))


def _numbers(scope: str, labels: Mapping[str, Ints]) -> Numbers:
    """The number of each row's name in the scope; meaningless where there is no label."""
    if scope == "total":
        return np.zeros(len(labels["program"]), dtype="int64")
    if scope == "term":
        return labels["term"].astype("int64") * TERM_STEP + labels["program"].astype("int64")
    return labels[scope].astype("int64")


def _flows(day: Numbers, kind: npt.NDArray[np.int8], is_over: Flags, before: Numbers, after: Numbers) -> dict[str, Cells]:
    """Of each of FLOWS, the day and the name of every event."""
    moved = (kind == KINDS.index("moved")) & (before != after)
    flows = {"moved_in": (day[moved], after[moved]), "moved_out": (day[moved], before[moved])}
    flows["went_on"] = day[moved & is_over], before[moved & is_over]
    for flow, names in {"added": after, "returned": after, "baseline": after, "dropped": before, "completed": before}.items():
        of_kind = kind == KINDS.index(flow)
        flows[flow] = day[of_kind], names[of_kind]
    return flows


def _scope_metrics(
    scope: str, tallies: Sequence[tuple[Tally, Tally | None]], flows: Mapping[str, Cells], words: Vocabulary
) -> pd.DataFrame:
    todays = [today.sizes[scope] for today, _ in tallies]
    befores = [before.sizes[scope] if before else (np.empty(0, dtype="int64"),) * 2 for _, before in tallies]
    names = np.unique(np.concatenate([numbers for numbers, _ in (*todays, *befores)]))

    def per_cell(day: Numbers, number: Numbers, n: Numbers | None = None) -> Numbers:
        cells = day * len(names) + np.searchsorted(names, number)
        return np.bincount(cells, n, minlength=len(tallies) * len(names)).astype("int64")

    def sizes(of: Sequence[tuple[Numbers, Numbers]]) -> Numbers:
        day = np.repeat(np.arange(len(of)), [len(numbers) for numbers, _ in of])
        return per_cell(day, *(np.concatenate(parts) for parts in zip(*of, strict=True)))

    total, previous = sizes(todays), sizes(befores)
    rows = np.arange(len(total)) if scope == "total" else np.flatnonzero(total + previous)
    day, name = np.divmod(rows, len(names))
    total, previous = total[rows], previous[rows]
    flow = {kind: per_cell(*flows[kind])[rows] for kind in FLOWS}
    going_on = previous - flow["completed"] - flow["went_on"]
    retained = previous - flow["completed"] - flow["dropped"] - flow["moved_out"]
    new = flow["added"] + flow["returned"]
    moved = flow["moved_in"] - flow["moved_out"]
    changes = pd.DataFrame(
        {
            "new_students": new,
            "returned_students": flow["returned"],
            "dropped_students": flow["dropped"],
            "completed_students": flow["completed"],
            "baseline_students": flow["baseline"],
            "moved_in": flow["moved_in"],
            "moved_out": flow["moved_out"],
            "net_change": new + flow["baseline"] - flow["dropped"] - flow["completed"] + moved,
            "retention_rate": _rate(100 * retained, previous),
            "persistence_rate": _rate(retained, going_on),
            "growth_rate": _rate(new - flow["dropped"] + moved + flow["went_on"], going_on),
        }
    )
    has_previous = np.array([before is not None for _, before in tallies])[day]
    texts = _names(scope, names[name], words)
    return pd.DataFrame(
        {
            "date": np.array([today.day for today, _ in tallies], dtype="datetime64[us]")[day],
            "scope": scope,
            "name": texts,
            "total_enrollment": total,
            "previous_date": np.array([before.day if before else None for _, before in tallies], dtype="datetime64[us]")[day],
            **changes.where(pd.Series(has_previous)),
            **_towards_term(scope, tallies, day, names[name], words),
            "average_7_days": np.nan,
            "last_year_date": pd.NaT,
            "last_year_enrollment": pd.NA,
            "last_year_difference": pd.NA,
        }
    )


def _rate(part: Numbers, whole: Numbers) -> npt.NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _names(scope: str, numbers: Numbers, words: Vocabulary) -> pd.Series:
    if scope == "total":
        return pd.Series(EVERYBODY, index=range(len(numbers)), dtype="str")
    if scope == "term":
        return words["program"].texts(numbers % TERM_STEP) + " " + words["term"].texts(numbers // TERM_STEP)
    return words[scope].texts(numbers)


def _towards_term(
    scope: str, tallies: Sequence[tuple[Tally, Tally | None]], day: Numbers, numbers: Numbers, words: Vocabulary
) -> dict[str, Any]:
    """The term that each row is counted towards, and the days to its start and census day."""
    if scope == "term":
        known = [{**(before.terms if before else {}), **today.terms} for today, before in tallies]
        terms = [known[at].get(number) for at, number in zip(day.tolist(), (numbers // TERM_STEP).tolist(), strict=True)]
        names = words["term"].texts(numbers // TERM_STEP)
    else:
        references = [reference_term(today.terms.values(), today.day) for today, _ in tallies]
        terms = [references[at] for at in day.tolist()]
        names = pd.Series([one and one.name for one in terms], dtype="str")
    dates = [tallies[at][0].day for at in day.tolist()]
    ahead = [
        ((one.start - today).days, (one.census - today).days) if one else (None, None)
        for one, today in zip(terms, dates, strict=True)
    ]
    start, census = zip(*ahead, strict=True) if ahead else ((), ())
    return {
        "term": names,
        "days_to_term_start": pd.array(start, dtype="Int32"),
        "days_to_census": pd.array(census, dtype="Int32"),
    }
