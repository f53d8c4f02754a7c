"""Assets of the seven raw tables: one extract, checked as a whole before the first of them is replaced."""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.core.calendar import newest_day
from oulad_platform.core.tables import student_column
from oulad_platform.defs.catalog import Entry, entry, of_group
from oulad_platform.defs.resources import Platform
from oulad_platform.sources.tables import SMALL_TABLES, STUDENT_VLE


def _out(raw: Entry) -> dg.AssetOut:
    return dg.AssetOut(**raw.out())


@dg.multi_asset(name="campus", outs={raw.table.name: _out(raw) for raw in of_group("sources")})
def campus(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[dg.Output[object]]:
    """The clicks come first: their stream is checked against the other six tables, and a fault in any leaves all seven."""
    source = platform.campus()
    tables = source.tables()
    platform.claim()
    students = tables["student_info"]["id_student"]
    erased = pa.array(students[platform.erased(students)].unique())
    context.log.info(f"the newest day of the data is {newest_day(tables['courses'], platform.today())}")
    clicks = source.clicks(tables)
    yield dg.Output(((part, _without(erased, rows)) for part, rows in clicks) if len(erased) else clicks, STUDENT_VLE.name)
    for warning in source.warnings:
        context.log.warning(warning)
    for table in SMALL_TABLES:
        rows = tables[table.name]
        yield dg.Output(platform.without_erased(rows, table) if student_column(table) else rows, table.name)


def _without(erased: pa.Array, rows: pa.Table) -> pa.Table:
    return rows.filter(pc.invert(pc.is_in(rows["id_student"], erased)))


CLICKS = entry("sources", STUDENT_VLE.name).key
SMALL = {table.name: entry("sources", table.name).key for table in SMALL_TABLES}
