"""One question in an issue: spelled plainly, answered by letter or page, counted once a member."""

import email
import email.policy
import re
import time
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from archive.threads.archive_tables import Message
from listserv.cli.newsletter import newsletter
from listserv.mailings import delivery
from listserv.newsletters.sending import issue_sending
from listserv.newsletters.writing import drafts, sources, votes
from listserv.web.door import build
from listserv.wiring.app import App
from listserv.wiring.config import ListservSettings, MailerSettings, Settings
from mailer.errors import BadInput
from mailer.ledger import mailings
from mailer.ledger.ledger import ClaimedRow
from mailer.ledger.mailings import Recipient, UnsurePolicy
from mailer.storage.store import Store, get_raw
from subscriptions.lists import ballots, roster
from subscriptions.lists.roster import ListKind, Role
from subscriptions.membership import personal_data
from tests.listserv.web.conftest import Web
from tests.place import Place, Silent, subject, text
from tests.validity import wrong_in

NEWS = "news@example.org"
OLGA, ANNA, BO = "olga@example.org", "anna@example.net", "bo@example.com"
DRAFT = """---
subject: The walk
---
Hello {{ name }}.

vote: Which [day]? | Monday &
 more | Tuesday

See you.
"""


SHEET = """<mjml>
  <mj-head><mj-title>The walk</mj-title></mj-head>
  <mj-body><mj-section><mj-column>
    <mj-text font-size="16px">Hello {{ name }}.</mj-text>
    <mj-text color="#333333"><p>
      vote: Which &lt;day&gt;? | Monday &amp;
      more | Tuesday
    </p></mj-text>
  </mj-column></mj-section></mj-body>
</mjml>
"""


@pytest.fixture
def place(store: Store, tmp_path: Path) -> Place:
    """Make a newsletter with an editor and two readers."""
    app = App(
        Settings(
            listserv=ListservSettings(domain="example.org", base_url="http://localhost:8080"),
            mailer=MailerSettings(data=tmp_path),
        )
    )
    app.__dict__.update(store=store, bells=Silent())
    with store.write() as session:
        roster.create_list(session, NEWS, kind=ListKind.NEWSLETTER, title="The Garden", now=1.0)
    made = Place(app)
    made.add(OLGA, Role.EDITOR, lst=NEWS)
    made.add(ANNA, lst=NEWS)
    made.add(BO, language="sv", lst=NEWS)
    return made


def send(place: Place, draft: str = DRAFT) -> dict[str, EmailMessage]:
    """Send the issue; return each reader's copy."""
    app = place.app
    survey = issue_sending.survey(app, NEWS, draft.encode(), time.time())
    assert [one for one in survey.red if one.key != "no-https"] == []
    number = issue_sending.begin(
        app, survey.lst, survey.ready, policy=UnsurePolicy.NEVER_TWICE, now=time.time()
    )
    for _ in issue_sending.freeze(app, number):
        pass
    readers = delivery.Readers(app.keyring)
    copies = {}
    with app.store.read() as session:
        view = mailings.view(session, number)
        for row in session.scalars(select(Recipient).where(Recipient.mailing_id == number)):
            claimed = ClaimedRow(
                row.id, number, row.ref, row.address, row.bucket, row.variant, row.attempts
            )
            readers.wanted(session, [claimed])
            made = mailings.composition(session, number, row.variant)
            assert made is not None
            raw = made.join(readers.copy(view, claimed).values)
            whole = email.message_from_bytes(raw, policy=email.policy.default)
            assert isinstance(whole, EmailMessage)
            copies[row.address] = whole
    return copies


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def links(message: EmailMessage) -> list[str]:
    found = re.findall(r'href="(mailto:[^"]*-reply[^"]*)"', part(message, "html"))
    return [one.replace("&amp;", "&") for one in found]


def answer(place: Place, link: str, sender: str, more: str = "") -> str:
    """Write the letter that a link opens; return the receipt."""
    there = urlsplit(link)
    said = parse_qs(there.query)
    before = len(place.mails(sender))
    words = said.get("body", [""])[0]
    place.write(sender, unquote(there.path), words, subject=said["subject"][0], more=more)
    receipts = place.mails(sender)[before:]
    return " ".join([subject(one) + " " + " ".join(text(one).split()) for one in receipts])


def counted(place: Place) -> list[int]:
    with place.app.store.read() as session:
        found = ballots.result(session, 1)
    assert found is not None
    return [count for _, count in found.answers]


def test_a_letter_or_a_button_counts_once_a_member_and_editors_see_numbers_alone(
    place: Place,
) -> None:
    copies = send(place)
    words = " ".join(part(copies[BO], "plain").split())
    assert "Redaktörerna ser bara hur många" not in words  # the words are the text's language's
    assert "The editors see only how many chose what." in words
    first, second = links(copies[ANNA])
    assert "Your answer has been counted: Which [day]? Monday & more" in answer(place, first, ANNA)
    assert answer(place, first, ANNA, "Auto-Submitted: auto-replied\r\n") == ""
    assert counted(place) == [1, 0]
    assert "Tuesday" in answer(place, second, ANNA)
    with place.app.store.write() as session:  # who is proven hears more often
        anna = session.scalars(select(roster.Address).where(roster.Address.key == ANNA)).one()
        anna.proven_at = 1.0
    assert "svar räknas" in answer(place, links(copies[BO])[1], BO)
    assert counted(place) == [0, 2]
    assert "parentheses" in answer(place, second.replace("subject=", "subject=x&was="), ANNA)
    assert "not counted" in answer(place, second.replace("-2%29", "-3%29"), ANNA)
    shown = CliRunner().invoke(newsletter, ("votes", "1"), obj=place.app)
    assert re.search(
        r"Which \[day\]\? \(2 answered\)\n  Monday & more .* 0\n  Tuesday .* 2\n", shown.stdout
    )
    with place.app.store.read() as session:
        told = personal_data.open_dossier(session, place.app.keyring, ANNA, time.time())
        archived = get_raw(session, _kept(place))
    assert told.memberships[0].votes[0]["answer"] == "Tuesday"
    assert archived is not None
    assert b"Tuesday" in archived
    assert b"-reply" not in archived
    assert b"/vote/" not in archived


def _kept(place: Place) -> bytes:
    from listserv.wiring.listserv_tables import Issue  # noqa: PLC0415 - only here

    with place.app.store.read() as session:
        return session.get_one(Issue, 1).raw_sha


def test_the_page_shows_counts_by_post_alone_and_knows_who_may_not(place: Place) -> None:
    copies = send(place)
    found = re.search(
        r'href="http://localhost:8080(/[^"]*/vote/[^"]*)"', part(copies[ANNA], "html")
    )
    assert found
    way = found[1]
    web = Web(place.app, build(place.app, dict))
    assert "<h1>Which [day]?</h1>" in web.get(way).text
    assert counted(place) == [0, 0]
    assert "Your answer counts: Tuesday" in web.post(way, form={"answer": "2"}).text
    assert "could not be read" in web.post(way, form={"answer": "3"}).text
    assert counted(place) == [0, 1]
    assert web.get(way[:-5] + way[:-6:-1]).status == 404  # its end turned round
    with place.app.store.write() as session:
        session.get_one(ballots.Vote, 1).asked -= ballots.OPEN
    assert "closed" in web.post(way, form={"answer": "1"}).text
    assert counted(place) == [0, 1]


@pytest.mark.parametrize(
    "words",
    [
        "vote: Which day?",
        "vote: Which day? | Monday",
        "vote: Which day? | Monday | Monday",
        "vote: Which day? | Monday |",
        "vote: a | b | c\n\nvote: d | e | f",
        "vote: a" + "".join(f" | {one}" for one in range(11)),
        "vote: a | b | c\n\nlanguage: sv\n\nvote: a | b | c | d",
    ],
)
def test_a_vote_that_cannot_be_answered_is_refused(words: str) -> None:
    with pytest.raises(BadInput, match=r"[Vv]ote"):
        drafts.read(f"---\nsubject: x\n---\nHi\n\n{words}\n".encode())


@given(st.text(max_size=300))
def test_a_text_without_a_vote_is_left_as_it_is(words: str) -> None:
    try:
        asked = votes.find(words)
    except BadInput:
        return
    if asked is None:
        assert votes.expand(words, "en", "abcde", "to@example.org", "page") == words


def test_a_sheet_asks_in_the_same_words_and_its_answers_count(place: Place) -> None:
    copies = send(place, SHEET)
    html, plain = (part(copies[ANNA], kind) for kind in ("html", "plain"))
    assert "<b>Which &lt;day&gt;?</b>" in html
    assert ">Monday &amp; more</a>" in html
    assert "vote:" not in html + plain
    assert not wrong_in(html)
    assert "Monday & more" in answer(place, links(copies[ANNA])[0], ANNA)
    shown = re.findall(r"\[\d\] (mailto:\S+)", plain)
    assert [len(one) < 100 for one in shown] == [True, True]
    assert "Tuesday" in answer(place, shown[1], ANNA)  # the short address of the plain text
    assert counted(place) == [0, 1]
    with place.app.store.read() as session:
        archived = get_raw(session, _kept(place))
    assert archived is not None
    assert b"Monday &amp; more" in archived
    assert b'"mailto:' not in archived


def test_a_web_page_asks_as_markdown_does_and_a_crowded_sheet_says_where() -> None:
    page = sources.from_page("<html><p>Hi</p><p>vote: Which day? | Monday | Tuesday</p></html>")
    assert page is not None
    assert votes.find(page.text) == votes.VoteQuestion("Which day?", ("Monday", "Tuesday"))
    for crowded in ("Hi</p><p>\n      vote:", "<b>x</b></p><p>\n      vote:"):
        with pytest.raises(drafts.BadDraft) as caught:
            drafts.read(SHEET.replace("\n      vote:", crowded).encode())
        assert "nothing else in it" in caught.value.fix
        assert caught.value.line == 5


def test_a_token_that_got_out_fills_no_mailbox(place: Place) -> None:
    copies = send(place)
    first, second = links(copies[ANNA])
    assert answer(place, first, ANNA)
    assert answer(place, first, ANNA) == ""  # nothing has changed
    to = unquote(urlsplit(first).path)
    subjects = [parse_qs(urlsplit(one).query)["subject"][0] for one in (first, second)] * 6
    for one in subjects:
        place.write("eve@attacker.example", to, subject=one)
    for number in range(10):
        place.write("eve@attacker.example", to, subject=f"unclear {number}")
    assert len(place.mails(ANNA)) <= 5
    assert counted(place) == [0, 1]


def test_what_a_reader_writes_beside_an_answer_reaches_the_editors_alone(place: Place) -> None:
    with place.app.store.write() as session:
        roster.change_list(roster.get_list(session, NEWS), replies="thread")
    copies = send(place)
    to = unquote(urlsplit(links(copies[BO])[0]).path)
    subjects = [parse_qs(urlsplit(one).query)["subject"][0] for one in links(copies[BO])]
    with place.app.store.read() as session:
        named = f"In-Reply-To: <{session.get_one(mailings.Mailing, 1).message_id}>\r\n"
    place.write(BO, to, "Monday & more", subject=subjects[0])
    in_swedish = subjects[0].replace("Monday & more", "M\u00e5ndag")
    place.write(BO, to, "m\u00e5ndag\r\n\r\n", subject=in_swedish)
    assert place.mails(OLGA) == []
    place.write(BO, to, "Tuesday\r\n\r\nI am in hospital.", subject=subjects[1], more=named)
    place.write(BO, to, "Please call me.", subject="Something else")
    place.write(BO, to, "I am away.", subject="x", more="Auto-Submitted: auto-replied\r\n")
    said = [text(one) for one in place.mails(OLGA)]
    assert len(said) == 2
    assert "hospital" in said[0]
    assert "call me" in said[1]
    assert counted(place) == [0, 1]
    with place.app.store.read() as session:
        assert len(session.scalars(select(Message)).all()) == 1  # the issue


def test_a_path_with_a_nul_is_no_page(place: Place) -> None:
    web = Web(place.app, build(place.app, dict))
    for path in (f"/{NEWS}/vote/\0abcdefgh", "/a\0@example.org/", f"/{NEWS}\0/leave/abc"):
        assert web.get(path).status == 404
        assert web.post(path, form={"answer": "1"}).status in {404, 405}
