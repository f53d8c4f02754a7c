"""The gate between the registrar and the snapshots: what is let in, what is held back as evidence, and the register of both.

The rules are `enrollment.quality`'s, what the register says is `enrollment.versions`'; here the two meet the stores.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property

import pandas as pd

from oulad_platform.core.checks import ContractError
from oulad_platform.defs.catalog import entry
from oulad_platform.defs.resources import Platform
from oulad_platform.enrollment import versions
from oulad_platform.enrollment.briefing import held_back_notice
from oulad_platform.enrollment.quality import Admission, admit, from_held, held_rows
from oulad_platform.enrollment.tables import (
    DATA_QUALITY_FINDINGS,
    ENROLLMENT_SNAPSHOTS,
    HELD_EXTRACTS,
    SNAPSHOT_VERSIONS,
)

LINE = entry("enrollment", "enrollment_snapshots").line


class HeldBackError(RuntimeError):
    """Extracts were held back; the days before stay current, and nobody counts as having left."""


@dataclass
class Gate:
    """Lets the snapshots of one run in, or holds them back. `by` is the run; `findings` grows as days pass the gate."""

    platform: Platform
    by: str
    findings: list[pd.DataFrame] = field(default_factory=lambda: [DATA_QUALITY_FINDINGS.empty()])
    _changed: set[date] = field(default_factory=set)

    def snapshots(self, days: Sequence[date], tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[date, pd.DataFrame]]:
        """Each day's snapshot, once it is let in; whoever iterates stores it before asking for the next.

        Raises HeldBackError at the end, when every other day is stored, naming the days that were held back.
        """
        platform, held = self.platform, {}
        is_replay = platform.settings.registrar_kind == "replay"
        last: tuple[date, pd.DataFrame] | None = None
        for extract in platform.registrar().extract(days, tables):
            platform.claim()
            day = extract.day
            before = self.snapshot_before(day, last)
            admission = admit(extract.rows, day, platform.settings.quality, before, waived=is_replay)
            sha256 = versions.content_hash(admission.snapshot)
            if admission.reasons and sha256 == versions.current_hash(self._register_of(day)):  # a person has accepted these rows
                admission = admit(extract.rows, day, platform.settings.quality, before, waived=True)
            self.findings.append(admission.findings)
            if admission.reasons:
                held[day] = admission
                self._hold_back(day, extract.rows, admission, sha256)
                continue
            yield day, admission.snapshot
            version = platform.lake.versions(LINE, ENROLLMENT_SNAPSHOTS, day)[-1]
            self._record(day, versions.let_in(self._register_of(day), day, version, admission, sha256, _now(), self.by))
            if not (self._register_of(day)["state"] == "quarantined").any():
                platform.lake.remove_days(LINE, HELD_EXTRACTS, [day])
            last = day, admission.snapshot
        self._write_register()
        if held:
            reasons = [f"{day}: {'; '.join(admission.reasons)}" for day, admission in held.items()]
            raise HeldBackError(
                "held back, and the day before stays current:\n"
                + "\n".join(reasons)
                + f"\nRepair the source and run again, or let it in: oulad accept --date {next(iter(held))}"
            )

    def snapshot_before(self, day: date, last: tuple[date, pd.DataFrame] | None = None) -> pd.DataFrame | None:
        """The newest snapshot before the day: the one just let in, or a stored one; None when there is none."""
        stored = max((one for one in self._stored if one < day), default=None)
        if last is not None and (stored is None or stored <= last[0] < day):
            return last[1]
        return None if stored is None else self.platform.lake.read_days(LINE, ENROLLMENT_SNAPSHOTS, [stored])

    def _hold_back(self, day: date, rows: pd.DataFrame, admission: Admission, sha256: str) -> None:
        platform = self.platform
        platform.lake.replace_days(LINE, HELD_EXTRACTS, HELD_EXTRACTS.conform(held_rows(rows, day)), [day])
        platform.database.replace_days(DATA_QUALITY_FINDINGS, admission.findings, [day])
        self._record(day, versions.held_back(self._register_of(day), day, len(rows), admission, sha256, _now(), self.by))
        platform.notify("error_occurred", day, held_back_notice(platform.settings.house, day, admission.reasons, admission))

    @cached_property
    def _stored(self) -> list[date]:
        return self.platform.lake.days(LINE, ENROLLMENT_SNAPSHOTS)

    @cached_property
    def _register(self) -> dict[date, pd.DataFrame]:
        """The register as it stands, by day; days that pass the gate are replaced in it."""
        known = self.platform.database.read(SNAPSHOT_VERSIONS)
        return dict(iter(known.groupby(known["snapshot_date"].dt.date)))

    def _register_of(self, day: date) -> pd.DataFrame:
        return self._register.get(day, SNAPSHOT_VERSIONS.empty())

    def _record(self, day: date, rows: pd.DataFrame) -> None:
        self._register[day] = rows
        self._changed.add(day)

    def _write_register(self) -> None:
        if self._changed:
            rows = pd.concat([self._register[day] for day in self._changed], ignore_index=True)
            self.platform.database.replace_days(SNAPSHOT_VERSIONS, SNAPSHOT_VERSIONS.conform(rows), sorted(self._changed))


def accept(platform: Platform, day: date, reason: str) -> int:
    """Lets the extract that was held back for `day` in, as a new version; its number of rows. Broken rows stay out.

    Raises ContractError when nothing is held back for that day.
    """
    if day not in platform.lake.days(LINE, HELD_EXTRACTS):
        raise ContractError([], f"Nothing is held back for {day}; `oulad verify` lists what is.")
    held = from_held(platform.lake.read_days(LINE, HELD_EXTRACTS, [day]))
    gate = Gate(platform, getpass.getuser())
    admission = admit(held, day, platform.settings.quality, gate.snapshot_before(day), waived=True)
    version = platform.lake.replace_day_versioned(LINE, ENROLLMENT_SNAPSHOTS, admission.snapshot, day)
    register = platform.database.read_days(SNAPSHOT_VERSIONS, [day])
    sha256 = versions.content_hash(admission.snapshot)
    rows = versions.accepted(register, day, version, admission, sha256, _now(), gate.by, reason)
    platform.database.replace_days(SNAPSHOT_VERSIONS, rows, [day])
    platform.database.replace_days(DATA_QUALITY_FINDINGS, admission.findings, [day])
    platform.lake.remove_days(LINE, HELD_EXTRACTS, [day])
    return len(admission.snapshot)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
