"""Compose a draft once per language into bytes with slots, ready to be spliced.

Knows headers, parts and slots; refuses to know who reads it (audience.py) and when it leaves
(issue_sending.py). SECURITY: a reader's name and address were written by strangers. Each value is
made safe for the part it stands in (slots.py), and values are never looked through for slots
again. The same draft, theme and list give the same body to the byte
(``body_digest``), so that what was proved can be compared with what is about to be sent.
"""

import base64
import binascii
import hashlib
import html
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property

import templates
from listserv.letters.post_headers import LEAVE, ONE_CLICK, ListFace, list_fields, phrase
from listserv.mailings.slots import KIND, TO, VOTE, WRITERS, q, qp, shown, values, variant_of
from listserv.newsletters.composing.looks import IssueLook, plain_look, set_issue
from listserv.newsletters.writing import drafts, sources, votes
from listserv.newsletters.writing.drafts import PERSONAL, Draft
from listserv.newsletters.writing.pictures import Kept
from mailer.ledger.splice import Segments
from subscriptions.lists.roster import LANGUAGES

_WORD = 45  # octets of an encoded word's text before encoding; RFC 2047 section 2 allows 75 after


@dataclass(frozen=True, slots=True)
class Imprint:
    """Say who sends: what stands at the foot of every copy."""

    controller: str = ""
    postal_address: str = ""


@dataclass(frozen=True)
class ComposedIssue:
    """Hold one edition: its draft and all that its copies have in common."""

    draft: Draft
    face: ListFace
    language: str  # of the list; the draft's own goes before
    message_id: str
    at: float  # seconds since 1970 UTC: its Date
    imprint: Imprint = Imprint()
    permalink: str = ""
    look: IssueLook = field(default_factory=plain_look)
    reply_to: str = ""  # "" where answers go to the list's own address
    pictures: Mapping[str, Kept] = field(default_factory=dict)  # of our own, by address

    @cached_property
    def filled(self) -> bool:
        """Tell whether a copy holds anything of its reader but the way out."""
        return bool(self.draft.slots & PERSONAL)

    @property
    def split(self) -> bool:
        """Tell whether readers without a name get a text of their own."""
        return "name" in self.draft.slots


def new_message_id(domain: str, kind: str = KIND) -> str:
    """Return a Message-ID without its brackets."""
    return f"{kind}.{base64.b32encode(secrets.token_bytes(15)).decode().lower()}@{domain}"


def compositions(issue: ComposedIssue) -> dict[int, Segments]:
    """Return what every reader's copy is spliced from, by variant."""
    made: dict[int, Segments] = {}
    for named in (True, False) if issue.split else (False,):
        setting = _Setting(issue, named=named)
        for language in LANGUAGES:
            variant = variant_of(language, named=named, filled=issue.filled)
            made[variant] = setting.segments(language)
    return made


def archived(issue: ComposedIssue) -> bytes:
    """Return the issue as the archive keeps it: nobody's copy, without a way out of a list.

    HTML without a theme, because the archive's pages have a look of their own.
    """
    return _Setting(issue, named=False, public=True).public().join({})


def proof(
    issue: ComposedIssue,
    name: str,
    address: str,
    language: str,
    leave: str,
    *,
    message_id: str,
    vote: str = "",
) -> bytes:
    """Return the very copy that a reader of this name would get, with a Message-ID of its own.

    The subject says that it is a proof; the body is a reader's to the byte.
    """
    segments = proved(issue, language, named=bool(name), message_id=message_id)
    return segments.join({**values(name, address), LEAVE: leave.encode(), VOTE: vote.encode()})


def proved(issue: ComposedIssue, language: str, *, named: bool, message_id: str) -> Segments:
    """Return what the proofs for readers of one language are spliced from."""
    return _Setting(issue, named=named).segments(language, proof=message_id)


def body_digest(made: Mapping[int, Segments]) -> bytes:
    """Return what tells the bodies of these compositions from others, whatever their headers."""
    digest = hashlib.sha256()
    for variant in sorted(made):
        packed = b"\0".join(made[variant].parts)
        slots = " ".join(made[variant].slots)
        digest.update(f"{variant} {slots}\n".encode() + packed.partition(b"\r\n\r\n")[2])
    return digest.digest()


class _Setting:
    """Set an issue for readers with a name, or for those without; then once per language."""

    def __init__(self, issue: ComposedIssue, *, named: bool, public: bool = False) -> None:
        self._issue = issue
        self._draft = issue.draft if named or not issue.split else issue.draft.nameless()
        # A word that no text holds stands for a slot until the bytes are cut there: nobody can
        # write down the digest of what they are writing.
        self._nonce = _word(issue.draft.digest, "slot")
        self._cut = re.compile(f"q{self._nonce}([a-z]+)(u?)7")
        sizes = {at: (one.made.width, one.made.height) for at, one in issue.pictures.items()}
        self._bodies = {
            one.language: sources.read(
                self._asking(drafts.fill(one.text, self._mark), one.language, public=public),
                self._in_address,
                sizes,
                templates.block_words(one.language or issue.language),
                votes.shortly,
            )
            for one in self._draft.versions
        }

    def segments(self, language: str, *, proof: str = "") -> Segments:
        """Return the whole message in one language, a ``proof`` with that Message-ID."""
        issue = self._issue
        draft = self._draft.version(language)
        context = self._context(draft)
        words = templates.mail("reader-issue", language, proof=bool(proof), **context)
        sheet = self._sheet(draft, language, context)
        made = _Pieces({"list": issue.face.title}, public=False)
        self._head(made, words.subject, draft.language, proof=proof)
        mark = f"=_{_word(issue.draft.digest, language)}".encode()
        made.add(b'Content-Type: multipart/alternative;\r\n boundary="' + mark + b'"\r\n\r\n')
        for kind, form, text in (("plain", "t", words.text), ("html", "h", sheet)):
            made.add(b"--" + mark + b"\r\n")
            self._part(made, kind, form, text)
            made.add(b"\r\n")
        made.add(b"--" + mark + b"--\r\n")
        return made.segments()

    def _sheet(self, draft: Draft, language: str, context: dict[str, object]) -> str:
        """Return the HTML: of the theme, or of the MJML that the draft is."""
        if templates.is_sheet(draft.text):
            text = self._asking(drafts.fill(draft.text, self._mark), draft.language, public=False)
            return sources.sheet(text, self._in_address, language, context)
        blocks = self._bodies[draft.language].blocks
        return set_issue(self._issue.look, language, {**context, "blocks": blocks})

    def public(self) -> Segments:
        """Return the whole message with nobody in it."""
        issue = self._issue
        context = self._context(self._draft)
        texts = [
            {"language": language or issue.language, "blocks": body.blocks}
            for language, body in self._bodies.items()
        ]
        made = _Pieces({"list": issue.face.title}, public=True)
        self._head(made, str(context["subject"]), self._draft.language, public=True)
        page = templates.page("issue", issue.language, texts=texts, **context)
        if not issue.pictures:
            self._part(made, "html", "h", page)
            return made.segments()
        mark = f"=_{_word(issue.draft.digest, 'pictures')}".encode()
        made.add(b'Content-Type: multipart/related; type="text/html";\r\n boundary="' + mark)
        made.add(b'"\r\n\r\n--' + mark + b"\r\n")
        for address, one in issue.pictures.items():
            page = page.replace(html.escape(address), f"cid:{one.key}")
        self._part(made, "html", "h", page)
        for one in issue.pictures.values():
            made.add(b"\r\n--" + mark + b"\r\n" + _enclosed(one))
        made.add(b"\r\n--" + mark + b"--\r\n")
        return made.segments()

    def _part(self, made: "_Pieces", kind: str, form: str, text: str) -> None:
        made.add(
            b"Content-Type: text/" + kind.encode() + b"; charset=utf-8\r\n"
            b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
        self._printed(made, text, form)

    def _asking(self, text: str, language: str, *, public: bool) -> str:
        """Return a text with its question, if it has one, as readers see it."""
        face, code = self._issue.face, votes.code_of(self._issue.message_id)
        language = language or self._issue.language
        if public:
            return votes.expand(text, language, code)
        local, _, domain = face.address.partition("@")
        to = f"{local}-reply+{self._mark(VOTE)}@{domain}"
        return votes.expand(text, language, code, to, f"{face.page}vote/{code}{self._mark(VOTE)}")

    def _mark(self, slot: str) -> str:
        return f"q{self._nonce}{slot}7"

    def _in_address(self, address: str) -> str:
        """Mark the slots of an address; the way out is one already."""
        return self._cut.sub(
            lambda slot: slot[0] if slot[1] == LEAVE else self._mark(f"{slot[1]}u"), address
        )

    def _context(self, draft: Draft) -> dict[str, object]:
        issue, face = self._issue, self._issue.face
        leave = self._mark(LEAVE)
        local, _, domain = face.address.partition("@")
        return {
            "subject": drafts.fill(draft.subject, self._mark),
            "preheader": drafts.fill(draft.preheader, self._mark),
            "body": self._bodies[draft.language].text,
            "body_language": draft.language or issue.language,
            "list": {"title": face.title, "page": face.page, "owner": face.sub("owner")},
            "imprint": issue.imprint,
            "permalink": issue.permalink,
            "leave_address": f"{local}-leave+{leave}@{domain}",
            "leave_url": f"{face.page}leave/{leave}",
        }

    def _head(
        self,
        made: "_Pieces",
        subject: str,
        language: str,
        *,
        public: bool = False,
        proof: str = "",
    ) -> None:
        issue, face = self._issue, self._issue.face
        made.add(f"From: {phrase(face.title, 'From')}<{face.address}>\r\n".encode())
        if public:
            made.add(f"To: <{face.address}>\r\n".encode())
        else:
            made.add(b"To: <").slot(TO).add(b">\r\n")
        self._subject(made, subject)
        when = format_datetime(datetime.fromtimestamp(issue.at, UTC))
        made.add(
            f"Date: {when}\r\nMessage-ID: <{proof or issue.message_id}>\r\n"
            f"Content-Language: {language or issue.language}\r\n".encode()
        )
        made.add(list_fields(face, "" if proof else issue.permalink))
        if issue.reply_to and not public and not proof:
            made.add(f"Reply-To: <{issue.reply_to}>\r\n".encode())
        if not public:
            local, _, domain = face.address.partition("@")
            made.add(f"List-Unsubscribe: <mailto:{local}-leave+".encode()).slot(LEAVE)
            made.add(f"@{domain}>,\r\n <{face.page}leave/".encode()).slot(LEAVE).add(b">\r\n")
            if face.one_click:
                made.add(ONE_CLICK)
        made.add(b"MIME-Version: 1.0\r\n")

    def _subject(self, made: "_Pieces", text: str) -> None:
        """Write the subject: words of RFC 2047, of which a slot's value is one by itself."""
        plain = text.isascii() and not self._cut.search(text) and "=?" not in text
        if plain and len(text) < 65:  # noqa: PLR2004 - a line of 78, RFC 5322 section 2.1.1
            made.add(f"Subject: {text}\r\n".encode())
            return
        made.add(b"Subject:")
        for said, slot, _ in self._cuts(text):
            for word in _words(said):
                made.add(b" =?utf-8?q?" + q(word) + b"?=\r\n")
            if slot:
                made.add(b" =?utf-8?q?").value(slot, "q", WRITERS["q"]).add(b"?=\r\n")

    def _printed(self, made: "_Pieces", text: str, form: str) -> None:
        """Write a part in quoted-printable (RFC 2045 section 6.7), a slot never at a line's end.

        One character before a slot moves to its line, so that the slot does not begin it: only
        then need the dots of every copy be doubled again (mailer/ledger/splice.py).
        """
        for said, slot, url in self._cuts(text):
            if not slot:
                made.add(_lines(said))
                continue
            if said and said[-1] != "\n":
                made.add(_lines(said[:-1]) + b"=\r\n" + qp(said[-1]))
            else:
                made.add(_lines(said))
            if slot in {LEAVE, VOTE}:
                made.slot(slot)
            else:
                chosen = "u" if url else form
                made.value(slot, chosen, WRITERS[chosen])
            made.add(b"=\r\n")

    def _cuts(self, text: str) -> Iterator[tuple[str, str, bool]]:
        """Yield (text, the slot behind it or "", whether that stands in a link's address)."""
        at = 0
        for match in self._cut.finditer(text):
            slot, url = match[1], bool(match[2])
            if not url and slot.endswith("u") and slot[:-1] in {*drafts.SLOTS, VOTE}:
                slot, url = slot[:-1], True
            yield text[at : match.start()], slot, url
            at = match.end()
        yield text[at:], "", False


class _Pieces:
    """Gather parts and slots; what is the same for everybody is written at once."""

    def __init__(self, known: Mapping[str, str], *, public: bool) -> None:
        self._known = known
        self._public = public
        self._parts: list[list[bytes]] = [[]]
        self._slots: list[str] = []

    def add(self, part: bytes) -> "_Pieces":
        self._parts[-1].append(part)
        return self

    def slot(self, name: str) -> "_Pieces":
        self._slots.append(name)
        self._parts.append([])
        return self

    def value(self, slot: str, form: str, write: Callable[[str], bytes]) -> "_Pieces":
        if slot in self._known:
            return self.add(write(shown(self._known[slot])))
        return self if self._public else self.slot(f"{slot}.{form}")

    def segments(self) -> Segments:
        return Segments(tuple(b"".join(part) for part in self._parts), tuple(self._slots))


def _enclosed(one: Kept) -> bytes:
    """Return a picture as a part that HTML names by its Content-ID (RFC 2392)."""
    kind = "jpeg" if one.made.ending == "jpg" else one.made.ending
    head = (
        f"Content-Type: image/{kind}\r\nContent-ID: <{one.key}>\r\n"
        f'Content-Disposition: inline; filename="picture.{one.made.ending}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + base64.encodebytes(one.made.data).replace(b"\n", b"\r\n")


def _word(seed: bytes, purpose: str) -> str:
    """Return a word of 16 letters and digits that nobody can foresee who does not know ``seed``."""
    made = hashlib.sha256(seed + purpose.encode()).digest()
    return base64.b32encode(made[:10]).decode().lower()


def _words(text: str) -> Iterator[str]:
    """Cut text into pieces that fit an encoded word each; no character is cut in two."""
    word = ""
    for char in text:
        if len(q(word + char)) > _WORD:
            yield word
            word = ""
        word += char
    if word:
        yield word


def _lines(text: str) -> bytes:
    """Encode lines, each ended by CRLF, none longer than 76 octets."""
    coded = binascii.b2a_qp(text.encode(), istext=True)
    return coded.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
