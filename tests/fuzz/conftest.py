"""The door of the mailer's tests, for sessions of any octets."""

from tests.mailer.conftest import open_door

__all__ = ["open_door"]
