"""Tests of core.pseudonyms: one person, one name, which nobody undoes or repeats without the key."""

from __future__ import annotations

import hashlib
import hmac

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from oulad_platform.core.pseudonyms import DEMO, PseudonymError, Pseudonyms, normalised

KEY, OTHER = b"a key of thirty-two characters 1", b"a key of thirty-two characters 2"
ONE, TWO = Pseudonyms({"k1": KEY}, "k1"), Pseudonyms({"k2": OTHER}, "k2")
ROTATED = Pseudonyms({"k1": KEY, "k2": OTHER}, "k2")
IDENTIFIERS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30).filter(lambda text: normalised(text) != "")


@pytest.mark.fault("property 10")
def test_it_is_the_hmac_sha256_of_the_identifier_cut_to_128_bits_after_the_keys_name() -> None:
    assert ONE.one("S001") == "k1-" + hmac.new(KEY, b"S001", hashlib.sha256).hexdigest()[:32]
    assert ONE.one("S001") == "k1-1d3894b59787a625590a20ab13214e78"


@pytest.mark.fault("H11")
@pytest.mark.parametrize(
    ("spelling", "same"),
    [
        ("S001 ", True),
        ("\tS001\u00a0", True),
        ("s001", False),
        ("S01", False),
        ("\uff33\uff10\uff10\uff11", False),  # full-width: other characters to the source, so another person (NFC, not NFKC)
    ],
)
def test_blanks_around_an_identifier_are_no_part_of_it_and_everything_else_is(spelling: str, same: bool) -> None:
    assert (ONE.one(spelling) == ONE.one("S001")) is same


@pytest.mark.fault("H11")
def test_one_letter_in_two_unicode_spellings_is_one_person() -> None:
    assert ONE.one("Zoe\u0308") == ONE.one("Zo\u00eb")


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        (pd.Series([11391, 28400], dtype="int32"), ["11391", "28400"]),
        (pd.Series([11391, None], dtype="Int64"), ["11391", None]),
        (pd.Series([], dtype="int32"), []),
    ],
)
def test_a_number_and_its_digits_are_one_person_and_nobody_has_no_pseudonym(numbers: pd.Series, texts: list[str | None]) -> None:
    named = ONE.of(numbers)
    pd.testing.assert_series_equal(named, ONE.of(pd.Series(texts, dtype="str")))
    assert named.dtype == "str"
    assert named.isna().tolist() == [text is None for text in texts]


@pytest.mark.fault("property 10")
@given(IDENTIFIERS)
def test_it_is_the_same_each_time_depends_on_the_key_and_never_holds_the_identifier(identifier: str) -> None:
    name = ONE.one(identifier)
    assert name == Pseudonyms({"k1": KEY}, "k1").one(identifier)
    assert name[3:] != TWO.one(identifier)[3:]
    digits = name.partition("-")[2]
    assert len(digits) == 32
    assert set(digits) <= set("0123456789abcdef")
    assert len(normalised(identifier)) < 6 or normalised(identifier) not in name


@pytest.mark.fault("property 10")
@given(st.sets(IDENTIFIERS.map(normalised), min_size=2, max_size=50))
def test_different_identifiers_have_different_pseudonyms(identifiers: set[str]) -> None:
    assert ONE.of(pd.Series(sorted(identifiers), dtype="str")).nunique() == len(identifiers)


def test_numbers_in_a_row_do_not_collide_in_the_first_64_bits() -> None:
    assert len({ONE.one(number)[:19] for number in range(100_000)}) == 100_000


@pytest.mark.fault("H10")
def test_after_a_rotation_new_names_have_the_new_key_and_old_ones_are_found_by_theirs() -> None:
    students = pd.Series([1, 2, 3])
    assert ROTATED.of(students).tolist() == TWO.of(students).tolist()
    assert ROTATED.of(students, "k1").tolist() == ONE.of(students).tolist()
    assert ROTATED.every(1) == [TWO.one(1), ONE.one(1)]
    known = [ONE.one(1), TWO.one(3)]
    assert ROTATED.known_as(students, known).tolist() == [True, False, True]
    with pytest.raises(PseudonymError, match="the pseudonym key k1 is not configured; add it to PSEUDONYM_OLD_KEYS"):
        TWO.known_as(students, known)


@pytest.mark.fault("H10")
def test_a_short_key_is_refused_by_its_name_and_no_key_is_ever_shown() -> None:
    with pytest.raises(PseudonymError, match="the pseudonym key k9 is shorter than 32 characters") as refused:
        Pseudonyms({"k1": KEY, "k9": KEY[:31]}, "k1")
    assert KEY.decode()[:10] not in str(refused.value)
    assert KEY.decode() not in repr(ONE)


def test_the_demo_key_says_what_it_is() -> None:
    assert DEMO.one(1).startswith("demo-")
