"""The roof's own tables, and every other room's imported so that ``Base.metadata`` is whole."""

from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

import archive.tables
import mailer.arrivals
import mailer.history
