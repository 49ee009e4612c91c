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
        "devices",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("approved_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(length=80), nullable=False),
        sa.Column("last_seen_at", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    op.create_table(
        "incidents",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("incident_class", sa.String(length=16), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("deaths", sa.Integer(), nullable=True),
        sa.Column("injuries", sa.Integer(), nullable=True),
        sa.Column("loss", sa.Float(), nullable=True),
        sa.Column("happened_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_incidents_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_incidents_number"), ["number"], unique=False)
        batch_op.create_index(batch_op.f("ix_incidents_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_incidents_status"), ["status"], unique=False)

    op.create_table(
        "join_links",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("room_role", sa.String(length=16), nullable=False),
        sa.Column("expires_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("bound_at", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_hash"),
    )
    with op.batch_alter_table("join_links", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_join_links_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_join_links_room_id"), ["room_id"], unique=False)

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
    op.create_table(
        "newest_readings",
        sa.Column("sensor_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=False),
        sa.Column("measured_by", sa.BigInteger(), nullable=False),
        sa.Column("due_from", sa.BigInteger(), nullable=True),
        sa.Column("due_to", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sensor_key"),
    )
    op.create_table(
        "pairings",
        sa.Column("device_code_hash", sa.String(length=64), nullable=False),
        sa.Column("user_code", sa.String(length=8), nullable=False),
        sa.Column("network", sa.String(length=64), nullable=False),
        sa.Column("expires_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("device_code_hash"),
        sa.UniqueConstraint("user_code"),
    )
    with op.batch_alter_table("pairings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_pairings_expires_at"), ["expires_at"], unique=False)

    op.create_table(
        "people",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("display_name", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("password_changed_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "readings",
        sa.Column("sensor_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("quality", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_key", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "readings_hour",
        sa.Column("sensor_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_key", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "readings_minute",
        sa.Column("sensor_key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("low", sa.Float(), nullable=False),
        sa.Column("mean", sa.Float(), nullable=False),
        sa.Column("high", sa.Float(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sensor_key", "at"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "resources",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("have", sa.Float(), nullable=False),
        sa.Column("need", sa.Float(), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("contact", sa.String(length=80), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.Column("changed_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("resources", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_resources_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_resources_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_resources_type"), ["type"], unique=False)

    op.create_table(
        "rooms",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("opened_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("opened_by", sa.String(length=80), nullable=False),
        sa.Column("opened_name", sa.String(length=80), nullable=False),
        sa.Column("closed_at", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("expected", foundation.database.Json(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("node", sa.String(length=64), nullable=True),
        sa.Column("locked", sa.Boolean(), nullable=False),
        sa.Column("lobby", sa.Boolean(), nullable=False),
        sa.Column("talk", sa.String(length=8), nullable=False),
        sa.Column("chat", sa.String(length=8), nullable=False),
        sa.Column("floor", sa.String(length=36), nullable=True),
        sa.Column("floor_since", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("floor_until", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rooms_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rooms_incident_id"), ["incident_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_rooms_open"), ["open"], unique=False)
        batch_op.create_index(batch_op.f("ix_rooms_site_id"), ["site_id"], unique=False)

    op.create_table(
        "shifts",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("starts", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("leader_name", sa.String(length=40), nullable=False),
        sa.Column("leader_phone", sa.String(length=24), nullable=False),
        sa.Column("officer_name", sa.String(length=40), nullable=False),
        sa.Column("officer_phone", sa.String(length=24), nullable=False),
        sa.Column("changed_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("shifts", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_shifts_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shifts_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_shifts_starts"), ["starts"], unique=False)

    op.create_table(
        "sites",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tasks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("origin", sa.String(length=36), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=False),
        sa.Column("due", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("feedback", sa.Text(), nullable=False),
        sa.Column("ordered_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ordered_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("origin"),
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_tasks_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tasks_incident_id"), ["incident_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tasks_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_tasks_status"), ["status"], unique=False)

    op.create_table(
        "throttled",
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("until", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "township",
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "logins",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("person_id", sa.String(length=36), nullable=False),
        sa.Column("opened_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ends_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"],
            ["people.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("logins", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_logins_ends_at"), ["ends_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_logins_person_id"), ["person_id"], unique=False)

    op.create_table(
        "room_participants",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("identity", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("session", sa.String(length=36), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("silenced", sa.Boolean(), nullable=False),
        sa.Column("camera", sa.Boolean(), nullable=False),
        sa.Column("screen", sa.Boolean(), nullable=False),
        sa.Column("link", sa.String(length=36), nullable=True),
        sa.Column("since", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("removed", sa.Boolean(), nullable=False),
        sa.Column("told", sa.String(length=8), nullable=False),
        sa.Column("hand", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("entered", sa.Boolean(), nullable=False),
        sa.Column("heard", sa.Boolean(), nullable=False),
        sa.Column("watches", sa.Integer(), nullable=False),
        sa.Column("waiting_until", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_id"],
            ["rooms.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("room_id", "identity"),
    )
    with op.batch_alter_table("room_participants", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_room_participants_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_participants_room_id"), ["room_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_participants_site_id"), ["site_id"], unique=False)

    op.create_table(
        "room_minutes",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("incident_id", sa.String(length=36), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("who", sa.String(length=80), nullable=True),
        sa.Column("due", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.Column("at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("by_name", sa.String(length=80), nullable=False),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_id"],
            ["rooms.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("room_minutes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_room_minutes_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_minutes_incident_id"), ["incident_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_minutes_room_id"), ["room_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_minutes_site_id"), ["site_id"], unique=False)

    op.create_table(
        "room_rings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("room_id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("since", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("exercise_id", sa.String(length=36), nullable=True),
        sa.Column("site_id", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["room_id"],
            ["rooms.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("room_id", "site_id"),
    )
    with op.batch_alter_table("room_rings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_room_rings_exercise_id"), ["exercise_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_rings_room_id"), ["room_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_rings_site_id"), ["site_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_room_rings_state"), ["state"], unique=False)

    op.create_table(
        "stations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("lat", sa.Float(), nullable=True),
        sa.Column("lon", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["site_id"],
            ["sites.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_stations_site_id"), ["site_id"], unique=False)

    op.create_table(
        "refresh_tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("login_id", sa.String(length=36), nullable=False),
        sa.Column("parent", sa.String(length=64), nullable=True),
        sa.Column("expires_at", foundation.database.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", foundation.database.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["login_id"], ["logins.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash"),
    )
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_refresh_tokens_login_id"), ["login_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_refresh_tokens_parent"), ["parent"], unique=False)

    op.create_table(
        "sensors",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("station_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.String(length=16), nullable=False),
        sa.Column("name_zh", sa.String(length=80), nullable=False),
        sa.Column("name_en", sa.String(length=80), nullable=False),
        sa.Column("unit", sa.String(length=16), nullable=False),
        sa.Column("decimals", sa.Integer(), nullable=False),
        sa.Column("period_s", sa.Float(), nullable=False),
        sa.Column("valid_low", sa.Float(), nullable=True),
        sa.Column("valid_high", sa.Float(), nullable=True),
        sa.Column("normal_low", sa.Float(), nullable=True),
        sa.Column("normal_high", sa.Float(), nullable=True),
        sa.Column("marks", foundation.database.Json(), nullable=False),
        sa.Column("source_zh", sa.String(length=80), nullable=False),
        sa.Column("source_en", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["station_id"],
            ["stations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    with op.batch_alter_table("sensors", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sensors_station_id"), ["station_id"], unique=False)

    op.execute(
        sa.text("INSERT INTO journal_head (key, last_id, last_hash) VALUES (1, 0, :genesis)").bindparams(
            sa.bindparam("genesis", bytes(32), type_=sa.LargeBinary())
        )
    )


def downgrade() -> None:
    with op.batch_alter_table("sensors", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sensors_station_id"))

    op.drop_table("sensors")
    with op.batch_alter_table("refresh_tokens", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_refresh_tokens_parent"))
        batch_op.drop_index(batch_op.f("ix_refresh_tokens_login_id"))

    op.drop_table("refresh_tokens")
    with op.batch_alter_table("stations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_stations_site_id"))

    op.drop_table("stations")
    with op.batch_alter_table("room_rings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_rings_state"))
        batch_op.drop_index(batch_op.f("ix_room_rings_site_id"))
        batch_op.drop_index(batch_op.f("ix_room_rings_room_id"))
        batch_op.drop_index(batch_op.f("ix_room_rings_exercise_id"))

    op.drop_table("room_rings")
    with op.batch_alter_table("room_minutes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_minutes_site_id"))
        batch_op.drop_index(batch_op.f("ix_room_minutes_room_id"))
        batch_op.drop_index(batch_op.f("ix_room_minutes_incident_id"))
        batch_op.drop_index(batch_op.f("ix_room_minutes_exercise_id"))

    op.drop_table("room_minutes")
    with op.batch_alter_table("room_participants", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_room_participants_site_id"))
        batch_op.drop_index(batch_op.f("ix_room_participants_room_id"))
        batch_op.drop_index(batch_op.f("ix_room_participants_exercise_id"))

    op.drop_table("room_participants")
    with op.batch_alter_table("logins", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_logins_person_id"))
        batch_op.drop_index(batch_op.f("ix_logins_ends_at"))

    op.drop_table("logins")
    op.drop_table("township")
    op.drop_table("throttled")
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_tasks_status"))
        batch_op.drop_index(batch_op.f("ix_tasks_site_id"))
        batch_op.drop_index(batch_op.f("ix_tasks_incident_id"))
        batch_op.drop_index(batch_op.f("ix_tasks_exercise_id"))

    op.drop_table("tasks")
    op.drop_table("sites")
    with op.batch_alter_table("shifts", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_shifts_starts"))
        batch_op.drop_index(batch_op.f("ix_shifts_site_id"))
        batch_op.drop_index(batch_op.f("ix_shifts_exercise_id"))

    op.drop_table("shifts")
    with op.batch_alter_table("rooms", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rooms_site_id"))
        batch_op.drop_index(batch_op.f("ix_rooms_open"))
        batch_op.drop_index(batch_op.f("ix_rooms_incident_id"))
        batch_op.drop_index(batch_op.f("ix_rooms_exercise_id"))

    op.drop_table("rooms")
    with op.batch_alter_table("resources", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_resources_type"))
        batch_op.drop_index(batch_op.f("ix_resources_site_id"))
        batch_op.drop_index(batch_op.f("ix_resources_exercise_id"))

    op.drop_table("resources")
    op.drop_table("readings_minute")
    op.drop_table("readings_hour")
    op.drop_table("readings")
    op.drop_table("people")
    with op.batch_alter_table("pairings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_pairings_expires_at"))

    op.drop_table("pairings")
    op.drop_table("newest_readings")
    op.drop_table("journal_head")
    with op.batch_alter_table("journal", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_journal_topic"))
        batch_op.drop_index(batch_op.f("ix_journal_subject"))

    op.drop_table("journal")
    with op.batch_alter_table("join_links", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_join_links_room_id"))
        batch_op.drop_index(batch_op.f("ix_join_links_expires_at"))

    op.drop_table("join_links")
    with op.batch_alter_table("incidents", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_incidents_status"))
        batch_op.drop_index(batch_op.f("ix_incidents_site_id"))
        batch_op.drop_index(batch_op.f("ix_incidents_number"))
        batch_op.drop_index(batch_op.f("ix_incidents_exercise_id"))

    op.drop_table("incidents")
    op.drop_table("devices")
