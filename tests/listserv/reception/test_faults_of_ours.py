"""From an arrival to a decision: what is counted against a message, and what is not."""

from typing import NoReturn

import pytest

from listserv.posts import facts
from listserv.reception import deciding, sorter
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.errors import Temporary
from mailer.storage.arrivals import Incoming, keep, next_new
from mailer.storage.store import Store

MINIMAL = load({})


def test_a_full_disk_is_not_the_messages_fault(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every post that waits would be held as one that kills its reader."""

    def full(*_: object) -> NoReturn:
        raise Temporary("database or disk is full")

    monkeypatch.setattr(deciding, "_route", full)
    with store.write() as session:
        keep(session, [Incoming("a@x.org", ("l@x.org", "m@x.org"), b"Hi", "", "", "ESMTP", 1.0)])
    app = App(MINIMAL)
    app.__dict__["store"] = store
    for _ in range(sorter.MAX_TRIES + 2):
        with pytest.raises(Temporary):
            sorter.sort(app, lambda: False)
    with store.read() as session:
        assert [row.attempts for row in next_new(session, 9)] == [0, 0]


def test_a_message_id_fits_the_index_that_it_is_found_by() -> None:
    """Of characters outside the BMP 995 are 3,980 octets, and PostgreSQL's index takes 2,700."""
    spelled = "".join(chr(0x20000 + n) for n in range(900)) + "@x"
    kept = facts.read(f"Message-ID: <{spelled}>\r\n\r\n".encode()).message_id
    assert spelled.startswith(kept)
    assert 990 < len(kept.encode()) <= facts.MAX_ID
