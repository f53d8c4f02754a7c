"""The gate between the registrar and the snapshots: what is let in, what is held back as evidence, and the register of both.

The rules are `enrollment.quality`'s, what the register says is `enrollment.versions`'; here the two meet the stores.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property

import pandas as pd

from oulad_platform.core.alerts import held_back_alert
from oulad_platform.core.checks import ContractError
from oulad_platform.defs import delivery
from oulad_platform.defs.catalog import entry
from oulad_platform.defs.resources import Platform, utc_now
from oulad_platform.enrollment import versions
from oulad_platform.enrollment.quality import Admission, admit, from_held, held_rows, with_term_starts
from oulad_platform.enrollment.tables import (
    DATA_QUALITY_FINDINGS,
    ENROLLMENT_METRICS,
    ENROLLMENT_SNAPSHOTS,
    HELD_EXTRACTS,
    SNAPSHOT_VERSIONS,
)
from oulad_platform.sources.registrar import Extract

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
        held: dict[date, Admission] = {}
        last: tuple[date, pd.DataFrame] | None = None
        try:
            for extract in self.platform.registrar().extract(days, tables):
                self.platform.claim()
                day, before = extract.day, self.snapshot_before(extract.day, last)
                admission, sha256 = self._judged(extract, before)
                self.findings.append(admission.findings)
                if admission.reasons:
                    held[day] = admission
                    self._hold_back(day, extract.rows, admission, sha256)
                    continue
                yield day, admission.snapshot
                self._let_in(day, admission, sha256)
                last = day, admission.snapshot
        finally:
            self._write_register()
        if held:
            reasons = [f"{day}: {'; '.join(admission.reasons)}" for day, admission in held.items()]
            commands = [f"oulad accept --date {day}" for day in held]
            raise HeldBackError(
                "held back, and the snapshot before stays current:\n"
                + "\n".join(reasons)
                + f"\nRepair the source and run again, or let it in: {'; '.join(commands)}"
            )

    def _judged(self, extract: Extract, before: pd.DataFrame | None) -> tuple[Admission, str]:
        """The extract's admission and the hash of its rows; a replay, and what a person has accepted, is not held back."""
        settings, day = self.platform.settings, extract.day
        rows = with_term_starts(extract.rows, settings.start_dates)
        admission = self._admitted(rows, day, before, waived=settings.registrar_kind == "replay")
        sha256 = versions.content_hash(admission.snapshot)
        if admission.reasons and sha256 == versions.current_hash(self._register_of(day)):
            admission = self._admitted(rows, day, before, waived=True)
        return admission, sha256

    def _admitted(self, rows: pd.DataFrame, day: date, before: pd.DataFrame | None, *, waived: bool) -> Admission:
        """What the rules let in, less who was erased: findings still name the rows of the extract as it came."""
        admission = admit(rows, day, self.platform.settings.quality, before, waived=waived)
        return replace(admission, snapshot=self.platform.without_erased(admission.snapshot, ENROLLMENT_SNAPSHOTS))

    def _let_in(self, day: date, admission: Admission, sha256: str) -> None:
        """What was held back for the day before is thereby settled: its evidence stays in the register, its file goes."""
        version = self.platform.lake.versions(LINE, ENROLLMENT_SNAPSHOTS, day)[-1]
        self._record(day, versions.let_in(self._register_of(day), day, version, admission, sha256, utc_now(), self.by))
        if day in self._held_before:
            self.platform.lake.remove_days(LINE, HELD_EXTRACTS, [day])

    def snapshot_before(self, day: date, last: tuple[date, pd.DataFrame] | None = None) -> pd.DataFrame | None:
        """The newest snapshot before the day: the one just let in, or a stored one; None when there is none."""
        stored = max((one for one in self._stored if one < day), default=None)
        if last is not None and (stored is None or stored <= last[0] < day):
            return last[1]
        return None if stored is None else self.platform.lake.read_days(LINE, ENROLLMENT_SNAPSHOTS, [stored])

    def _hold_back(self, day: date, rows: pd.DataFrame, admission: Admission, sha256: str) -> None:
        platform = self.platform
        platform.lake.replace_days(LINE, HELD_EXTRACTS, self._evidence(rows, day), [day])
        platform.database.replace_days(DATA_QUALITY_FINDINGS, admission.findings, [day])
        self._record(day, versions.held_back(self._register_of(day), day, len(rows), admission, sha256, utc_now(), self.by))
        self._write_register()
        delivery.record(platform, held_back_alert(day, admission.reasons))

    def _evidence(self, rows: pd.DataFrame, day: date) -> pd.DataFrame:
        return HELD_EXTRACTS.conform(self.platform.without_erased(held_rows(rows, day), HELD_EXTRACTS))

    @cached_property
    def _stored(self) -> list[date]:
        return self.platform.lake.days(LINE, ENROLLMENT_SNAPSHOTS)

    @cached_property
    def _held_before(self) -> list[date]:
        return self.platform.lake.days(LINE, HELD_EXTRACTS)

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
            self._changed.clear()


def accept(platform: Platform, day: date, reason: str) -> int:
    """Lets the extract that was held back for `day` in, as a new version; its number of rows. Broken rows stay out.

    Accepting again what was accepted changes nothing. Raises ContractError when nothing is held back for that day.
    """
    register = platform.database.read_days(SNAPSHOT_VERSIONS, [day])
    if day not in platform.lake.days(LINE, HELD_EXTRACTS):
        accepted = register[(register["state"] == "current") & register["reason"].str.contains(versions.HELD_BEFORE)]
        if accepted.empty:
            raise ContractError([], f"Nothing is held back for {day}; `oulad verify` lists what is.")
        return int(accepted["n_rows"].iloc[0])
    held = from_held(platform.lake.read_days(LINE, HELD_EXTRACTS, [day]))
    gate, rules = Gate(platform, getpass.getuser()), platform.settings.quality
    before = gate.snapshot_before(day)
    admission, at = admit(held, day, rules, before, waived=True), utc_now()
    sha256 = versions.content_hash(admission.snapshot)
    if not (register["state"] == "quarantined").any():  # the run that held it back was killed before it could say so
        refused = admit(held, day, rules, before)
        register = versions.held_back(register, day, len(held), refused, sha256, at, gate.by)
    version = platform.lake.replace_day_versioned(LINE, ENROLLMENT_SNAPSHOTS, admission.snapshot, day)
    rows = versions.accepted(register, day, version, admission, sha256, at, gate.by, reason)
    platform.database.replace_days(SNAPSHOT_VERSIONS, rows, [day])
    platform.database.replace_days(DATA_QUALITY_FINDINGS, admission.findings, [day])
    platform.lake.remove_days(LINE, HELD_EXTRACTS, [day])
    return len(admission.snapshot)


def days_without_metrics(platform: Platform) -> list[date]:
    """Stored snapshots whose changes and metrics have not been made: the good days of a run in which another was held back."""
    return sorted(set(platform.lake.days(LINE, ENROLLMENT_SNAPSHOTS)) - set(platform.database.days(ENROLLMENT_METRICS)))
