"""A snapshot as numbers, so that comparing two days is arithmetic on arrays and not a join of texts.

What is compared and counted is decided in `enrollment.deltas` and `enrollment.metrics`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.core.checks import ContractError, Finding, masked
from oulad_platform.enrollment.tables import ENROLLMENT_SNAPSHOTS

LABELS = ("division", "program", "level", "status", "term")
SNAPSHOT_COLUMNS = ("student_id", *LABELS, "term_start_date", "term_end_date", "first_enrolled_date")
NOBODY = -1
EPOCH = date(1970, 1, 1).toordinal()
UNKNOWN = np.iinfo(np.int32).max  # a date that is absent: later than any day

Ints = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Words(dict[str | None, int]):
    """A number for each text, in the order in which they were first asked for."""

    def __missing__(self, text: str | None) -> int:
        self[text] = len(self)
        return self[text]

    def texts(self, numbers: npt.NDArray[np.integer]) -> pd.Series:
        """The texts of numbers, absent for NOBODY."""
        return pd.Series([*self, None], dtype="str").take(numbers).reset_index(drop=True)


Vocabulary = Mapping[str, Words]


def vocabulary() -> dict[str, Words]:
    """A number for every label, to be shared by all snapshots that are compared."""
    return {label: Words() for label in LABELS}


@dataclass(frozen=True)
class Snapshot:
    """One day's rows as numbers: labels as in the vocabulary, dates as days since 1970 or UNKNOWN.

    A student's number is the first row they have here; `as_before` holds the numbers they have in the snapshot before.
    """

    day: date
    ids: pa.StringArray
    student: Rows
    as_before: Rows
    labels: Mapping[str, Ints]
    term_start: Ints
    term_end: Ints
    first_enrolled: Ints

    @classmethod
    def read(cls, day: date, rows: pa.Table, words: Vocabulary, before: Snapshot | None) -> Snapshot:
        """The Arrow rows (SNAPSHOT_COLUMNS; texts plain or as dictionaries) as numbers; `before` is the snapshot before.

        Raises ContractError when a student and program repeats.
        """
        ids = rows["student_id"].cast(pa.string()).combine_chunks()
        labels = {label: _encode(rows[label], words[label]) for label in LABELS}
        as_before = _students(ids, before)
        student = _first_rows(as_before)
        _refuse_repeats(day, ids, student, labels["program"], words["program"])
        dates = (_days(rows[name]) for name in ("term_start_date", "term_end_date", "first_enrolled_date"))
        return cls(day, ids, student, as_before, labels, *dates)

    def term_starts(self, n_terms: int) -> Ints:
        """The first day of each term of the vocabulary, the earliest that its rows say, else UNKNOWN."""
        starts = np.full(n_terms, UNKNOWN, dtype="int32")
        np.minimum.at(starts, self.labels["term"], self.term_start)
        return starts


def day_number(day: date) -> int:
    """Days since 1970."""
    return day.toordinal() - EPOCH


def texts_at(values: pa.StringArray, rows: Rows) -> list[str]:
    """The texts of some rows."""
    return values.take(pa.array(rows)).to_pylist()


def _days(column: pa.ChunkedArray) -> Ints:
    return column.cast(pa.date32()).cast(pa.int32()).fill_null(UNKNOWN).to_numpy()


def _encode(column: pa.ChunkedArray, words: Words) -> Ints:
    """Each value's number; an absent value has one too."""
    numbers = [np.empty(0, dtype="int32")]
    for chunk in column.chunks:
        coded = chunk if pa.types.is_dictionary(chunk.type) else chunk.dictionary_encode()
        texts = coded.dictionary.to_pylist() + [None] * (coded.null_count > 0)
        number_of = np.array([words[text] for text in texts], dtype="int32")
        numbers.append(number_of[coded.indices.fill_null(len(texts) - 1).to_numpy()])
    return np.concatenate(numbers)


def _students(ids: pa.StringArray, before: Snapshot | None) -> Rows:
    """The number that each row's student has in `before`, else one that nobody there has.

    Numbers follow the rows of `before`: they ascend where both days are stored sorted, which makes matching them fast.
    """
    if before is None:
        return ids.dictionary_encode().indices.to_numpy().astype("int64")
    numbers = pc.index_in(ids, value_set=before.ids).fill_null(NOBODY).to_numpy().astype("int64")
    is_known = numbers != NOBODY
    numbers[is_known] = before.student[numbers[is_known]]
    newcomers = ids.filter(pa.array(~is_known)).dictionary_encode()
    numbers[~is_known] = len(before.ids) + newcomers.indices.to_numpy()
    return numbers


def _first_rows(numbers: npt.NDArray[np.integer]) -> Rows:
    """For each row the first one with the same number."""
    first = np.empty(numbers.max(initial=NOBODY) + 1, dtype="int64")
    first[numbers[::-1]] = np.arange(len(numbers))[::-1]
    return first[numbers]


def _refuse_repeats(day: date, ids: pa.StringArray, student: Rows, program: Ints, programs: Words) -> None:
    pair = student * len(programs) + program
    order = np.argsort(pair, kind="stable")
    repeated = np.sort(order[1:][pair[order[1:]] == pair[order[:-1]]])
    if repeated.size:
        keys = zip(texts_at(ids, repeated), programs.texts(program[repeated]), strict=True)
        findings = [
            Finding(
                ENROLLMENT_SNAPSHOTS.name,
                "repeats a key",
                int(row) + 1,
                " + ".join(ENROLLMENT_SNAPSHOTS.key),
                f"{day}, {masked(id_)}, {name}",
            )
            for row, (id_, name) in zip(repeated, keys, strict=True)
        ]
        raise ContractError(findings, "Changes need one row per student and program; repair the snapshot first.")
