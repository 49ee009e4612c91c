"""Participants of rooms know the login by which they came: what is taken away ends their stay."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("room_participants", sa.Column("login_id", sa.String(length=36), nullable=True))


def downgrade() -> None:
    op.drop_column("room_participants", "login_id")
