"""The seven official OULAD files as frames: which file holds which table, and what the files must know of each other.

Bytes are the business of `sources.files`, text of `sources.csv_lines` and `sources.csv_fields`; nothing is stored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from oulad_platform.core import calendar
from oulad_platform.core.checks import ContractError, Finding, masked
from oulad_platform.core.tables import Column, Table
from oulad_platform.sources.csv_fields import parse_exactly
from oulad_platform.sources.csv_lines import Block, read_blocks
from oulad_platform.sources.csv_quick import parse_quickly
from oulad_platform.sources.files import REMEDY, SourceFile, find_files
from oulad_platform.sources.tables import (
    ASSESSMENTS,
    COURSES,
    STUDENT_ASSESSMENT,
    STUDENT_INFO,
    STUDENT_REGISTRATION,
    STUDENT_VLE,
    VLE,
)

SMALL_FILES: Mapping[str, Table] = {
    "courses": COURSES,
    "assessments": ASSESSMENTS,
    "vle": VLE,
    "studentInfo": STUDENT_INFO,
    "studentRegistration": STUDENT_REGISTRATION,
    "studentAssessment": STUDENT_ASSESSMENT,
}
CLICKS_FILE = "studentVle"
STEMS = (*SMALL_FILES, CLICKS_FILE)
NOT_IN_FILE = "start_date"
SPELLINGS = {"imd_band": (r"^(\d+-\d+)$", r"\1%")}
SPREADSHEET_ROWS = 1_048_576
COURSE = ["code_module", "code_presentation"]
ENROLMENT = [*COURSE, "id_student"]


@dataclass
class OuladFiles:
    """The official files in a folder, a .zip or s3://bucket/prefix.

    `start_dates` gives presentation codes their calendar date where the code does not say it; `shift_days` moves every
    start date, for a replay; `region` is the bucket's, if boto3 shall not find it itself. `warnings` is filled while
    reading: columns that were ignored, row counts at the limit of a spreadsheet.
    """

    uri: str
    start_dates: Mapping[str, date] = field(default_factory=dict)
    shift_days: int = 0
    region: str | None = None
    warnings: list[str] = field(default_factory=list, init=False)

    def tables(self) -> dict[str, pd.DataFrame]:
        """The six small tables by table name, conforming to `sources.tables`, sorted by key, checked against each other.

        Raises ContractError naming file, row, column and value of what is wrong in the files, before anything is returned.
        """
        files = find_files(self.uri, STEMS, self.region)
        frames = {table.name: self._read_small(files[stem], table) for stem, table in SMALL_FILES.items()}
        where = {table.name: files[stem].name for stem, table in SMALL_FILES.items()}
        findings = _unknown_references(frames, where)
        if findings:
            raise ContractError(findings, "The files do not belong together; fetch all seven from one release and run again.")
        return {table.name: table.conform(frames[table.name]) for table in SMALL_FILES.values()}

    def clicks(self, tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pa.Table]]:
        """Chunks of studentVle as (part, rows), a part being module and presentation, such as AAA_2013J.

        A part may come in several chunks; within it rows keep the order of the file and equal rows stay. Memory is bounded
        by the block size. Raises ContractError at the first block with a broken row, or with an enrolment or site that
        `tables` do not know; so nothing may be published before the last chunk.
        """
        file = find_files(self.uri, STEMS, self.region)[CLICKS_FILE]
        known = _Known(file.name, tables)
        n_rows = 0
        with file.opened() as stream:
            for block in read_blocks(stream, file.name, STUDENT_VLE.columns, {}):
                self._warn_of_extra(block)
                parsed = parse_quickly(block)
                parsed = parse_exactly(block) if parsed is None else parsed
                n_rows += len(parsed)
                yield from known.parts(parsed, block.first_row)
        self._check_count(file, n_rows)

    def _read_small(self, file: SourceFile, table: Table) -> pd.DataFrame:
        """One table in the order of its file, so that row i of the frame is row i + 2 of the file."""
        columns = tuple(column for column in table.columns if column.name != NOT_IN_FILE)
        chunks = []
        with file.opened() as stream:
            for block in read_blocks(stream, file.name, columns, SPELLINGS):
                self._warn_of_extra(block)
                chunks.append(parse_exactly(block))
        self._check_count(file, sum(map(len, chunks)))
        frame = _typed(pa.concat_tables(chunks).to_pandas(), columns)
        _refuse_repeated_keys(frame, table, file.name)
        return self._with_start_dates(frame, file.name) if table is COURSES else frame

    def _with_start_dates(self, courses: pd.DataFrame, where: str) -> pd.DataFrame:
        starts, findings = [], []
        for row, code in enumerate(courses["code_presentation"], start=2):
            try:
                starts.append(calendar.start_date(code, self.start_dates) + timedelta(days=self.shift_days))
            except ValueError as error:
                findings.append(Finding(where, f"has no start date: {error}", row, "code_presentation", code))
        if findings:
            raise ContractError(findings, "Give these presentations a date under start_dates in platform.yaml and run again.")
        return courses.assign(start_date=pd.to_datetime(pd.Series(starts, index=courses.index)).astype("datetime64[us]"))

    def _warn_of_extra(self, block: Block) -> None:
        if block.first_row == 2 and block.layout.extra:
            names = ", ".join(repr(name) for name in block.layout.extra)
            self._warn(f"{block.layout.where}: columns that no table knows were ignored: {names}")

    def _check_count(self, file: SourceFile, n_rows: int) -> None:
        if n_rows == 0:
            raise ContractError(
                [Finding(file.name, "has no data rows; an empty extract never means that nobody is there")], REMEDY
            )
        if n_rows in (SPREADSHEET_ROWS, SPREADSHEET_ROWS - 1):
            self._warn(f"{file.name}: has {n_rows:,} rows, the limit of a spreadsheet; was it cut by being saved from one?")

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)


class _Known:
    """What the small tables know: the parts, and each part's students and sites."""

    def __init__(self, where: str, tables: Mapping[str, pd.DataFrame]) -> None:
        self.where = where
        self.parts_known = set(tables["courses"][COURSE].itertuples(index=False, name=None))
        self.students = _ids_by_part(tables["student_info"], "id_student")
        self.sites = _ids_by_part(tables["vle"], "id_site")

    def parts(self, rows: pa.Table, first_row: int) -> Iterator[tuple[str, pa.Table]]:
        """The rows of one block, part by part in file order. Raises ContractError for what the tables do not know."""
        pieces = []
        findings: list[Finding] = []
        for module, presentation, piece, places in _by_part(rows):
            findings += self._findings(module, presentation, piece, first_row + places)
            pieces.append((f"{module}_{presentation}", _in_schema(piece, module, presentation)))
        if findings:
            findings.sort(key=lambda finding: finding.row or 0)
            raise ContractError(findings, "The files do not belong together; fetch all seven from one release and run again.")
        yield from pieces

    def _findings(self, module: str, presentation: str, piece: pa.Table, numbers: npt.NDArray[np.int64]) -> Iterator[Finding]:
        part = (module, presentation)
        if part not in self.parts_known:
            name = " + ".join(COURSE)
            yield Finding(self.where, "is no presentation of courses", int(numbers[0]), name, ", ".join(part))
            return
        for column, known, rule in (
            ("id_student", self.students, f"is not enrolled in {module} {presentation} by studentInfo"),
            ("id_site", self.sites, f"is no site of {module} {presentation} in vle"),
        ):
            ids = piece[column]
            found = pc.is_in(ids, known.get(part, pa.array([], pa.int32())))
            if not pc.all(found).as_py():
                places = np.flatnonzero(~found.to_numpy()).tolist()
                shown = masked if column == "id_student" else str
                yield from (Finding(self.where, rule, int(numbers[i]), column, shown(str(ids[i]))) for i in places)


def _by_part(rows: pa.Table) -> Iterator[tuple[str, str, pa.Table, npt.NDArray[np.int64]]]:
    """Module, presentation, their rows in the order given, and the places of these."""
    modules, presentations = (rows[name].combine_chunks().dictionary_encode() for name in COURSE)
    places, starts = np.arange(len(rows)), np.zeros(1, np.int64)
    if len(modules.dictionary) > 1 or len(presentations.dictionary) > 1:
        parts = modules.indices.to_numpy().astype("int64") * len(presentations.dictionary) + presentations.indices.to_numpy()
        places = np.argsort(parts, kind="stable")
        rows, starts = rows.take(pa.array(places)), np.flatnonzero(np.diff(parts[places], prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
        first = int(places[start])
        yield modules[first].as_py(), presentations[first].as_py(), rows.slice(start, stop - start), places[start:stop]


def _in_schema(piece: pa.Table, module: str, presentation: str) -> pa.Table:
    constant = {"code_module": module, "code_presentation": presentation}
    schema = STUDENT_VLE.chunk_schema()
    zeros = np.zeros(len(piece), "int32")
    columns = [
        pa.DictionaryArray.from_arrays(zeros, [constant[name]]) if name in constant else piece[name] for name in schema.names
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _ids_by_part(frame: pd.DataFrame, column: str) -> dict[tuple[str, str], pa.Array]:
    return {(str(key[0]), str(key[1])): pa.array(ids, pa.int32()) for key, ids in frame.groupby(COURSE)[column]}


def _typed(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    return frame.astype({column.name: column.dtype for column in columns})


def _refuse_repeated_keys(frame: pd.DataFrame, table: Table, where: str) -> None:
    key = list(table.key)
    findings = list(_findings_at(frame, frame.duplicated(key).to_numpy(), key, where, "repeats the key of an earlier row"))
    if findings:
        raise ContractError(findings, REMEDY)


def _findings_at(rows: pd.DataFrame, broken: npt.NDArray[np.bool_], key: list[str], where: str, rule: str) -> Iterator[Finding]:
    """A finding for each broken row; the frame's index is the place in the file, 0 for row 2."""
    numbers = rows.index.to_numpy()[broken] + 2
    for number, values in zip(numbers, rows.loc[broken, key].to_numpy(), strict=True):
        shown = (masked(str(value)) if name == "id_student" else str(value) for name, value in zip(key, values, strict=True))
        yield Finding(where, rule, int(number), " + ".join(key), ", ".join(shown))


def _unknown_references(frames: Mapping[str, pd.DataFrame], where: Mapping[str, str]) -> list[Finding]:
    """Rows whose presentation, enrolment or assessment the table that defines it does not have."""
    submitted = frames["student_assessment"].merge(frames["assessments"][["id_assessment", *COURSE]], "left", "id_assessment")
    assessed = submitted[submitted["code_module"].notna()]
    checks = (
        *((name, frames[name], COURSE, "courses") for name in ("assessments", "vle", "student_info", "student_registration")),
        ("student_registration", frames["student_registration"], ENROLMENT, "student_info"),
        ("student_info", frames["student_info"], ENROLMENT, "student_registration"),
        ("student_assessment", frames["student_assessment"], ["id_assessment"], "assessments"),
        ("student_assessment", assessed, ENROLMENT, "student_info"),
    )
    return [
        finding
        for child, rows, key, parent in checks
        for finding in _absent(rows, where[child], key, frames[parent], where[parent])
    ]


def _absent(rows: pd.DataFrame, where: str, key: list[str], parent: pd.DataFrame, parent_file: str) -> Iterator[Finding]:
    absent = ~pd.MultiIndex.from_frame(rows[key]).isin(pd.MultiIndex.from_frame(parent[key]))
    return _findings_at(rows, absent, key, where, f"is not in {parent_file}")
