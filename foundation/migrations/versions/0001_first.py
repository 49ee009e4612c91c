"""The first schema."""

import sqlalchemy as sa
from alembic import op

import foundation.database

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("actor", foundation.database.Json(), nullable=False),
        sa.Column("detail", foundation.database.Json(), nullable=False),
        sa.Column("state", foundation.database.Json(), nullable=True),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_journal_subject"), ["subject"], unique=False)
        batch_op.create_index(batch_op.f("ix_journal_topic"), ["topic"], unique=False)

    op.create_table(
        "journal_head",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.execute(
        sa.text("INSERT INTO journal_head (key, last_id, last_hash) VALUES (1, 0, :genesis)").bindparams(
            sa.bindparam("genesis", bytes(32), type_=sa.LargeBinary())
        )
    )


def downgrade() -> None:
    op.drop_table("journal_head")
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_journal_topic"))
        batch_op.drop_index(batch_op.f("ix_journal_subject"))

    op.drop_table("journal")
