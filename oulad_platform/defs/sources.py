"""Assets of the seven raw tables: one extract, checked as a whole before the first of them is replaced."""

from collections.abc import Iterator

import dagster as dg

from oulad_platform.core.calendar import newest_day
from oulad_platform.defs.catalog import Entry, entry, of_group
from oulad_platform.defs.resources import Platform
from oulad_platform.sources.tables import SMALL_TABLES, STUDENT_VLE


def _out(raw: Entry) -> dg.AssetOut:
    return dg.AssetOut(**raw.spec())


@dg.multi_asset(name="campus", outs={raw.table.name: _out(raw) for raw in of_group("sources")})
def campus(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[dg.Output[object]]:
    """The clicks come first: their stream is checked against the other six tables, and a fault in any leaves all seven."""
    source = platform.campus()
    tables = source.tables()
    platform.claim()
    context.log.info(f"the newest day of the data is {newest_day(tables['courses'], platform.today())}")
    yield dg.Output(source.clicks(tables), STUDENT_VLE.name)
    for warning in source.warnings:
        context.log.warning(warning)
    for table in SMALL_TABLES:
        yield dg.Output(tables[table.name], table.name)


CLICKS = entry("sources", STUDENT_VLE.name).key
SMALL = {table.name: entry("sources", table.name).key for table in SMALL_TABLES}
