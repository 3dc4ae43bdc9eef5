"""From a draft to the last answer in each language, as mail programs write them."""

import base64
import time
from pathlib import Path

import pytest
from sqlalchemy import select, update

from listserv.app import App
from listserv.config import ListservSettings, MailerSettings, Settings
from listserv.newsletters import watching
from listserv.tables import Edition, EditionState, Issue
from mailer import mailings
from mailer.mailings import MailingState, Recipient, State
from mailer.store import Store
from subscriptions import choosing, roster
from subscriptions.roster import Kind, Role
from subscriptions.terms import Terms
from tests.listserv.test_mailed import DRAFTERS
from tests.place import Place, Silent, reply_to, text
from tests.replies import PROGRAMS, reply

NEWS, ISSUE = "news@example.org", "news-issue@example.org"
# In each language: later and at each reader's own time, not after all, to some, now, on with it.
ORDERS = {
    "sv": ("Skicka fredag 9:30 läsarens tid", "Avbryt", "Bara segment mine", "Skicka",
           "Skicka ändå"),
    "it": ("Invia venerdì 9:30 ora del lettore", "Annulla", "Solo segmento mine", "Invia",
           "Invia comunque"),
    "ro": ("Trimite vineri 9:30 ora cititorului", "Anulează", "Doar segment mine", "Trimite",
           "Trimite oricum"),
    "ru": ("Отправить в пятницу в 9:30 по времени читателя", "Отменить", "Только сегмент mine",
           "Отправить", "Отправить всё равно"),
    "nl": ("Verstuur vrijdag 9:30 lokale tijd", "Annuleer", "Alleen segment mine", "Verstuur",
           "Verstuur toch"),
    "en": ("Send friday 9:30 reader's time", "Cancel", "Only segment mine", "Send", "Send anyway"),
}  # fmt: skip


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    """Make a newsletter with an editor of each language."""
    app = App(
        Settings(
            listserv=ListservSettings(domain="example.org", base_url="http://localhost:8080"),
            mailer=MailerSettings(data=tmp_path),
        )
    )
    app.__dict__.update(store=store, bells=Silent())
    with store.write() as session:
        lst = roster.create_list(session, NEWS, kind=Kind.NEWSLETTER, title="News", now=1.0)
        choosing.save(session, lst, "mine", "role = editor and language != en", 1.0)
    made = Place(app)
    for language in ORDERS:
        made.add(editor(language), Role.EDITOR, language, lst=NEWS)
    return made


def editor(language: str) -> str:
    return f"{language}@example.net"


def head(sender: str, to: str, number: int) -> bytes:
    return (
        f"From: <{sender}>\r\nTo: {to}\r\nSubject: November {number}\r\n"
        f"Message-ID: <walk-{number}@mail.example>\r\n"
    ).encode()


def state(place: Place) -> tuple[EditionState, str]:
    with place.app.store.read() as session:
        newest = session.scalars(select(Edition).order_by(Edition.id.desc()).limit(1)).one()
    return EditionState(newest.state), newest.hour


@pytest.mark.no_cover
def test_the_whole_way_in_each_language_by_every_mail_program(place: Place) -> None:
    programs = list(PROGRAMS)
    for number, language in enumerate(ORDERS):
        who = editor(language)
        words = f"# November {number}\n\nHello {{{{ name }}}}, read on.\n"
        made = DRAFTERS[number % 4](words)
        place.take(head(who, ISSUE, number) + made, who, ISSUE)

        def say(at: int, who: str = who, language: str = language, number: int = number) -> None:
            program = programs[(number + at) % len(programs)]
            report = [one for one in place.mails(who) if one["Reply-To"]][-1]
            raw = reply(program, language, ORDERS[language][at], sender=who)
            place.take(raw, who, reply_to(report))

        say(0)
        assert state(place)[0] is EditionState.SCHEDULED, language
        assert state(place)[1].endswith("T09:30")
        say(1)
        assert state(place) == (EditionState.OPEN, "")
        say(2)
        assert "role = editor" in text(place.mails(who)[-1])
        say(3)
        assert state(place)[0] is EditionState.SENT, language
        with place.app.store.write() as session:
            issue = session.scalars(select(Issue).order_by(Issue.mailing_id.desc())).first()
            assert issue is not None
            to = select(Recipient.address).where(Recipient.mailing_id == issue.mailing_id)
            assert editor("en") not in set(session.scalars(to))
            refused = update(Recipient).where(Recipient.mailing_id == issue.mailing_id)
            session.execute(refused.values(state=State.REFUSED, code=550))
            issue.terms = Terms(canary="1/1/1").write()
        assert watching.look(place.app, time.time()) == 1, language
        say(4)
        with place.app.store.read() as session:
            assert mailings.status(session, issue.mailing_id).state is MailingState.SENDING
    with place.app.store.read() as session:
        assert len(session.scalars(select(Issue)).all()) == len(ORDERS)


def test_outlooks_package_beside_a_draft_is_left_alone_and_without_text_it_is_asked_for(
    place: Place,
) -> None:
    package = (
        b'--=w\r\nContent-Type: application/ms-tnef; name="winmail.dat"\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n"
        + base64.encodebytes(b"\x78\x9f\x3e\x22" + bytes(range(200))).replace(b"\n", b"\r\n")
        + b"--=w--\r\n"
    )
    mixed = b'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=w"\r\n\r\n'
    words = b"--=w\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n# Leaves\r\n\r\nHello.\r\n"
    who, before = editor("en"), time.time()
    place.take(head(who, ISSUE, 1) + mixed + words + package, who, ISSUE)
    proof = [one for one in place.mails(who) if one["Message-ID"].startswith("<proof.")]
    assert b"Hello." in proof[0].as_bytes()
    place.take(head(who, ISSUE, 2) + mixed + package, who, ISSUE)
    assert "There is no text." in text(place.mails(who)[-1])
    with place.app.store.read() as session:
        (edition,) = session.scalars(select(Edition)).all()
    assert edition.created >= before - 1
