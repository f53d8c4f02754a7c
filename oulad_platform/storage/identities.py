"""Who is who: students' identifiers become pseudonyms on their way into the warehouse, and identifiers again on the way out.

The table STUDENT_KEYS, in the restricted schema, is the only place that says which pseudonym is whose. Making a pseudonym is
`core.pseudonyms`'; when rows are written and read is `storage.database`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

import pandas as pd

from oulad_platform.core.pseudonyms import ERASURES, STUDENT_KEYS, Pseudonyms, normalised
from oulad_platform.core.tables import STUDENT_KEY, Table, stored, student_column
from oulad_platform.storage import engines
from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.schema import sql_table
from oulad_platform.storage.slices import arrow_rows

if TYPE_CHECKING:
    import sqlalchemy as sa


def pseudonymous(table: Table, frame: pd.DataFrame, pseudonyms: Pseudonyms) -> pd.DataFrame:
    """The conforming frame in the shape of `stored(table)`, in the order of that table's key, so that order tells nobody's id."""
    name = str(student_column(table))
    return stored(table).conform(frame.assign(**{name: pseudonyms.of(frame[name])}).rename(columns={name: STUDENT_KEY.name}))


def keys_of(persons: pd.Series, pseudonyms: Pseudonyms) -> pd.DataFrame:
    """STUDENT_KEYS of these identifiers under the current key."""
    each = pd.Series(persons.dropna().unique())
    made = {"student_key": pseudonyms.of(each), "key_id": pseudonyms.current, "student_id": each.map(normalised)}
    return STUDENT_KEYS.conform(pd.DataFrame(made).drop_duplicates("student_key"))


def note(connection: sa.Connection, persons: pd.DataFrame, pseudonyms: Pseudonyms) -> None:
    """Notes whose pseudonyms these STUDENT_KEYS are, in the running transaction, which holds the lock of that table.

    Raises StorageError when a key was exchanged under its id, and for rows about somebody who was erased meanwhile.
    """
    import sqlalchemy as sa

    known, erased = (
        engines.select(connection, table, sa.select(sql_table(table))).to_pandas() for table in (STUDENT_KEYS, ERASURES)
    )
    others = pseudonyms.other_keys(known)
    if others:
        raise StorageError(
            f"the pseudonym key {', '.join(others)} configured here is not the one that stored pseudonyms were made with; "
            "nothing was changed; set it as it was, or give the new key an id of its own (PSEUDONYM_KEY_ID)"
        )
    n_erased = int(pseudonyms.known_as(persons["student_id"], erased["student_key"]).sum())
    if n_erased:
        raise StorageError(f"{n_erased} of the students to be written were erased meanwhile; nothing was changed; run again")
    new = persons[~persons["student_key"].isin(known["student_key"])]
    if len(new):
        engines.insert(connection, STUDENT_KEYS, arrow_rows(STUDENT_KEYS, new), known="kept")


class Identities:
    """Pseudonyms that were read before, and whose they are: a pseudonym never comes to mean somebody else."""

    def __init__(self, read: Callable[[], pd.DataFrame]) -> None:
        self._read = read
        self._known: dict[str, str] = {}

    def of(self, table: Table, frame: pd.DataFrame) -> pd.DataFrame:
        """Rows of `stored(table)` as rows of `table`, in its key's order. Raises StorageError for a pseudonym of nobody."""
        unknown = self._unknown(frame[STUDENT_KEY.name].dropna().unique())
        if unknown:
            raise StorageError(
                f"{table.name}: student_keys does not know {len(unknown):,} of its pseudonyms; restore student_keys from a "
                "backup, or make the days again"
            )
        name = str(student_column(table))
        persons = frame[STUDENT_KEY.name].map(self._known)
        return table.conform(frame.assign(**{STUDENT_KEY.name: persons}).rename(columns={STUDENT_KEY.name: name}))

    def _unknown(self, keys: Collection[str]) -> set[str]:
        if not set(keys) <= self._known.keys():
            rows = self._read()
            self._known |= dict(zip(rows["student_key"], rows["student_id"], strict=True))
        return set(keys) - self._known.keys()
