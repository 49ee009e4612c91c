"""Participants of rooms know when their page was there last: who has neither page nor link for two minutes is gone."""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "room_participants", sa.Column("page_seen", foundation.database.UtcDateTime(timezone=True), nullable=True)
    )


def downgrade() -> None:
    op.drop_column("room_participants", "page_seen")
