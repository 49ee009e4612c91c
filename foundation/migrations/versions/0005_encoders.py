"""Encoders: devices that publish into one room."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("devices", sa.Column("room_id", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("devices", "room_id")
