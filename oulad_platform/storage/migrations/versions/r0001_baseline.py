"""The first revision: every table of the warehouse as it was declared then, frozen in `baseline/`."""

from __future__ import annotations

from alembic import op

from oulad_platform.storage.errors import StorageError
from oulad_platform.storage.migrations.running import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(op.get_bind(), "baseline")


def downgrade() -> None:
    raise StorageError("there is no way back to an earlier revision; restore the backup that was made before the upgrade")
