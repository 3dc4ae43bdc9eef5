"""A consent tells its whole story: the words, the mail that proves it, what its signature says."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from listserv.membership import consent_signatures
from listserv.run import scheduler
from mailer.authentication.dkim_verify import NoAnswerError
from mailer.reading import addresses
from subscriptions.membership import personal_data
from tests.place import EVE, Place, make_place

JOIN = "friends-join@example.org"
SIGNED = "DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=k; h=from; bh=AA==; b=AA==\r\n"


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with an owner, a moderator and a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


def story(place: Place, longest: int = 0) -> personal_data.ConsentShown:
    with place.app.store.read() as session:
        key = addresses.parse(EVE).key
        found = personal_data.open_dossier(
            session, place.app.keyring, key, time.time(), longest=longest
        )
    return found.consent[-1]


def test_an_export_holds_the_words_that_were_asked_and_the_raw_confirmation(place: Place) -> None:
    place.write(EVE, JOIN, more="Content-Language: sv\r\n")
    place.reply(place.mails(EVE)[0], "Ja, gärna.\r\n\r\n-- \r\nEve ж", EVE)
    told = story(place)
    assert told.wording == "Vill du gå med i Friends?"
    assert told.wording_version.startswith("stranger-confirm/")
    assert told.language == "sv"
    assert told.asked is not None
    assert told.asked.startswith("Vill du gå med i Friends?\n\nNågon, troligen du, har bett")
    assert "/confirm/\N{HORIZONTAL ELLIPSIS}" in told.asked  # the words, without the token
    assert told.confirmation is not None
    assert "Ja, gärna.\r\n\r\n-- \r\nEve ж" in told.confirmation
    assert told.proof is not None
    assert len(told.proof) == 64
    assert (
        story(place, longest=10).confirmation
        == "From: eve@\n[... " + str(len(told.confirmation.encode()) - 10) + " bytes more]"
    )


def test_the_signature_of_a_confirmation_is_looked_at_after_the_answer(place: Place) -> None:
    place.write(EVE, JOIN)
    place.reply(place.mails(EVE)[0], "yes", EVE, SIGNED)
    assert place.state(EVE) == "active"
    assert story(place).dkim == "not checked"
    assert "prove" in scheduler.tick(place.app)
    asked: list[str] = []

    def silent(name: str) -> bytes:
        asked.append(name)
        raise NoAnswerError

    assert not consent_signatures.prove(place.app, lambda: False, silent)
    assert len(asked) <= 1
    assert (story(place).dkim or "").startswith(("fail", "not checked: DNS"))
    assert "prove" not in scheduler.tick(place.app)


def test_a_resolver_that_hangs_delays_nobody(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, over = threading.Event(), threading.Event()

    def hang(*_: object) -> bool:
        begun.set()
        return over.wait(20)

    monkeypatch.setattr(consent_signatures, "prove", hang)
    prover = consent_signatures.Prover()
    for _ in range(3):
        prover.begin(place.app, lambda: False)
    assert begun.wait(20)
    place.write(EVE, JOIN)
    assert len(place.mails(EVE)) == 1
    over.set()
    prover.end(20)
