"""Run migrations on the connection that listserv/wiring/schema.py hands over."""

from alembic import context

import listserv.wiring.every_table  # noqa: F401 - registers every room's tables
from mailer.storage.store import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
