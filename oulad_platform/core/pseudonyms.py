"""Students' pseudonyms: what an identifier is called outside the restricted zone. Where they are kept is `storage`'s.

HMAC-SHA256 (RFC 2104, FIPS 198-1) of the normalised identifier, cut to 128 bits (NIST SP 800-107 r1, 5.1): who does not hold the
key can neither undo nor repeat it, though identifiers are few enough to try them all.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pandas as pd

from oulad_platform.core.tables import STUDENT_KEY, Column, Table

DEMO_KEYS = {"demo": b"published: for the demo and for trying out only"}
SHORTEST_KEY = 32
DIGITS = 32
STUDENT_KEYS = Table(
    "student_keys",
    "One row per pseudonym: whose it is. Who may read it can name every row of the warehouse.",
    (
        STUDENT_KEY,
        Column("key_id", "text", "The key it was made with."),
        Column("student_id", "text", "The student's identifier in the source, as text.", personal=True),
    ),
    key=("student_key",),
    allow_empty=True,
    restricted=True,
    row_security=True,
)

ERASURES = Table(
    "erasures",
    "One row per pseudonym of a person who was erased: what is extracted about them from then on is left out.",
    (
        STUDENT_KEY,
        Column("key_id", "text", "The key it was made with; it is needed as long as extracts may hold the person."),
        Column("erased_at", "timestamp", "When, UTC."),
        Column("erased_by", "text", "Who.", personal=True),
        Column("reason", "text", "Why, in their words."),
        Column("first_date", "date", "First day that anything was kept of them; absent: none.", nullable=True),
        Column("last_date", "date", "Last day that was made then; the days between follow from what was removed.", nullable=True),
        Column("finished_at", "timestamp", "When what follows had been made again, UTC; absent: it broke off.", nullable=True),
    ),
    key=("student_key",),
    allow_empty=True,
    restricted=True,
)


class PseudonymError(ValueError):
    """A key that protects nobody, or identifiers that are none."""


@dataclass(frozen=True)
class Pseudonyms:
    """The keys by their id, and the id of the one that new pseudonyms are made with. Raises PseudonymError for a short key."""

    keys: Mapping[str, bytes] = field(repr=False)
    current: str

    def __post_init__(self) -> None:
        short = sorted(name for name, key in self.keys.items() if len(key) < SHORTEST_KEY)
        if short:
            raise PseudonymError(
                f"the pseudonym key {', '.join(short)} is shorter than {SHORTEST_KEY} characters; PSEUDONYM_KEY and "
                "PSEUDONYM_OLD_KEYS take keys of that length or more"
            )

    def of(self, identifiers: pd.Series, key_id: str | None = None) -> pd.Series:
        """The pseudonym of each identifier, `<key id>-<32 hexadecimal digits>`, in a text series of the same index.

        The same person has the same pseudonym whether the identifier is a number or text; an absent identifier has none.
        """
        distinct = identifiers.dropna().unique()
        names = {one: self.one(one, key_id) for one in distinct}
        return identifiers.map(names).astype("str")

    def one(self, identifier: object, key_id: str | None = None) -> str:
        """The pseudonym of one identifier.

        >>> Pseudonyms(DEMO_KEYS, "demo").one(11391) == Pseudonyms(DEMO_KEYS, "demo").one(" 11391 ")
        True
        """
        name = key_id or self.current
        if name not in self.keys:
            raise PseudonymError(f"the pseudonym key {name} is not configured; add it to PSEUDONYM_OLD_KEYS")
        digest = hmac.new(self.keys[name], normalised(identifier).encode(), hashlib.sha256).hexdigest()
        return f"{name}-{digest[:DIGITS]}"

    def known_as(self, identifiers: pd.Series, keys: Collection[str]) -> pd.Series:
        """Whether each identifier has one of these pseudonyms, whatever key made it. Raises PseudonymError without that key."""
        is_known = pd.Series(False, identifiers.index)
        for name in {key.partition("-")[0] for key in keys}:
            is_known |= self.of(identifiers, name).isin(list(keys))
        return is_known

    def other_keys(self, known: pd.DataFrame) -> list[str]:
        """Ids under which another key is configured than STUDENT_KEYS rows were made with: everybody would get second names."""
        one_each = known.drop_duplicates("key_id")
        rows = zip(one_each["key_id"], one_each["student_id"], one_each["student_key"], strict=True)
        return [name for name, person, key in rows if name in self.keys and self.one(person, name) != key]

    def every(self, identifier: object) -> list[str]:
        """What the identifier is called under each key, the current one first."""
        return [self.one(identifier, name) for name in sorted(self.keys, key=lambda name: (name != self.current, name))]


def normalised(identifier: object) -> str:
    """The identifier as text, in Unicode's composed form (NFC) without blanks around it; nothing else is changed.

    >>> normalised("S001 "), normalised(" 00123"), normalised(123)
    ('S001', '00123', '123')
    """
    return unicodedata.normalize("NFC", str(identifier)).strip()


DEMO = Pseudonyms(DEMO_KEYS, "demo")
