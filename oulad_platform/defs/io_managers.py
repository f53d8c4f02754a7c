"""How frames are kept: validated against their table first, then one slice replaced whole, then counted.

Persistence glue only: which store, which days. No data is computed or filtered here beyond picking days.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from oulad_platform.core.checks import require
from oulad_platform.core.tables import Table
from oulad_platform.defs.catalog import CATALOG, Entry
from oulad_platform.defs.metadata import preview
from oulad_platform.defs.partitions import days_of
from oulad_platform.defs.resources import Platform
from oulad_platform.storage.errors import MissingFileError
from oulad_platform.storage.lake import Parts

if TYPE_CHECKING:
    from oulad_platform.success.modelling.model import RiskModel

NEWEST = {"newest_days": 1}
NEWEST_MADE = {"newest_days": 1, "with_rows": False}
NEWEST_WEEK = {"newest_days": 8}
ALL_DAYS = {"newest_days": 0}
DAY_BY_DAY = {"day_by_day": True}
MODELS, SUFFIX = "models", ".model"
MODEL_INDEX = f"{MODELS}/index.json"


def lazily(columns: Sequence[str], dictionary: Sequence[str] = ()) -> dict[str, Any]:
    """Input metadata: every stored day as an Arrow table, or part as a frame, of these columns, read when it is asked for."""
    return {"columns": list(columns), "dictionary": list(dictionary)}


@dataclass(frozen=True)
class Days:
    """Rows of the run's days and of `others`, stored days whose rows follow from those."""

    frame: pd.DataFrame
    others: Sequence[date]


class MissingDaysError(LookupError):
    """A day that this run builds on has not been made."""


class TableIOManager(dg.IOManager):
    """Keeps each asset's table in the store the catalog names, lake or warehouse.

    A day-partitioned table is replaced day by day, from a frame or from a stream of days and their frame; an unpartitioned reader
    of it gets its newest day with rows (`NEWEST`) or the newest that was made (`NEWEST_MADE`), a week or everything; any reader
    may ask for single days (`DAY_BY_DAY`). A table of parts is written from a stream and read one part at a time, a versioned
    one from a stream of days.
    """

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None:
        entry = CATALOG[context.asset_key]
        if entry.parts:
            self._write_parts(context, entry, obj)
        elif entry.versioned:
            self._write_versions(context, entry, obj)
        elif context.has_asset_partitions:
            self._write_days(context, entry, obj)
        else:
            frame = require(obj, entry.table)
            if entry.store == "lake":
                rows = self.platform.lake.replace(entry.line, entry.table, frame)
            else:
                rows = self.platform.database.replace(entry.table, frame)
            context.add_output_metadata({"dagster/row_count": rows, **_preview(entry, frame)})

    def _write_parts(self, context: dg.OutputContext, entry: Entry, chunks: Iterable[tuple[str, Any]]) -> None:
        rows = self.platform.lake.replace_parts(entry.line, entry.table, _checked(entry.table, chunks))
        table = pd.DataFrame({"presentation": list(rows), "rows": list(rows.values())})
        context.add_output_metadata({"dagster/row_count": sum(rows.values()), "presentations": preview(table, len(table))})

    def _write_versions(self, context: dg.OutputContext, entry: Entry, days: Iterable[tuple[date, pd.DataFrame]]) -> None:
        rows = {}
        for day, frame in days:
            rows[day] = len(frame)
            self.platform.lake.replace_day_versioned(entry.line, entry.table, require(frame, entry.table), day)
        self._count(context, rows)

    def _count(self, context: dg.OutputContext, rows: Mapping[date, int]) -> None:
        for key in context.asset_partition_keys:
            counted = {"dagster/partition_row_count": rows[date.fromisoformat(key)]}
            context.step_context.add_asset_metadata(counted, asset_key=context.asset_key, partition_key=key)

    def _write_days(
        self, context: dg.OutputContext, entry: Entry, obj: pd.DataFrame | Days | Iterator[tuple[Sequence[date], pd.DataFrame]]
    ) -> None:
        keys = context.asset_partition_keys
        days = [date.fromisoformat(key) for key in keys]
        if isinstance(obj, pd.DataFrame | Days):
            made, others = (obj.frame, obj.others) if isinstance(obj, Days) else (obj, ())
            pieces: Iterable[tuple[Sequence[date], Sequence[date], pd.DataFrame]] = [(days, others, made)]
        else:
            pieces = ((own, (), made) for own, made in obj)
        rows: dict[date, int] = {}
        for own, others, made in pieces:
            frame = require(made, entry.table, days=own)
            if entry.store == "lake":
                rows |= self.platform.lake.replace_days(entry.line, entry.table, frame, [*own, *others])
            else:
                rows |= self.platform.database.replace_days(entry.table, frame, [*own, *others])
        self._count(context, rows)
        newest = frame[frame[entry.table.day] == frame[entry.table.day].max()]
        context.step_context.add_asset_metadata(_preview(entry, newest), asset_key=context.asset_key, partition_key=keys[-1])

    def load_input(self, context: dg.InputContext) -> Any:
        entry = CATALOG[context.asset_key]
        store = self.platform.lake if entry.store == "lake" else None
        if entry.parts:
            return self.platform.lake.parts(entry.line, entry.table, context.definition_metadata.get("columns"))
        if not context.has_asset_partitions:
            return store.read(entry.line, entry.table) if store else self.platform.database.read(entry.table)
        if columns := context.definition_metadata.get("columns"):
            self._days_of_the_run(context, entry)
            return self.platform.lake.daily(entry.line, entry.table, columns, context.definition_metadata["dictionary"])
        if context.definition_metadata.get("day_by_day"):
            self._days_of_the_run(context, entry)
            return self._day_by_day(entry)
        wanted = context.definition_metadata.get("newest_days")
        with_rows = context.definition_metadata.get("with_rows", True)
        days = self._days_of_the_run(context, entry) if wanted is None else self._newest_days(entry, wanted, with_rows)
        return store.read_days(entry.line, entry.table, days) if store else self.platform.database.read_days(entry.table, days)

    def _day_by_day(self, entry: Entry) -> Parts[date, pd.DataFrame]:
        """Every stored day as a frame, read when it is asked for."""
        stored = self.platform.lake.daily(entry.line, entry.table)
        return Parts(lambda: list(stored), lambda day: entry.table.from_arrow(stored[day]), f"{entry.table.name} has no day")

    def _days_of_the_run(self, context: dg.InputContext, entry: Entry) -> list[date]:
        """Days before the run's own may be unknown; its own must have been made, for a missing day is not one without rows."""
        days = [day.date() for day in days_of(context.asset_partition_keys)]
        first = date.fromisoformat(context.step_context.partition_key_range.start)
        absent = sorted({day for day in days if day >= first} - set(self.platform.stored_days(entry)))
        if absent:
            raise MissingDaysError(
                f"{entry.key.to_user_string()} has not been made for {absent[0]}"
                f"{f' and {len(absent) - 1} more days' if len(absent) > 1 else ''}; materialize it for these days first"
            )
        return days

    def _newest_days(self, entry: Entry, wanted: int, with_rows: bool) -> list[date]:
        if not wanted:
            return self.platform.stored_days(entry)
        newest = self.platform.newest_stored_day(entry) if with_rows else max(self.platform.stored_days(entry), default=None)
        return [] if newest is None else [newest - timedelta(days=back) for back in reversed(range(wanted))]


def _checked(table: Table, chunks: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, pa.Table]]:
    """Frames are validated here; Arrow chunks come from a source that has done so while reading."""
    for part, chunk in chunks:
        yield part, table.to_arrow(require(chunk, table)) if isinstance(chunk, pd.DataFrame) else chunk


def _preview(entry: Entry, frame: pd.DataFrame) -> dict[str, dg.TableMetadataValue]:
    """The first rows of a table, unless its rows are about single persons: the event log is no place for those."""
    return {} if entry.pii else {"preview": preview(frame)}


class ModelIOManager(dg.IOManager):
    """Keeps the risk models as files named by content, and an index of them that is written last; loading one runs no code."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform

    def handle_output(self, context: dg.OutputContext, obj: Mapping[str, RiskModel]) -> None:
        from oulad_platform.success.modelling.codec import to_bytes

        artifacts = self.platform.artifacts
        index = {}
        for version, model in obj.items():
            content = to_bytes(model)
            digest = hashlib.sha256(content).hexdigest()
            index[version] = {"file": f"{version}-{digest[:12]}", "sha256": digest}
            artifacts.put(f"{MODELS}/{index[version]['file']}{SUFFIX}", content)
        artifacts.put(MODEL_INDEX, json.dumps(index, indent=2, sort_keys=True).encode())
        for name in set(artifacts.names(MODELS, SUFFIX)) - {one["file"] for one in index.values()}:
            artifacts.remove(f"{MODELS}/{name}{SUFFIX}")
        context.add_output_metadata({"versions": len(index), "sha256": dg.MetadataValue.json(index)})

    def load_input(self, context: dg.InputContext) -> dict[str, RiskModel]:
        try:
            return stored_models(self.platform)
        except MissingFileError:
            return {}


def stored_models(platform: Platform) -> dict[str, RiskModel]:
    """The risk models by version. Raises MissingFileError before the first training."""
    from oulad_platform.success.modelling.codec import from_bytes

    artifacts = platform.artifacts
    index = json.loads(artifacts.get(MODEL_INDEX))
    return {name: from_bytes(artifacts.get(f"{MODELS}/{one['file']}{SUFFIX}", one["sha256"])) for name, one in index.items()}
