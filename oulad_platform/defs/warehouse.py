"""The warehouse of this installation, as this version needs it: opened, migrated, and what a person should know about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oulad_platform.core.pseudonyms import STUDENT_KEYS
from oulad_platform.core.tables import stored
from oulad_platform.defs.catalog import CATALOG, VIEWS, warehouse_tables
from oulad_platform.enrollment.tables import SNAPSHOT_VERSIONS
from oulad_platform.storage.database import PUBLISHED_DAYS, Database
from oulad_platform.storage.migrations import running
from oulad_platform.storage.migrations.access import Warehouse
from oulad_platform.storage.schema import with_referred

if TYPE_CHECKING:
    from oulad_platform.settings import Settings

ALERT = ("alert_date", "alert_id", "alert_type", "scope", "severity")
# Beside the published tables: rows under pseudonyms, what counts nobody, and of alerts neither figures nor words.
FOR_BI: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("student_risk_daily", "caseload_daily", "dim_course", "published_days", "model_registry"), ()),
    **dict.fromkeys(("roi_by_caseload", "experiment_designs", "experiment_looks", "forecast_backtest"), ()),
    **dict.fromkeys(("risk_alerts", "enrollment_alerts", "operation_alerts"), ALERT),
    **dict.fromkeys(("dim_date", "dim_scope", "dim_model", "fact_enrollment_daily", "fact_enrollment_forecast"), ()),
    **dict.fromkeys(("fact_course_daily", "fact_alerts", "fact_risk_daily", "fact_caseload", "forecast_accuracy"), ()),
    **dict.fromkeys(("course_summary_latest", "student_risk_latest"), ()),
}


def warehouse() -> Warehouse:
    """Every table of the warehouse as it is stored, the views, and what the registrar's office and BI may read."""
    tables = with_referred([*map(stored, warehouse_tables()), PUBLISHED_DAYS])
    of_enrollment = [of.table for of in CATALOG.values() if of.line == "enrollment" and of.store == "warehouse"]
    registrar = frozenset(table.name for table in (*of_enrollment, SNAPSHOT_VERSIONS, STUDENT_KEYS))
    published = {table.name: () for table in tables if table.name.endswith("_published")}
    return Warehouse(tuple(tables), VIEWS, registrar, {**published, **FOR_BI})


def opened(settings: Settings) -> Database:
    """The warehouse, at this version's revision: brought there now, but not in production, nor where an owner's account is set.

    Raises SchemaMismatchError where the owner has to migrate first.
    """
    database = Database(settings.warehouse, settings.pseudonyms)
    in_production = settings.oulad_env == "production"
    if settings.database_owner_url or in_production:
        running.require_current(database, warehouse(), with_roles=in_production)
    else:
        running.bring_up(database, warehouse(), with_roles=in_production)
    return database


def migrate(settings: Settings) -> list[str]:
    """Brings the warehouse to this version by the owner's account, or the only one; what was done, in sentences."""
    owner = settings.database_owner_url
    database = Database(owner.get_secret_value() if owner else settings.warehouse, settings.pseudonyms)
    return running.migrate(database, warehouse(), alone=owner is None, with_roles=settings.oulad_env == "production")
