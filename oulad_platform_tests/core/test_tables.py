"""A table is described once: shapes, types and bounds follow from it."""

import pandas as pd
import pytest

from oulad_platform.core.tables import Column, Reference, Table, TableError

VISITS = Table(
    "visits",
    "One row per person and day.",
    (
        Column("day", "date", "The day."),
        Column("person", "int32", "Who.", minimum=0),
        Column("score", "float32", "Mark.", "percent", nullable=True, minimum=0, maximum=100),
        Column("attempts", "int8", "Attempts.", nullable=True),
        Column("kind", "text", "What.", allowed=("a", "b")),
        Column("is_new", "bool", "First."),
    ),
    key=("day", "person"),
    day="day",
)


def frame(**changes: object) -> pd.DataFrame:
    rows: dict[str, object] = {
        "day": pd.to_datetime(["2014-01-02", "2014-01-01"]),
        "person": [2, 1],
        "score": [None, 50.0],
        "attempts": [3, None],
        "kind": ["a", "b"],
        "is_new": [True, False],
    }
    return pd.DataFrame({**rows, **changes})


def test_conform_orders_columns_types_and_rows() -> None:
    conformed = VISITS.conform(frame()[["kind", "is_new", "attempts", "score", "person", "day"]])
    assert list(conformed.columns) == ["day", "person", "score", "attempts", "kind", "is_new"]
    assert [str(dtype) for dtype in conformed.dtypes] == ["datetime64[us]", "int32", "float32", "Int8", "str", "bool"]
    assert conformed["person"].tolist() == [1, 2]


def test_conform_names_missing_and_unexpected_columns() -> None:
    with pytest.raises(TableError, match=r"visits: missing columns \['kind'\], unexpected columns \['color'\]"):
        VISITS.conform(frame().rename(columns={"kind": "color"}))


def test_conform_names_the_column_that_cannot_take_its_type() -> None:
    with pytest.raises(TableError, match="visits, column person: not int32"):
        VISITS.conform(frame(person=["x", "y"]))


def test_a_number_that_does_not_fit_its_narrow_type_is_refused() -> None:
    with pytest.raises(TableError, match="column person"):
        VISITS.conform(frame(person=[2.5, 1.0]))


@pytest.mark.fault("property 7")
def test_arrow_round_trip_keeps_values_types_and_absence() -> None:
    conformed = VISITS.conform(frame())
    assert VISITS.from_arrow(VISITS.to_arrow(conformed)).equals(conformed)


def test_an_empty_frame_has_every_column_in_its_type() -> None:
    assert VISITS.empty().dtypes.to_dict() == VISITS.conform(frame()).dtypes.to_dict()


def test_a_key_that_names_no_column_is_refused_at_once() -> None:
    with pytest.raises(TableError, match="unknown columns \\['who'\\]"):
        Table("visits", "One row per person.", VISITS.columns, key=("who",))


def test_a_reference_or_index_that_names_no_column_is_refused_at_once() -> None:
    notes = VISITS.columns
    with pytest.raises(TableError, match="unknown columns \\['month'\\]"):
        Table("notes", "One row per note.", notes, key=("person",), references=(Reference(("month", "person"), VISITS),))
    with pytest.raises(TableError, match="unknown columns \\['month'\\]"):
        Table("notes", "One row per note.", notes, key=("person",), indexes=(("person", "month"),))


@pytest.mark.parametrize("columns", [("person", "day"), ("day",)])
def test_a_reference_that_does_not_fit_the_key_it_refers_to_is_refused_at_once(columns: tuple[str, ...]) -> None:
    with pytest.raises(TableError, match="do not fit the key of visits"):
        Table("notes", "One row per note.", VISITS.columns, key=("person",), references=(Reference(columns, VISITS),))
