"""What the tests of the door share: its name, who opens one, and what it kept."""

from typing import Any

from sqlalchemy import select

from mailer.storage.arrivals import Arrival
from mailer.storage.store import Store

HERE = "here.test"
OpenDoor = Any


def arrivals(store: Store) -> list[Arrival]:
    with store.read() as session:
        return list(session.scalars(select(Arrival).order_by(Arrival.id)))
