"""The fault tests use the same installation and sink as the journeys."""

from tests.journeys.conftest import krets, outbox, sink

__all__ = ["krets", "outbox", "sink"]
