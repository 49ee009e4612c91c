"""The newest reading of a sensor is chosen by when it was measured at the latest, not by what a fast clock says."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("newest_readings", sa.Column("measured_by", sa.BigInteger(), nullable=True))
    op.execute("UPDATE newest_readings SET measured_by = at")
    with op.batch_alter_table("newest_readings", schema=None) as batch_op:
        batch_op.alter_column("measured_by", existing_type=sa.BigInteger(), nullable=False)


def downgrade() -> None:
    with op.batch_alter_table("newest_readings", schema=None) as batch_op:
        batch_op.drop_column("measured_by")
