"""Booking curves: how the enrolment of each term grew and shrank around its census day, and forecasts drawn from earlier ones.

Also the grid of daily counts that every forecast starts from. Methods that look at one series alone are in `methods`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
SCOPES = ("total", "program", "term")
STAND_IN_DAYS = 6
RECENCY = 0.5


@dataclass(frozen=True)
class Curves:
    """Daily counts of every series, and where each term has its census day and its end.

    `counts` has a row per series and a column per day from `first`; NaN on days without a snapshot, 0 where there was a
    snapshot without enrolments of this series. `known` is `counts` with the newest snapshot of the 6 days before standing
    in on a day without one. `census` and `end` are columns of `counts` (they may lie beyond it), NaN for other scopes.
    """

    first: pd.Timestamp
    scope: npt.NDArray[np.str_]
    name: npt.NDArray[np.str_]
    program: npt.NDArray[np.str_]
    counts: Floats
    known: Floats
    census: Floats
    end: Floats

    @property
    def n_days(self) -> int:
        return self.counts.shape[1]

    def until(self, day: int) -> Curves:
        """The same series, as they were known on column `day`."""
        return replace(self, counts=self.counts[:, : day + 1], known=self.known[:, : day + 1])

    def date(self, day: int) -> pd.Timestamp:
        return self.first + pd.Timedelta(days=day)


def curves(metrics: pd.DataFrame, as_of: date, ends: Mapping[str, date] | None = None) -> Curves:
    """The counts of total, programs and terms in `enrollment_metrics` up to `as_of`; later rows are not read.

    `ends` gives the last day of terms by their name in scope `term` (`BBB 2013J`), as far as the registrar says it ahead.
    Raises ValueError when no row is dated up to `as_of`, or the name of a term does not end in its term.
    """
    rows = metrics[(metrics["date"] <= pd.Timestamp(as_of)) & metrics["scope"].isin(SCOPES)]
    if rows.empty:
        raise ValueError(f"enrollment_metrics has no row of total, program or term up to {as_of}; make those days first")
    wide = rows.pivot_table("total_enrollment", ["scope", "name"], "date", aggfunc="sum")
    wide = wide.astype("float64").fillna(0.0)
    days = pd.date_range(wide.columns.min(), pd.Timestamp(as_of), unit="us")
    wide = wide.reindex(columns=days)
    scope = wide.index.get_level_values("scope").to_numpy(dtype="str")
    name = wide.index.get_level_values("name").to_numpy(dtype="str")
    terms = rows[(rows["scope"] == "term") & rows["days_to_census"].notna()].sort_values("date").groupby("name").last()
    census_day = terms["date"] + pd.to_timedelta(terms["days_to_census"].astype("int64"), unit="D")
    end_day = pd.Series(pd.to_datetime(pd.Series(dict(ends or {}), dtype="object")), dtype="datetime64[us]")
    return Curves(
        first=days[0],
        scope=scope,
        name=name,
        program=_programs(rows, scope, name),
        counts=wide.to_numpy(),
        known=wide.T.ffill(limit=STAND_IN_DAYS).T.to_numpy(),
        census=np.where(scope == "term", _columns(census_day, name, days[0]), np.nan),
        end=np.where(scope == "term", _columns(end_day, name, days[0]), np.nan),
    )


def ends_of(snapshots: Iterable[pd.DataFrame]) -> dict[str, date]:
    """Last days by name in scope `term` (`BBB 2013J`), as snapshots (program, term, term_end_date) say them; for `curves`.

    Of several snapshots the last one that knows a term decides.
    """
    ends: dict[str, date] = {}
    for snapshot in snapshots:
        known = snapshot.dropna(subset=["term_end_date"])
        names = known["program"].astype("str") + " " + known["term"].astype("str")
        latest = pd.to_datetime(known["term_end_date"]).groupby(names).max()
        ends |= {str(name): end.date() for name, end in latest.items()}
    return ends


def _columns(day: pd.Series, names: npt.NDArray[np.str_], first: pd.Timestamp) -> Floats:
    return np.asarray(((day - first) / pd.Timedelta(days=1)).reindex(names), dtype="float64")


def _programs(rows: pd.DataFrame, scope: npt.NDArray[np.str_], name: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    term = rows[rows["scope"] == "term"].drop_duplicates("name").set_index("name")["term"]
    programs = []
    for kind, label in zip(scope, name, strict=True):
        suffix = f" {term[label]}" if kind == "term" else ""
        if not label.endswith(suffix):
            raise ValueError(f"enrollment_metrics, scope term: name {str(label)!r} does not end in its term {suffix.strip()!r}")
        programs.append(label.removesuffix(suffix))
    return np.array(programs, dtype="str")


def pickup(known: Curves, row: int, targets: npt.NDArray[np.int_]) -> Floats:
    """Expected counts of the term series `row` on the columns `targets`, from its count on the newest column of `known`.

    Expected = today's count * what earlier terms had at the target / what they had at today's distance from their census day.
    Earlier terms are those of the same program, or of all others where the program has none that reaches both distances; each
    step back in time halves a term's weight. NaN where no earlier term reaches, or today is unknown.
    Source: multiplicative pick-up, Talluri and van Ryzin, The Theory and Practice of Revenue Management (2004), 9.3.
    """
    origin = known.n_days - 1
    offsets = targets - known.census[row]
    earlier = np.flatnonzero((known.census < known.census[row]) & (known.scope == "term"))
    if not len(earlier):
        return np.full(len(targets), np.nan)
    today = known.known[row, origin]
    then, later = _at(known, earlier, np.array([origin - known.census[row]])), _at(known, earlier, offsets)
    usable = (then > 0) & ~np.isnan(later)
    own = (known.program[earlier] == known.program[row])[:, None]
    usable &= own | ~(usable & own).any(axis=0)
    age = np.unique(-known.census[earlier], return_inverse=True)[1][:, None]
    weight = np.where(usable, RECENCY**age, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.nansum(weight * later, axis=0) / np.nansum(weight * then, axis=0)
    return np.where(known.end[row] < targets, 0, today * ratio)


def _at(known: Curves, rows: npt.NDArray[np.int_], offsets: Floats) -> Floats:
    """Counts of the terms `rows` at distances from their census days; NaN where that day is not known (yet).

    A term that is over keeps its last count, so that a longer term is not expected to end when a shorter one did.
    """
    newest = known.n_days - 1
    last_seen = newest - np.argmax(known.known[rows, ::-1] > 0, axis=1)
    last = np.where(last_seen < newest, np.fmin(known.end[rows], last_seen), np.inf)
    days = np.minimum(known.census[rows][:, None] + offsets[None, :], last[:, None])
    inside = (days >= 0) & (days <= newest)
    return np.where(inside, known.known[rows[:, None], np.where(inside, days, 0).astype("int64")], np.nan)


def pickup_daily(known: Curves, row: int, targets: npt.NDArray[np.int_]) -> Floats:
    """Expected counts of a program (or the total): the sum of `pickup` over its terms that have enrolments today.

    NaN where one of them has no earlier term to go by. Terms that have not opened yet are not foreseen.
    """
    parts = known.scope == "term"
    if known.scope[row] == "program":
        parts &= known.program == known.name[row]
    open_terms = np.flatnonzero(parts & (known.known[:, -1] > 0))
    if not len(open_terms):
        return np.full(len(targets), np.nan)
    return np.sum([pickup(known, int(one), targets) for one in open_terms], axis=0)
