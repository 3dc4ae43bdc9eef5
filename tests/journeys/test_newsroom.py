"""An issue by mail, as six editors write: each path in six languages, by every mail program."""

import itertools
import re
import smtplib
from dataclasses import dataclass, field
from email.message import Message
from functools import cache, partial
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply, rehearsal
from templates.catalogue import read_catalogue, translator
from tests.journeys import letters, programs
from tests.journeys.programs import ANSWERS, DRAFTS, SPEECH
from tests.tree import Krets, running, wait_for

LIST, ISSUE = "news@example.org", "news-issue@example.org"
FEW = 5  # copies of an issue that is stopped in mid-sending
# How an editor says it: later, not then, only these, now, stop.
SAID = {
    "sv": ("Skicka imorgon bitti kl 8, tack", "Avbryt!", "Bara segment", "SKICKA", "Stopp"),
    "it": ("Invia domani mattina alle 8", "annulla", "Solo segmento", "Invia.", "ferma"),
    "ro": ("Trimite mâine la ora 8:00", "Anulați", "Doar segmentul", "trimite", "Oprește"),
    "ru": ("Отправить завтра в 8 утра", "Отмена", "Только сегмент",
           "Отправьте, пожалуйста", "Стоп!"),
    "nl": ("Verstuur morgenochtend om 8 uur", "Annuleren", "Alleen segment",
           "verstuur graag", "Stop"),
    "en": ("Please send tomorrow at 8 am", "cancel", "Only segment", "Send!", "stop"),
}  # fmt: skip
FIELDS = "Subject, Date, Message-ID, Archived-At, List-Unsubscribe"
DIFFERS = (
    "In these lines of its header the proof differs from a reader's copy: %(fields)s. The link to"
    " leave does nothing in a proof."
)
CANCELLED = (
    'It is no longer scheduled, and nothing goes out. The proof still stands: answer "send" when it'
    " should go."
)
NEW = {
    "sv": "Ny text", "en": "New text", "it": "Testo nuovo", "ro": "Text nou",
    "ru": "Новый текст", "nl": "Nieuwe tekst",
}  # fmt: skip
NEITHER = "Your answer was neither one of the words below nor a new text, so nothing has changed."
OLD = (
    "Your answer was about an older text, so nothing was done. This is the report on the newest"
    " one; its proof is in another mail."
)
TAGS = (
    "Line %(line)s of the MJML: a tag is not closed, or closed twice. Each needs its end, as in"
    " <mj-text>...</mj-text>."
)
PACKED = (
    "Outlook has packed files or layout into winmail.dat, which cannot be read here. Send the draft"
    " as HTML or plain text."
)
SLOT = 'There is no slot "%(said)s". You can use %(known)s.'
THEME = 'There is no theme "%(said)s". You can choose from %(known)s.'
LONG = "Wat er groeit, wat er blijft staan, en wie er komt helpen met de bladeren. " * 3
THEMES = "announcement, digest, letter, magazine"
KIND = 'The picture "%(said)s" cannot be read. Save it as JPEG or PNG.'
ATTACHED = "The file %(file)s does not go with the issue. Put it on a page and link it."
ROLES = ("editor", "member")
LATER, CANCEL, ONLY, SEND, STOP = range(5)
TEXT = """# {} {}

Hej {{{{ name }}}}: {}.

[Link](https://garden.example/?a=1&b=2): no letter is lost, in a line that programs wrap here."""
WORDS = {
    "sv": "löv och åska", "it": "città più su", "ro": "ședință în țară", "ru": "листья и чай",
    "nl": "geïnd café", "en": "leaves and tea",
}  # fmt: skip


@dataclass
class Desk:
    """One editor: a language, and mail programs that change from letter to letter."""

    krets: Krets
    outbox: list[Caught]
    language: str
    turn: "itertools.count[int]"
    letters_to: str = LIST
    seen: int = 0
    reports: list[Message] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"editor-{self.language}@example.net"

    def post(self, subject: str, body: bytes, to: str, about: Message | None = None) -> None:
        raw = programs.mail(self.address, to, subject, body, about)
        letters.post(self.krets, raw, self.address, to)

    def text(self, number: int) -> str:
        return TEXT.format(self.language, number, WORDS[self.language])

    def draft(self, words: str) -> None:
        program = list(DRAFTS)[next(self.turn) % len(DRAFTS)]
        self.post(
            f"Nr {self.language}",
            DRAFTS[program](words, SPEECH[self.language]),
            self.letters_to.replace("@", "-issue@"),
        )

    def say(self, words: str, about: Message | None = None) -> None:
        """Answer the newest report, or the mail ``about``."""
        report = self.reports[-1] if about is None else about
        program = list(ANSWERS)[next(self.turn) % len(ANSWERS)]
        body = ANSWERS[program](words, report, SPEECH[self.language])
        subject = SPEECH[self.language].prefix + letters.subject_of(report)
        self.post(subject, body, letters.reply_to(report), report)

    def hear(self, number: int) -> list[Message]:
        """Return the next mails to this editor, proofs last."""
        wait_for(f"{number} mails to {self.address}", lambda: self._unseen(number))
        found = self._unseen(number)
        self.seen += number
        self.reports += [one for one in found if one["Reply-To"]]
        return sorted(found, key=lambda one: str(one["Message-ID"]))

    def _unseen(self, number: int) -> list[Message]:
        found = letters.mails_to(self.outbox, self.address)[self.seen :]
        return found[:number] if len(found) >= number else []

    def heard(self, english: str, subject: str = "") -> Message:
        """Return the mail that says so, in this editor's language, of this editor's own issue."""
        about = {"subject": subject or f"Nr {self.language}"}
        said = translator(self.language).gettext(english) % about
        wanted = " ".join(said.split())

        def look() -> list[Message]:
            return [one for one in self.all() if wanted in " ".join(letters.text_of(one).split())]

        return wait_for(f"{self.address}: {wanted}", look)[-1]

    def all(self) -> list[Message]:
        return letters.mails_to(self.outbox, self.address)

    def mails(self, kind: str) -> list[Message]:
        """Return the proofs or issues of this editor's own draft."""
        mails = letters.mails_to(self.outbox, self.address)
        named = [one for one in mails if letters.subject_of(one).endswith(f"Nr {self.language}")]
        return [one for one in named if one["Message-ID"].startswith(f"<{kind}.")]

    def reads(self, mail: Message, english: str, *, part: bool = False, **values: str) -> None:
        """Assert that a mail says so in this editor's language; ``part``: of a text."""
        if part:
            english = next(one for one in _texts() if english in one)
        said = translator(self.language).gettext(english) % values
        text = " ".join(letters.text_of(mail).split())
        assert " ".join(said.split()) in text, (self.language, said, text)


@pytest.mark.long
@pytest.mark.parametrize(
    "languages", [("ro", "ru"), pytest.param(tuple(SAID), marks=pytest.mark.journey)]
)
def test_an_issue_goes_its_whole_way_in_six_languages_by_every_mail_program(
    krets: Krets, outbox: list[Caught], languages: tuple[str, ...]
) -> None:
    """Draft, later, not then, other readers, a new text, an old report, send, stop."""
    desks = [
        Desk(krets, outbox, one, itertools.count(number), f"news-{one}@example.org")
        for number, one in enumerate(languages)
    ]
    for desk in desks:
        people = [(f"{role}-{desk.language}@example.net", desk.language, role) for role in ROLES]
        _open(
            krets,
            [
                *people,
                (
                    f"guest-{desk.language}@example.com",
                    "it" if desk.language != "it" else "sv",
                    "member",
                ),
            ],
            desk.letters_to,
        )
    with running(krets):
        _prove(desks)
        _mend(desks)
        _send(desks)
    for one in languages:
        assert len(letters.mails_to(outbox, f"member-{one}@example.net")) == 1


def _open(krets: Krets, people: list[tuple[str, str, str]], lst: str = LIST) -> None:
    krets.krets("list", "create", lst, "--kind", "newsletter", "--title", "Nytt")
    rows = [f"{address},{address.partition('@')[0]},{one},{role}" for address, one, role in people]
    lines = "\n".join(["email,name,language,role", *rows])
    krets.krets("member", "import", lst, "-", "--consent", "Asked", "--yes", stdin=lines)


def _prove(desks: list[Desk]) -> None:
    """Mail drafts, name an hour, take it back."""
    for desk in desks:
        desk.draft(desk.text(1))
    for desk in desks:
        report, proof = desk.hear(2)
        desk.reads(report, "Nothing is sent without your answer.")
        desk.reads(report, DIFFERS, fields=FIELDS)
        desk.reads(proof, "You get this mail because you joined.")
        assert f"editor-{desk.language}: {WORDS[desk.language]}." in letters.text_of(proof)
        desk.say(SAID[desk.language][LATER])
    for desk in desks:
        (answer,) = desk.hear(1)
        assert "08:00 (UTC)" in letters.text_of(answer)
        desk.say(SAID[desk.language][CANCEL])
    for desk in desks:
        (answer,) = desk.hear(1)
        desk.reads(answer, CANCELLED)


def _mend(desks: list[Desk]) -> None:
    """Choose other readers, answer with a new text, and then the old report."""
    for desk in desks:
        desk.say(f"{SAID[desk.language][ONLY]} styrelsen")
    for desk in desks:
        (answer,) = desk.hear(1)
        desk.reads(answer, "Who gets it could not be changed, because:")
        assert "styrelsen" in letters.text_of(answer)
        desk.say(f"{SAID[desk.language][ONLY]} language = {desk.language}")
    for desk in desks:
        report, _ = desk.hear(2)
        desk.reads(report, "- Readers now: %(n)s", n="2")
        desk.say(f"{NEW[desk.language]}\n\n{desk.text(2)}")
    for desk in desks:
        desk.hear(2)
        desk.say(SAID[desk.language][SEND], desk.reports[0])
    for desk in desks:
        report, proof = desk.hear(2)
        desk.reads(report, "- Only these: %(segment)s", segment=f"language = {desk.language}")
        text = letters.text_of(proof)
        assert f"{desk.language} 2\n====" in text.replace("\r", "")
        for left_behind in ("Outlook", SPEECH[desk.language].telephone):
            assert left_behind not in text
        assert not letters.mails_to(desk.outbox, f"member-{desk.language}@example.net")


def _send(desks: list[Desk]) -> None:
    """Send, and stop what has come to its end."""
    for desk in desks:
        desk.say(SAID[desk.language][SEND])
    for desk in desks:
        going = desk.heard('The issue "%(subject)s" is going out now.')
        mine, proof = (
            wait_for("the issue", lambda one=desk: one.mails("issue"))[-1],
            desk.mails("proof")[-1],
        )
        assert _body(mine) == _body(proof)  # to the byte, but for the way out
        assert _differing(mine, proof) <= set(FIELDS.split(", "))
        reader = letters.wait_mail(desk.outbox, f"member-{desk.language}@example.net")
        assert f"member-{desk.language}: {WORDS[desk.language]}." in letters.text_of(reader)
        link = reader["Archived-At"].strip("<>")
        assert link in letters.text_of(reader)
        assert desk.krets.get(link.removeprefix(desk.krets.url))[0] == 200
        assert letters.reply_to(going) != letters.reply_to(desk.reports[-1])
    for desk in desks:
        desk.say(SAID[desk.language][STOP], desk.heard('The issue "%(subject)s" has gone out.'))
    for desk in desks:
        desk.heard("There is nothing left to stop: sending has already finished.")


def test_four_eyes_two_at_once_a_stop_in_mid_sending_and_readers_who_answer(
    krets: Krets, outbox: list[Caught]
) -> None:
    """Anna (Gmail, Swedish) and Olga (Outlook, Russian) share a list of sixty readers."""
    people = [("editor-sv@example.net", "sv", "editor"), ("editor-ru@example.net", "ru", "editor")]
    people += [(f"reader-{number}@example.com", "it", "member") for number in range(60)]
    _open(krets, people)
    krets.krets("list", "set", LIST, "--four-eyes", "--replies", "thread")
    anna, olga = (
        Desk(krets, outbox, one, itertools.count(at)) for at, one in enumerate(("sv", "ru"))
    )
    with rehearsal(Sink(script=_FewCopies(), keep=outbox.append)) as slow:
        krets.relay = f"smtp://127.0.0.1:{slow.port}"
        with running(krets):
            _agree(anna, olga)
            _stop(anna, olga)
            _readers(krets, outbox, anna)


class _FewCopies:
    """Take a few copies of the issue that is to be stopped, and put the others off."""

    def __init__(self) -> None:
        self._taken = 0

    def __call__(self, moment: Moment, caught: Caught) -> SinkReply | None:
        if moment is Moment.DOT and b"Nr sv stopp" in caught.raw and b"<issue." in caught.raw:
            self._taken += 1
            return SinkReply(451, "4.3.2 Later") if self._taken > FEW else None
        refused = moment is Moment.RCPT and caught.recipient == "reader-7@example.com"
        return SinkReply(550, "5.1.1 No such user") if refused else None


def _agree(anna: Desk, olga: Desk) -> None:
    """See an approval die with a new text; then both say their word, one of them twice."""
    anna.draft(anna.text(1) + "\n\nvote: När? | Lördag | Söndag")
    anna.hear(2)
    anna.say("Skicka")
    anna.reads(
        anna.hear(1)[0], "The others have been asked; it goes out as soon as one of them", part=True
    )
    asked, _ = olga.hear(2)
    olga.reads(asked, 'Answer "approve" if you agree.', part=True)
    assert letters.subject_of(asked).startswith("Nytt: ")
    anna.say("Godkänt")
    anna.reads(anna.hear(1)[0], "and this text, or the wish to send it, is yours.", part=True)
    anna.say(f"Ny text\n\n{anna.text(2)}\n\nvote: När? | Lördag | Söndag")
    anna.hear(2)
    olga.say("Одобряю")
    newest, proof = olga.hear(2)
    olga.reads(newest, OLD)
    assert "sv 2" in letters.text_of(proof)
    olga.say("Одобряю", newest)
    olga.reads(olga.hear(1)[0], "Your approval of this text is noted.", part=True)
    for _ in range(2):
        anna.say("Skicka", anna.reports[-1])
    anna.heard('The issue "%(subject)s" is going out now.')
    anna.heard("Your answer changed nothing, and nobody gets it twice.")


def _stop(anna: Desk, olga: Desk) -> None:
    """Stop what is being sent; both editors hear how far it came."""
    krets, outbox = anna.krets, anna.outbox
    krets.krets("list", "set", LIST, "--no-four-eyes")
    anna.heard('The issue "%(subject)s" has gone out.')
    body = DRAFTS["outlook"]("# Sluta\n\nText utan slut.", SPEECH["sv"])
    anna.post("Nr sv stopp", body, ISSUE)
    report = wait_for(
        "its report",
        lambda: [
            one
            for one in anna.all()
            if "stopp" in letters.subject_of(one)
            and not one["Message-ID"].startswith("<proof.")
            and one["Reply-To"]
        ],
    )[-1]
    anna.say("Skicka", report)
    going = anna.heard('The issue "%(subject)s" is going out now.', "Nr sv stopp")
    wait_for("the first slow copies", lambda: _copies(outbox, b"Nr sv stopp"))
    anna.say("STOPP!", going)
    anna.heard("It is stopped. Whoever had not been sent a copy gets none.")
    for desk in (anna, olga):
        end = desk.heard(
            'The issue "%(subject)s" was stopped before everybody had a copy.', "Nr sv stopp"
        )
        assert letters.subject_of(end)
    assert 0 < len(_copies(outbox, b"Nr sv stopp")) < 60


def _readers(krets: Krets, outbox: list[Caught], anna: Desk) -> None:
    """Vote by the letter that a link opens, and answer: it stands under the issue."""
    who = "reader-3@example.com"
    issue = next(one for one in letters.mails_to(outbox, who) if letters.subject_of(one) == "Nr sv")
    link = re.search(r"mailto:\S+", letters.text_of(issue))
    assert link is not None
    to, opened = unquote(urlsplit(link[0]).path), parse_qs(urlsplit(link[0]).query)
    subject, words = opened["subject"][0], opened.get("body", [""])[0]
    letters.post(
        krets, programs.mail(who, to, subject, programs.part(words, "plain"), issue), who, to
    )
    to = letters.reply_to(issue)
    body = ANSWERS["gmail"]("Grazie, ci vediamo sabato.", issue, SPEECH["it"])
    letters.post(krets, programs.mail(who, to, "Re: Nr sv", body, issue), who, to)
    page = issue["Archived-At"].strip("<>").removeprefix(krets.url).replace("/m/", "/t/")
    wait_for("the answer under the issue", lambda: b"ci vediamo sabato" in krets.get(page)[1])
    assert b"leave/" not in krets.get(page)[1]
    receipt = wait_for(
        "the receipt",
        lambda: [
            one
            for one in letters.mails_to(outbox, who)
            if "Lördag" in letters.text_of(one) and not one["Archived-At"]
        ],
    )
    assert receipt
    end = anna.heard('The issue "%(subject)s" has gone out.')
    assert "reader-7@example.com (550 5.1.1)" in letters.text_of(end)


def test_a_draft_in_another_form_a_stranger_or_something_broken_gets_a_clear_answer(
    krets: Krets, outbox: list[Caught]
) -> None:
    """MJML, winmail.dat, files, slots, templates, Word, pictures; strangers; the proof answered."""
    _open(krets, [("editor-nl@example.net", "nl", "editor"), ("m@example.com", "sv", "member")])
    desk = Desk(krets, outbox, "nl", itertools.count(1))
    with running(krets):
        _strangers(krets, desk)
        _broken(desk)
        _whole(krets, desk)


def _strangers(krets: Krets, desk: Desk) -> None:
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.ehlo()
        client.mail("eve@example.com")
        assert client.rcpt(ISSUE)[0] == 250  # the door tells nobody who edits
    forged = programs.mail("eve@example.com", ISSUE, "Koop", programs.part("Koop dit", "plain"))
    letters.post(krets, forged, desk.address, ISSUE)
    wait_for("the hold", lambda: "draft-by-stranger" in krets.krets("queue", "ls"))


def _broken(desk: Desk) -> None:
    """Mail what cannot be an issue: each answer names the line and the cure, in Dutch."""
    sheet = (
        "<mjml><mj-body>\n<mj-section><mj-column>\n<mj-text>Hoi</mj-txt>\n</mj-column></mj-section>"
    )
    package = programs.file(b"\x78\x9f\x3e\x22", "application/ms-tnef", "winmail.dat")
    words = partial(programs.part, kind="plain")
    picture = programs.file(b"\0\0\0\x18ftypheic" + bytes(999), "image/heic", "foto.heic")
    cases = (
        (programs.part(sheet, "plain"), TAGS, {"line": "3"}),
        (programs.parts("mixed", package), PACKED, {}),
        (words("Dag {{ naam }}"), SLOT, {"said": "naam", "known": "name, email, list"}),
        (words("theme: mooi\n\nDag"), THEME, {"said": "mooi", "known": THEMES}),
        (programs.parts("mixed", words("Dag"), picture), KIND, {"said": "foto.heic"}),
    )
    for body, english, values in cases:
        desk.post("Nr nl", body, ISSUE)
        (answer,) = desk.hear(1)
        desk.reads(answer, english, **values)


def _whole(krets: Krets, desk: Desk) -> None:
    """Mail a draft with what is red and what is left behind; answer its proof; insist."""
    leaflet = programs.file(b"%PDF-1.7", "application/pdf", "programma.pdf")
    words = programs.part(
        "# Hoi\n\nDag {{ name }}. {% for a in range(10**9) %}\n\n" + LONG, "plain"
    )
    desk.post("Nr nl", programs.parts("mixed", words, leaflet), ISSUE)
    report, proof = desk.hear(2)
    desk.reads(report, ATTACHED, file="programma.pdf")
    desk.reads(report, "If you did not send this draft, somebody has used your name.", part=True)
    page = re.search(r"/\S+/proof/\S+", letters.text_of(report).partition(krets.url)[2])
    assert page is not None
    for more in ("", "/1", "/0/light", "/0/dark", "/0/bare", "/0/raw"):
        assert krets.get(page[0] + more)[0] == 200, more
    program = ANSWERS["gmail"]("Verstuur", proof, SPEECH["nl"])
    desk.post("Antw: Proef: Nr nl", program, LIST, proof)
    (again,) = desk.hear(1)
    desk.reads(
        again,
        "You have answered the proof. Only an answer to this mail counts, so nothing has changed.",
    )
    desk.say("Ziet er goed uit, verstuur maar als Anna het ook vindt", again)
    (again,) = desk.hear(1)
    desk.reads(again, NEITHER)
    desk.say("Verstuur", again)
    (blocked,) = desk.hear(1)
    desk.reads(blocked, "It has not been sent, because something below is marked red.", part=True)
    desk.say("Toch versturen", blocked)
    letters.wait_mail(desk.outbox, "m@example.com")


def _copies(outbox: list[Caught], subject: bytes) -> list[Caught]:
    head = (b"Subject: " + subject, b"<issue.")
    return [one for one in outbox if all(line in one.raw[:2000] for line in head)]


@cache
def _texts() -> list[str]:
    return [one.id for one in read_catalogue("en") if isinstance(one.id, str)]


def _body(mail: Message) -> list[bytes]:
    inside = [one.get_payload(decode=True) for one in mail.walk() if not one.is_multipart()]
    return [re.sub(rb"leave[/+][a-z2-7]{26}", b"", one) for one in inside if isinstance(one, bytes)]


def _differing(one: Message, other: Message) -> set[str]:
    """Return the names of header fields that differ; a part's mark is of the body."""
    fields = [{name: str(value) for name, value in mail.items()} for mail in (one, other)]
    found = {
        name for name in fields[0].keys() | fields[1] if fields[0].get(name) != fields[1].get(name)
    }
    return found - {"Content-Type"}
