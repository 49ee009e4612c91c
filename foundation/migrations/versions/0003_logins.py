"""Logins: the places that somebody logged in from, and a count of passwords in place of times."""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_places",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("last_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", "network"),
    )
    with op.batch_alter_table("known_places", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_known_places_last_at"), ["last_at"], unique=False)
    for table in ("people", "logins"):
        # Not in a batch, which makes the table anew: dropping the old one would take the refresh tokens along (ON DELETE CASCADE).
        op.add_column(table, sa.Column("password_serial", sa.Integer(), nullable=False, server_default="1"))
    # What a later password has ended stays ended.
    op.execute(
        "UPDATE logins SET password_serial = 0 WHERE EXISTS (SELECT 1 FROM people"
        " WHERE people.id = logins.person_id AND logins.opened_at < people.password_changed_at)"
    )


def downgrade() -> None:
    for table in ("logins", "people"):
        op.drop_column(table, "password_serial")
    with op.batch_alter_table("known_places", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_known_places_last_at"))
    op.drop_table("known_places")
