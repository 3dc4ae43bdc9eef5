"""Answers to digests as mail programs write them: the right thread, or one question, or nothing."""

import email
import email.message
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import select

from listserv.digests import digest_making
from listserv.mailings import audience_freezing
from listserv.mailings.delivery import PAIR_TOKENS
from listserv.mailings.slots import digest_variant
from listserv.wiring.listserv_tables import Post
from mailer.ledger.mailings import composition
from mailer.reading import addresses
from subscriptions.lists.rhythms import DigestForm
from subscriptions.lists.roster import Rhythm, get_list, membership_of
from tests.place import ANNA, EVE, LIST, Place, make_place, subject, text

BO, DORA = "bo@example.com", "dora@example.se"
POTATOES, STRAW, LADDER, WALK = 1, 2, 3, 4
WORDS = {
    POTATOES: "How deep do you plant potatoes this year, with all the rain that we have had?",
    STRAW: "A hand deep, and then some straw on top.\r\n\r\nThat keeps them dry here.",
    LADDER: "Who has a ladder that reaches the roof of the shed? I need it on Saturday.",
    WALK: "Кто пойдёт с нами в воскресенье в лес за грибами? Встречаемся в десять утра.",  # noqa: RUF001
}
SUBJECTS = {POTATOES: "Potatoes", STRAW: "Re: Potatoes", LADDER: "Ladder", WALK: "Грибы"}
MINE = "I can help you with that."


@dataclass
class Digest:
    """Hold what a member has got, and write answers to it as mail programs do."""

    head: email.message.Message
    plain: str
    html: str
    answer: dict[int, str]  # the reply address below each mail

    @property
    def to(self) -> str:
        return addresses.parse(str(self.head["Reply-To"]).strip("<>")).key

    @property
    def again(self) -> str:
        return f"Re: {subject(self.head)}"

    def piece(self, post: int, *, address: bool = False) -> str:
        """Return what stands of one mail in the plain part."""
        said = WORDS[post].replace("\r\n", "\n")
        return f"{said}\n\nAnswer to everybody: {self.answer[post]}" if address else said


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Digest]]:
    """Write four mails in three threads, and let a member have them in a digest."""
    folder = tmp_path_factory.mktemp("digest")
    place = make_place(folder, f"sqlite:///{folder}/krets.db")
    place.add(BO)
    place.add(EVE)
    place.add(DORA)
    with place.app.store.write() as session:
        member = membership_of(session, get_list(session, LIST).id, DORA)
        assert member is not None
        member.rhythm, number = Rhythm.DAILY, member.id
    for post, writer in ((POTATOES, ANNA), (STRAW, BO), (LADDER, BO), (WALK, EVE)):
        write(place, post, writer)
    with place.app.store.read() as session:
        list_id = get_list(session, LIST).id
    (mailing,) = digest_making.make(place.app, list_id, 4e9)
    while audience_freezing.freeze_some(place.app.store, mailing):
        pass
    yield place, read(place, mailing, number)
    place.end()


def write(place: Place, post: int, writer: str) -> None:
    answers = f"In-Reply-To: <m{POTATOES}@mail.example>\r\n" if post == STRAW else ""
    raw = (
        f"From: {writer.split('@', maxsplit=1)[0].title()} <{writer}>\r\nTo: {LIST}\r\n"
        f"Subject: {SUBJECTS[post]}\r\nMessage-ID: <m{post}@mail.example>\r\n{answers}"
        f"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{WORDS[post]}\r\n"
    )
    place.take(raw.encode(), writer, LIST)


def read(place: Place, mailing: int, member: int) -> Digest:
    def token(slot: str) -> bytes:
        kind, _, post = slot.partition(".")
        purpose = PAIR_TOKENS.get(kind)
        if purpose is None:
            return b"a" * 26
        return place.app.keyring.pair_maker(purpose, LIST)(member, int(post or mailing)).encode()

    with place.app.store.read() as session:
        found = composition(session, mailing, digest_variant("en", DigestForm.PAGE))
        posts = {int(row.message_id[1]): row.id for row in session.scalars(select(Post))}
    assert found is not None
    mail = email.message_from_bytes(found.join({slot: token(slot) for slot in found.slots}))
    parts = {
        one.get_content_type(): one.get_payload(decode=True).decode().replace("\r\n", "\n")  # type: ignore[union-attr]
        for one in mail.walk()
        if not one.is_multipart()
    }
    answer = {
        number: f"friends-reply+{token(f'answer.{post}').decode()}@example.org"
        for number, post in posts.items()
    }
    return Digest(mail, parts["text/plain"], parts["text/html"], answer)


def quote(said: str, mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}".rstrip() for line in said.strip().splitlines())


def wrapped(said: str, width: int = 48) -> str:
    """Break lines as a program does that quotes with a shorter measure."""
    lines, line = [], ""
    for word in said.split():
        if len(line) + len(word) > width:
            lines.append(line.strip())
            line = ""
        line += f"{word} "
    return "\n".join([*lines, line.strip()])


@dataclass
class Answer:
    """Hold a mail: its words, and what else its program writes."""

    text: str
    subject: str = ""
    html: str = ""
    to: str = ""
    more: str = ""


GMAIL = "On Mon, 30 Nov 2026 at 07:00, Friends <friends@example.org> wrote:\n"
APPLE = "> On 30 Nov 2026, at 07:00, Friends <friends@example.org> wrote:\n> \n"
OUTLOOK = (
    "\n________________________________\nFrom: Friends <friends@example.org>\n"
    "Sent: Monday, November 30, 2026 7:00 AM\nTo: Friends <friends@example.org>\n"
    "Subject: Friends: 4 mails\n\n"
)
THUNDERBIRD = "On 30.11.2026 07:00, Friends wrote:\n"
MUTT = "On Mon, Nov 30, 2026 at 07:00:00AM +0000, Friends wrote:\n"
ROUNDCUBE = "On 2026-11-30 07:00, Friends wrote:\n"
YANDEX = '30.11.2026, 07:00, "Friends" <friends@example.org>:\n'
K9 = (
    "-------- Original Message --------\nFrom: Friends <friends@example.org>\n"
    "Sent: 30 November 2026 07:00:00 GMT\nTo: Friends <friends@example.org>\n"
    "Subject: Friends: 4 mails\n\n"
)
SIGNED = "\n\n-- \nDora Lind\n+46 70 123 45 67"
Write = Callable[[Digest], Answer]
ASKED, NOTHING = 0, -1
ANSWERS: dict[str, tuple[int, Write]] = {
    "gmail, on top of one mail": (
        LADDER, lambda d: Answer(f"{MINE}\n\n{GMAIL}\n{quote(d.piece(LADDER))}"),
    ),
    "gmail, on top of the whole digest": (
        ASKED, lambda d: Answer(f"{MINE}\n\n{GMAIL}\n{quote(d.plain)}"),
    ),
    "gmail, as html with its quote folded": (
        STRAW,
        lambda _: Answer(
            "", html=f'<div dir="ltr">{MINE}</div><br><div class="gmail_quote">'
            '<div dir="ltr" class="gmail_attr">On Mon, 30 Nov 2026 Friends wrote:<br></div>'
            f'<blockquote class="gmail_quote">{WORDS[STRAW]}</blockquote></div>',
        ),
    ),
    "gmail, below one mail within the whole digest": (
        POTATOES, lambda d: Answer(f"{GMAIL}\n{inline(d, POTATOES)}"),
    ),
    "gmail, quote trimmed away and subject kept": (ASKED, lambda _: Answer(MINE)),
    "gmail, quote trimmed away, to the address below a mail": (
        WALK, lambda d: Answer(MINE, to=d.answer[WALK]),
    ),
    "outlook, on top of the whole digest": (
        ASKED, lambda d: Answer(f"{MINE}{SIGNED}\n{OUTLOOK}{d.plain}"),
    ),
    "outlook, the rest of the digest deleted": (
        WALK, lambda d: Answer(f"{MINE}\n{OUTLOOK}{d.piece(WALK, address=True)}"),
    ),
    "outlook, html only, the rest deleted": (
        LADDER,
        lambda _: Answer(
            "", html=f"<p>{MINE}</p><div style='border:none;border-top:solid #E1E1E1 1.0pt'>"
            "<p><b>From:</b> Friends &lt;friends@example.org&gt;<br><b>Sent:</b> Monday<br>"
            f"<b>To:</b> Friends<br><b>Subject:</b> 4 mails</p></div><p>{WORDS[LADDER]}</p>",
        ),
    ),
    "outlook, without References, to the address below a mail": (
        STRAW, lambda d: Answer(f"{MINE}\n{OUTLOOK}{d.plain}", to=d.answer[STRAW]),
    ),
    "outlook in swedish": (
        POTATOES,
        lambda d: Answer(
            f"{MINE}\n\nFrån: Friends <friends@example.org>\nSkickat: den 30 november 2026 07:00\n"
            f"Till: Friends\nÄmne: Friends: 4 mails\n\n{d.piece(POTATOES)}",
        ),
    ),
    "apple mail, a selection answered": (
        STRAW, lambda d: Answer(f"{MINE}\n\n{APPLE}{quote(d.piece(STRAW))}\n"),
    ),
    "apple mail, whole digest below": (
        ASKED, lambda d: Answer(f"{MINE}\n\n{APPLE}{quote(d.plain)}"),
    ),
    "apple mail, html blockquote of a selection": (
        WALK,
        lambda _: Answer(
            "", html=f"<div>{MINE}</div><br><blockquote type='cite'><div>On 30 Nov 2026, Friends"
            f" &lt;friends@example.org&gt; wrote:</div><br><div>{WORDS[WALK]}</div></blockquote>",
        ),
    ),
    "apple mail, only the address quoted": (
        LADDER,
        lambda d: Answer(f"{MINE}\n\n{APPLE}{quote('Answer to everybody: ' + d.answer[LADDER])}"),
    ),
    "k-9, on top of the whole digest": (
        ASKED, lambda d: Answer(f"{MINE}\n\n{K9}{d.plain}"),
    ),
    "k-9, quoted with marks, trimmed": (
        LADDER, lambda d: Answer(f"{MINE}\n\n{GMAIL}{quote(d.piece(LADDER), '>')}"),
    ),
    "k-9, two mails left in the quote": (
        ASKED,
        lambda d: Answer(f"{MINE}\n\n{quote(d.piece(LADDER))}\n>\n{quote(d.piece(WALK))}"),
    ),
    "thunderbird, below the quote of one mail": (
        POTATOES, lambda d: Answer(f"{THUNDERBIRD}{quote(d.piece(POTATOES))}\n\n{MINE}{SIGNED}"),
    ),
    "thunderbird, below the whole digest": (
        ASKED, lambda d: Answer(f"{THUNDERBIRD}{quote(d.plain)}\n\n{MINE}{SIGNED}"),
    ),
    "thunderbird, between two mails": (
        LADDER, lambda d: Answer(f"{THUNDERBIRD}{inline(d, LADDER)}{SIGNED}"),
    ),
    "thunderbird, the quote wrapped anew": (
        LADDER, lambda d: Answer(f"{THUNDERBIRD}{quote(wrapped(d.piece(LADDER)))}\n\n{MINE}"),
    ),
    "mutt, part of one mail": (
        STRAW, lambda _: Answer(f"{MUTT}> That keeps them dry here.\n\n{MINE}\n\nDora"),
    ),
    "mutt, to the whole digest": (ASKED, lambda d: Answer(f"{MUTT}{quote(d.plain)}\n\n{MINE}")),
    "mutt, subject changed to a thread's": (
        LADDER, lambda _: Answer(MINE, subject="Re: Ladder"),
    ),
    "roundcube, one mail in the middle kept": (
        STRAW, lambda d: Answer(f"{ROUNDCUBE}{quote(d.piece(STRAW, address=True))}\n\n{MINE}"),
    ),
    "roundcube, on top, html to text": (
        WALK, lambda d: Answer(f"{MINE}\n\n{ROUNDCUBE}\n{quote(wrapped(d.piece(WALK), 30))}"),
    ),
    "yandex, on top of one mail": (
        WALK, lambda d: Answer(f"{MINE}\n\n{YANDEX}{quote(d.piece(WALK))}"),
    ),
    "yandex, html blockquote of the whole": (
        ASKED,
        lambda d: Answer(
            "", html=f'<div>{MINE}</div><div>30.11.2026, 07:00, "Friends"'
            f" &lt;friends@example.org&gt;:</div><blockquote>{d.html}</blockquote>",
        ),
    ),
    "an absence": (
        NOTHING,
        lambda d: Answer(
            "I am out of the office until Monday.", more="Auto-Submitted: auto-replied\r\n",
            to=d.answer[LADDER],
        ),
    ),
    "nothing but the whole digest": (NOTHING, lambda d: Answer(f"{GMAIL}\n{quote(d.plain)}")),
    "nothing but a signature": (
        NOTHING, lambda d: Answer(f"{SIGNED}\n\n{GMAIL}{quote(d.piece(LADDER))}"),
    ),
    "a command": (NOTHING, lambda d: Answer(f"unsubscribe\n\n{GMAIL}{quote(d.plain)}")),
    "the digest sent on without any mark": (NOTHING, lambda d: Answer(f"{MINE}\n\n{d.plain}")),
}  # fmt: skip


def inline(digest: Digest, post: int) -> str:
    """Write below one mail's words within a quote of the whole digest."""
    said = digest.piece(post)
    last = said.splitlines()[-1]
    above, _, below = digest.plain.partition(last)
    return f"{quote(above + last)}\n\n{MINE}\n\n{quote(below)}"


@pytest.mark.parametrize("name", list(ANSWERS))
def test_an_answer_ends_in_its_thread_or_in_one_question_and_never_elsewhere(
    house: tuple[Place, Digest], name: str
) -> None:
    place, digest = house
    wanted, write_it = ANSWERS[name]
    answer = write_it(digest)
    posts, questions = len(place.mails(ANNA, kind="post")), which(place)
    bring(place, digest, answer)
    new = place.mails(ANNA, kind="post")[posts:]
    asked = which(place) - questions
    if wanted in WORDS:
        (copy,) = new
        assert re.sub(r"^Re: ", "", subject(copy)) == re.sub(r"^Re: ", "", SUBJECTS[wanted])
        assert copy["In-Reply-To"] == f"<m{wanted}@mail.example>"
        assert text(copy).split("\n\n-- ")[0].strip().splitlines()[0] == MINE
        assert "reply+" not in text(copy)
        assert asked == 0
    else:
        assert new == []
        assert asked == (1 if wanted == ASKED else 0)


def test_a_word_about_how_mail_comes_or_about_a_thread_is_done_and_posted_to_nobody(
    house: tuple[Place, Digest],
) -> None:
    place, digest = house
    posts = len(place.mails(ANNA, kind="post"))
    bring(place, digest, Answer(f"weekly\n\n{GMAIL}{quote(digest.plain)}"))
    assert rhythm(place) is Rhythm.WEEKLY
    bring(place, digest, Answer("daily", to=digest.answer[WALK]))
    assert rhythm(place) is Rhythm.DAILY
    bring(place, digest, Answer("mute", to=digest.answer[WALK]))
    assert subject(place.mails(DORA)[-1]) == "Muted: Грибы"
    assert len(place.mails(ANNA, kind="post")) == posts


def rhythm(place: Place) -> Rhythm:
    with place.app.store.read() as session:
        member = membership_of(session, get_list(session, LIST).id, DORA)
        assert member is not None
        return member.rhythm


def which(place: Place) -> int:
    return sum(subject(one).startswith("Which mail") for one in place.mails(DORA))


def bring(place: Place, digest: Digest, answer: Answer) -> None:
    kind, said = ("html", answer.html) if answer.html else ("plain", answer.text)
    bring.number += 1  # type: ignore[attr-defined]
    to = answer.to or digest.to
    raw = (
        f"From: Dora <{DORA}>\r\nTo: {to}\r\nSubject: {answer.subject or digest.again}\r\n"
        f"Message-ID: <answer-{bring.number}@mail.example>\r\n{answer.more}"  # type: ignore[attr-defined]
        f"MIME-Version: 1.0\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n"
    ) + said.replace("\r\n", "\n").replace("\n", "\r\n")
    place.take(raw.encode(), DORA, to)


bring.number = 0  # type: ignore[attr-defined]
