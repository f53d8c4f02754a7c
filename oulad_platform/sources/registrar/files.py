"""Extracts from a folder or bucket of daily files: strict CSV or parquet, one file a day.

Where files are opened is `sources.files`; how CSV lines are read is `sources.csv_lines` and `sources.csv_fields`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.core.checks import ContractError, Finding
from oulad_platform.sources.csv_fields import is_utf8, read_arrow, strict_columns
from oulad_platform.sources.csv_lines import Block, read_blocks, read_header
from oulad_platform.sources.files import REMEDY, SourceFile, files_in, place_of, readable
from oulad_platform.sources.registrar.config import RegistrarConfig
from oulad_platform.sources.registrar.extract import Extract, RegistrarError, arrow_text, find_columns, positions, rows_of

PARQUET, CSV = (".parquet",), (".csv", ".csv.gz")
PARQUET_ROWS = 65_536


@dataclass(frozen=True)
class FilesRegistrar:
    """One file a day in the folder or bucket prefix `location`, named by the configured pattern."""

    location: str
    config: RegistrarConfig
    region: str | None = None

    def extract(self, days: Sequence[date], tables: Mapping[str, pd.DataFrame]) -> Iterator[Extract]:
        """The rows of each day's file; `tables` are not used. Raises RegistrarError naming file, row and next step."""
        try:
            with readable(self.location):
                found = files_in(place_of(self.location, self.region))
        except ContractError as error:
            raise RegistrarError(f"registrar's files: {error}") from error
        for day in days:
            file = self._file(day, found)
            try:
                with file.opened() as stream:
                    rows = (_parquet if file.name.endswith(PARQUET) else read_csv)(stream, file.name, self.config)
            except ContractError as error:
                raise RegistrarError(f"registrar's extract for {day}: {error}") from error
            yield Extract(day, rows, file.name)

    def _file(self, day: date, found: Sequence[SourceFile]) -> SourceFile:
        pattern = self.config.file_pattern.format(date=day)
        files = [file for file in found if fnmatchcase(file.name, pattern)]
        if len(files) == 1 and files[0].name.endswith(CSV + PARQUET):
            return files[0]
        if files:
            names = ", ".join(sorted(file.name for file in files)[:5])
            rule = "is not .csv, .csv.gz or .parquet" if len(files) == 1 else "are several files for one day; keep one"
            raise RegistrarError(f"registrar's extract for {day}: {names} {rule} (registrar.file_pattern is {pattern!r})")
        nearest = difflib.get_close_matches(pattern, [file.name for file in found], n=1, cutoff=0.0)
        hint = f"the nearest of {len(found):,} names is {nearest[0]!r}" if nearest else "there are no files at all"
        raise RegistrarError(
            f"registrar's extract for {day}: no file {pattern!r} in {self.location}, {hint}; run again when it has arrived"
        )


def read_csv(stream: BinaryIO, where: str, config: RegistrarConfig) -> pd.DataFrame:
    """The rows of a CSV stream with a header; memory is bounded by them. Raises ContractError or RegistrarError by row."""
    names, batches = read_csv_batches(stream, where, config)
    return rows_of(batches, find_columns(names, config, where), config)


def read_csv_batches(stream: BinaryIO, where: str, config: RegistrarConfig) -> tuple[Sequence[str], list[pa.Table]]:
    """The header of a seekable CSV stream, and the texts of the wanted columns in batches, named by their position."""
    names: Sequence[str] = ()
    wanted: list[int] = []
    batches = []
    for block in read_blocks(stream, where, (), {}):
        if not names:
            names = block.layout.names
            wanted = positions(find_columns(names, config, where))
        texts = _texts(block, wanted)
        _refuse_repeated_header(texts, block)
        batches.append(pa.table({str(place): text for place, text in texts.items()}))
    if not names:
        stream.seek(0)
        names = read_header(stream.read().removeprefix(b"\xef\xbb\xbf").rstrip(b"\r\n"), where, (), {}).names
    return names, batches


def _texts(block: Block, wanted: Sequence[int]) -> dict[int, pa.Array]:
    """The wanted fields of a block as they are written, by position; whatever Arrow might misread is read line by line."""
    if block.marks.regular and b"\0" not in block.text and is_utf8(block.text):
        table = read_arrow(block, {f"#{place}": pa.string() for place in wanted})
        if table is not None and len(table) == block.marks.lines:
            return {place: table[f"#{place}"].combine_chunks() for place in wanted}
    exact = strict_columns(block)
    return {place: exact[place] for place in wanted}


def _refuse_repeated_header(texts: Mapping[int, pa.Array], block: Block) -> None:
    same = [pc.equal(text, block.layout.names[place]).to_numpy(zero_copy_only=False) for place, text in texts.items()]
    repeats = np.flatnonzero(np.logical_and.reduce(same)).tolist() if same else []
    if repeats:
        rule = "repeats the header in the middle of the file; were two files joined?"
        raise ContractError([Finding(block.layout.where, rule, block.first_row + place) for place in repeats], REMEDY)


def _parquet(stream: BinaryIO, where: str, config: RegistrarConfig) -> pd.DataFrame:
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(stream)
        names = file.schema_arrow.names
        places = find_columns(names, config, where)
        batches, row = [], 1
        for batch in file.iter_batches(PARQUET_ROWS, columns=[names[place] for place in positions(places)]):
            texts = {str(place): arrow_text(batch.column(names[place]), names[place], where, row) for place in positions(places)}
            batches.append(pa.table(texts))
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise ContractError([Finding(where, f"is no parquet file, or damaged: {error}")], REMEDY) from error
    return rows_of(batches, places, config)
