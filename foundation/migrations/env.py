"""Alembic's entry: runs migrations on the engine that the program hands over."""

from alembic import context

config = context.config
engine = config.attributes["engine"]

with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=config.attributes["metadata"], render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
