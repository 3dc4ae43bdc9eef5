"""The shape of the database: made on first need, migrated with a backup first, refused if newer.

Alembic is imported only when there is something to do: most commands find nothing.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import DatabaseError

from mailer import tokens
from mailer.errors import Misconfigured
from mailer.store import Store

