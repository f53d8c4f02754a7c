"""Counts of persons that may be shown to many: which cells of a table are withheld so that no small one can be worked out.

A cell under the limit is withheld (primary suppression), and so are as many others as it takes (complementary suppression) that
subtraction does not give it back. Which tables stand on a page, and how a withheld cell reads, is decided there.

Sources: A. Hundepool et al., Statistical Disclosure Control (Wiley 2012), chapter 4: the attacker's problem and protection
levels; L. H. Cox, "Network Models for Complementary Cell Suppression", JASA 90 (1995) 1453-1462, and J. P. Kelly,
B. L. Golden, A. A. Assad, "Cell Suppression: Disclosure Protection for Sensitive Tabular Data", Networks 22 (1992) 397-417: the
linear programme for one protected cell at a time, used here; Government Statistical Service, Disclosure control guidance for
tables produced from administrative sources (2014): small counts, zeros and differences between tables; Higher Education
Statistics Agency (HESA), "Rounding and suppression to anonymise statistics": the standard rounding methodology.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from oulad_platform.core.tables import Table

BELOW = 10
BASE, SHARE_FROM, MEAN_FROM = 5, 22.5, 8
TOTAL = "total"
PUBLISHED = "_published"
EXACTNESS = 1e-6
Sum = tuple[str, Sequence[str]]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class PrivacyError(ValueError):
    """Counts that do not add up as they are said to: nothing can be promised about what they give away."""


@dataclass(frozen=True)
class Disclosure:
    """How counts of persons leave: those under `below` withheld, with what leads to them, or all of them rounded ("hesa").

    Rounding replaces withholding. A sum of rounded parts does not give a rounded total, so nothing exact can be subtracted and no
    complementary cell is needed. It does not protect a group whose members all share a figure, a reader who knows some of the
    true counts, or a small change between days that happens to cross from one multiple of 5 to the next.
    """

    below: int = BELOW
    rounding: Literal["none", "hesa"] = "none"

    @property
    def rounds(self) -> bool:
        return self.rounding == "hesa"

    @property
    def mean_from(self) -> int:
        """The fewest persons whose mean may be shown."""
        return MEAN_FROM if self.rounds else self.below


def published(table: Table, counts: Sequence[str], *, without: Sequence[str] = (), absent: Sequence[str] = ()) -> Table:
    """The table in which `table` leaves: `counts`, and figures made of them (`absent`), may be absent; `without` is left out.

    Bounds that a rounded count may break are dropped with it.
    """
    columns = [
        replace(column, nullable=True, minimum=0, meaning=f"{column.meaning} Absent: withheld.")
        if column.name in counts
        else replace(column, nullable=True, meaning=f"{column.meaning} Absent: unknown, or withheld.")
        if column.name in absent
        else column
        for column in table.columns
        if column.name not in without
    ]
    grain = f"{table.grain.rstrip('.')}: as counts of persons may be shown to many."
    return replace(table, name=f"{table.name.removesuffix('_daily')}{PUBLISHED}", grain=grain, columns=tuple(columns))


def rounded(counts: pd.Series) -> pd.Series:
    """Whole numbers to the nearest multiple of 5, as Int64; absent ones stay absent. HESA: 0, 1 and 2 become 0.

    >>> rounded(pd.Series([0, 2, 3, 7, 8, 22])).tolist()
    [0, 0, 5, 5, 10, 20]
    """
    return (counts.astype("Int64") + BASE // 2) // BASE * BASE


def share_of(part: pd.Series, whole: pd.Series, n_persons: pd.Series) -> pd.Series:
    """Shares of rounded counts, at most 1; absent where `n_persons`, the true number, is under 22.5."""
    share = part.astype("Float64") / whole.astype("Float64").where(whole > 0)
    return share.clip(upper=1).where(n_persons >= SHARE_FROM).astype("float64")


def is_open(part: float, whole: float, below: int = BELOW) -> bool:
    """Whether a count of persons within a whole may be shown: it and the rest of the whole both reach the limit.

    >>> is_open(60, 100), is_open(95, 100), is_open(0, 100)
    (True, False, False)
    """
    return bool(min(part, whole - part) >= below)


def suppress(
    table: pd.DataFrame,
    *,
    below: int = BELOW,
    sums: Sequence[Sum] = (),
    unpublished: Sequence[str] = (),
    withhold: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The counts that may be shown, as Int64 with absent cells for those withheld; last comes the row TOTAL of column sums.

    `table`: whole numbers from 0, one row per disjoint group, unique index without TOTAL. `sums` says which column is the sum of
    which others, `("scored", ("high", "other"))`; a two-way table with its margins has one sum, over all columns. A one-way table
    has one column and no sums. Columns in `unpublished` are never shown, yet what follows from the others about them is
    guarded as well: the complement of a share, for example. `withhold`: a frame of flags like `table`; these cells are not
    shown either, because another table on the same page could lead to them, and are guarded like small ones.

    Every count under `below` is withheld, 0 too: that nobody is in a group says something about everybody in it. For
    each of them 0 and `below`, and so all between, agree with everything that is shown: neither a sum or difference of shown
    cells nor the knowledge that counts are not negative says more. Shares and means of a withheld cell are to be withheld
    with it. Raises PrivacyError for negative or absent counts and for sums that do not hold.

    >>> suppress(pd.DataFrame({"students": [120, 85, 7, 41]}, index=["AAA", "BBB", "CCC", "DDD"]))["students"].tolist()
    [120, 85, <NA>, <NA>, 253]
    """
    if table.empty:
        return table.astype("Int64")
    if TOTAL in table.index or not table.index.is_unique:
        raise PrivacyError(
            f"rows are named once each, and none '{TOTAL}'; rename {table.index[table.index.duplicated()].tolist()}"
        )
    counts = table.to_numpy("float64", na_value=np.nan)
    if not (np.isfinite(counts).all() and (counts >= 0).all() and (counts == np.rint(counts)).all()):
        raise PrivacyError("counts are whole numbers from 0; count again where one is negative, absent or a fraction")
    cells = np.vstack([counts, counts.sum(axis=0)])
    n_rows, n_columns = cells.shape
    relations = _relations(n_rows, list(table.columns), sums)
    never = np.tile(table.columns.isin(list(unpublished)), (n_rows, 1))
    flagged = np.zeros_like(never)
    if withhold is not None:
        flagged[:-1] = withhold.reindex(index=table.index, columns=table.columns, fill_value=False).to_numpy("bool")
    hidden = withheld(cells.ravel(), relations, below=below, unpublished=never.ravel(), sensitive=flagged.ravel())
    shown = pd.DataFrame(cells.astype("int64"), index=[*table.index, TOTAL], columns=table.columns).astype("Int64")
    return shown.mask(hidden.reshape(n_rows, n_columns))


def withheld(
    counts: Floats,
    relations: Floats,
    *,
    below: int = BELOW,
    unpublished: Flags | None = None,
    sensitive: Flags | None = None,
) -> Flags:
    """Which of the counts to withhold when `relations @ counts == 0` is known to everybody.

    `counts`: one value a cell. `relations`: one row a sum, 1 for the parts, -1 for the sum. `unpublished` cells are withheld
    at no cost, `sensitive` ones are guarded whatever their size. For one guarded cell after the other, linear programmes
    look for two more tables that equal the true one in what is shown and have no negative count: in one the cell is 0, in the
    other `below` (of a larger sensitive cell: itself, and one more). The cells in which they differ from the true one are
    withheld, at the least sum of counts. Raises PrivacyError where the sums do not hold.
    """
    if np.abs(relations @ counts).max(initial=0) > 0.5:
        raise PrivacyError("parts do not add up to their sum; count both from the same rows")
    guarded = counts < below
    guarded = guarded if sensitive is None else guarded | sensitive
    hidden = guarded.copy() if unpublished is None else guarded | unpublished
    if not guarded.any():
        return hidden

    from scipy.optimize import linprog
    from scipy.sparse import csr_matrix, hstack

    rise, fall = np.where(counts < below, below - counts, 1.0), np.where(counts < below, counts, 0.0)
    missing = np.where(guarded, [rise, fall], 0.0)
    known = csr_matrix(relations)
    both_ways = hstack([known, -known]).tocsr()
    n = len(counts)
    for direction, cell in ((sign, cell) for cell in np.argsort(counts, kind="stable") for sign in (0, 1)):
        amount = missing[direction, cell]
        if amount <= 0:
            continue
        bounds = np.column_stack([np.zeros(2 * n), np.concatenate([np.full(n, np.inf), counts])])
        bounds[[cell, n + cell]] = 0.0
        bounds[cell + n * direction] = amount
        cost = np.tile(np.where(hidden, 0.0, counts), 2)
        found = linprog(cost, A_eq=both_ways, b_eq=np.zeros(len(relations)), bounds=bounds, method="highs")
        if found.status != 0:
            raise PrivacyError(f"cell {cell} cannot be guarded: {found.message}")
        change = found.x[:n] - found.x[n:]
        hidden |= np.abs(change) > EXACTNESS
        missing[np.stack([change, -change]) >= missing - EXACTNESS] = 0.0
    return hidden


def _relations(n_rows: int, columns: list[str], sums: Sequence[Sum]) -> Floats:
    """One line for each sum within a row, the row of totals included, and one for each column's total."""
    cells = np.arange(n_rows * len(columns)).reshape(n_rows, len(columns))
    lines = []
    for whole, parts in sums:
        for row in cells:
            line = np.zeros(cells.size)
            line[row[[columns.index(part) for part in parts]]] = 1
            line[row[columns.index(whole)]] = -1
            lines.append(line)
    for column in cells.T:
        line = np.zeros(cells.size)
        line[column[:-1]] = 1
        line[column[-1]] = -1
        lines.append(line)
    return np.array(lines)
