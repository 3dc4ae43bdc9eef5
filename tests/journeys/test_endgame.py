"""Eight weeks of mail that comes back, from people in six languages: nobody ends in silence."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path

import pytest
from sqlalchemy import update

from listserv.mailings.delivery import Readers
from listserv.membership import address_care
from mailer.ledger import claim_owners, ledger, mailings
from mailer.ledger.ledger import Mark
from mailer.ledger.mailings import RecipientState
from subscriptions.audience.audience import audience_select
from subscriptions.lists import roster
from subscriptions.membership import given_up
from tests.place import LIST, Place, make_place, reply_to, subject, text

DAY = 86400.0
WEEK = 7 * DAY
MONDAY = 1_794_211_200.0  # 9 November 2026
ASA, CHIARA, RADU, OLGA, JOOST, EVE = (
    "asa@example.se", "chiara@example.it", "radu@example.net", "olga.k@example.com",
    "joost@mail.example", "eve@example.com",
)  # fmt: skip
SPEAK = {ASA: "sv", CHIARA: "it", RADU: "ro", OLGA: "ru", JOOST: "nl", EVE: "en"}
PROBES = {
    ASA: "Friends: når mejl fram till dig här?",
    CHIARA: "Friends: i messaggi arrivano qui?",
    RADU: "Friends: ajung mesajele la tine aici?",
    OLGA: "Friends: доходят ли сюда письма?",
    JOOST: "Friends: komt mail hier bij je aan?",
}
OWNER = "olga@example.se"
DSN = (
    "From: MAILER-DAEMON@{mx}\r\nSubject: Undelivered Mail\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n"
    "--B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; {mx}\r\n\r\n"
    "Final-Recipient: rfc822; {who}\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    "Diagnostic-Code: smtp; 550 5.1.1 <{who}>: no such user here\r\n\r\n--B--\r\n"
)
ARF = (
    "From: staff@mail.example\r\nSubject: complaint\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/report; report-type=feedback-report; boundary=B\r\n\r\n"
    "--B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n--B--\r\n"
)


@dataclass
class Weeks:
    """A list, the time it has there, and the servers of those it mails."""

    place: Place
    now: float = MONDAY
    dead: set[str] = field(default_factory=set)
    paths: dict[str, str] = field(default_factory=dict)

    def week(self, number: int) -> list[str]:
        """Let Eve post on a Monday, bounces come back, and the clock look every day."""
        self.now = MONDAY + number * WEEK
        self.place.write(EVE, LIST, f"News of week {number}.", subject="News")
        got = self.send()
        for day in range(7):
            self.now = MONDAY + number * WEEK + day * DAY + 3600
            address_care.look(self.place.app, self.now)
            self.send()
        return got

    def send(self) -> list[str]:
        """Let the relay take what is due; a dead mailbox's server reports it afterwards."""
        app, readers = self.place.app, Readers(self.place.app.keyring)
        with app.store.write() as session:
            epoch = claim_owners.register(session, claim_owners.here(), flight="f", lease_until=0.0)
            rows = ledger.claim(session, epoch=epoch, quota=200, now=4e9, wanted=readers.wanted)
            taken = [Mark(row.id, epoch, RecipientState.ACCEPTED, 250) for row in rows]
            ledger.mark(session, taken, now=self.now)
            claim_owners.retire(session, epoch)
            sent = []
            for row in rows:
                mailing = mailings.view(session, row.mailing_id)
                sent.append((mailing.kind, row.address, readers.copy(mailing, row).return_path))
        for kind, who, path in sent:
            self.paths[who] = path
            if who in self.dead and kind in {"post", "probe"}:
                mx = "mx." + who.partition("@")[2]
                self.place.take(DSN.format(mx=mx, who=who).encode(), "", path)
        return sorted(who for kind, who, _ in sent if kind == "post")

    def stopped(self) -> set[str]:
        with self.place.app.store.read() as session:
            return set(given_up.of(session, list(SPEAK)))

    def readers(self) -> set[str]:
        with self.place.app.store.read() as session:
            lst = roster.get_list(session, LIST)
            found = session.execute(audience_select(lst.id, now=self.now))
            return {row[1] for row in found} & set(SPEAK)

    def last(self, who: str, kind: str = "notice") -> Message:
        return self.place.mails(who, kind=kind)[-1]


@pytest.fixture
def weeks(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Weeks]:
    """Make a list with six members in six languages, whose time is the test's."""
    place = make_place(tmp_path, database_url)
    for who, language in SPEAK.items():
        place.add(who, language=language)
    with place.app.store.write() as session:
        session.execute(update(roster.MailList).values(created=MONDAY - WEEK))
    made = Weeks(place)
    monkeypatch.setattr(place.app.store, "now", lambda _session: made.now)
    yield made
    place.end()


def test_eight_weeks_end_with_everybody_told_and_everybody_back_who_wants_to_be(
    weeks: Weeks,
) -> None:
    place = weeks.place
    weeks.dead = set(PROBES)
    assert set(SPEAK) <= set(weeks.week(0))
    assert place.mails(OWNER) == []  # one bounce is no news

    weeks.week(1)
    assert subject(weeks.last(OWNER)) == "Friends: mail to 5 members comes back"
    assert all(who in text(weeks.last(OWNER)) for who in PROBES)
    assert not weeks.stopped()

    weeks.now = MONDAY + 2 * WEEK
    place.write(EVE, LIST, "News of week 2.", subject="News")
    weeks.send()
    weeks.dead -= {CHIARA, OLGA}  # their servers are mended before the question comes
    address_care.look(place.app, weeks.now + 3600)
    weeks.send()
    for who, asked in PROBES.items():
        assert [subject(mail) for mail in place.mails(who, kind="probe")] == [asked]
    assert weeks.stopped() == {ASA, RADU, JOOST}
    place.reply(weeks.last(OLGA, "probe"), "Да, я здесь", OLGA)

    got = weeks.week(3)
    assert set(got) & set(SPEAK) == {CHIARA, OLGA, EVE}
    told = text(weeks.last(OWNER))
    assert subject(weeks.last(OWNER)) == "Friends: what came back last month"
    assert all(f"{who}: there is no such mailbox" in told for who in (ASA, RADU, JOOST))
    assert CHIARA not in told

    away = "Auto-Submitted: auto-replied\r\n"
    place.reply(weeks.last(ASA, "probe"), "Jag är bortrest.", ASA, more=away)
    assert ASA in weeks.stopped()  # an absence note says nothing of wishes
    weeks.dead -= {RADU, JOOST}
    place.write(RADU, "friends-request@example.org", "reia")
    assert subject(weeks.last(RADU)) == "Mesajele de la Friends vin din nou la tine"
    raw = f"From: {JOOST}\r\nTo: friends-join@example.org\r\nSubject: x\r\n\r\nhoi\r\n"
    place.take(raw.encode(), "somebody@elsewhere.example", "friends-join@example.org")
    assert subject(weeks.last(JOOST)) == "Moet er weer mail van Friends naar je komen?"
    place.reply(weeks.last(JOOST), "ja", JOOST)

    assert set(weeks.week(4)) & set(SPEAK) == {CHIARA, OLGA, RADU, JOOST, EVE}
    place.take(ARF.encode(), "", weeks.paths[EVE])
    assert place.state(EVE) == "left"
    for number in range(5, 8):
        weeks.now = MONDAY + number * WEEK
        for day in range(7):
            address_care.look(place.app, weeks.now + day * DAY)
        weeks.send()
    assert "1 person reported a mail of this list as spam" in text(weeks.last(OWNER))
    assert EVE not in text(weeks.last(OWNER))
    assert weeks.stopped() == {ASA, EVE}
    assert weeks.readers() == {CHIARA, OLGA, RADU, JOOST}
    assert reply_to(weeks.last(ASA, "probe")).startswith("friends-reply+")
