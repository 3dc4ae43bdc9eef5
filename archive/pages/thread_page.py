"""Set the pages of a thread: its mails in tree order, who and what stands in the whole of it.

A page is a join of what was drawn of each mail before; what a quote repeats of the page is led to
instead of shown again (repeated_quotes.py). SECURITY: text is hostile; it comes drawn, or is
escaped by the templates.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from archive.pages.answer_marks import accepted, question_json
from archive.pages.mail_text import AttachedFile, Fold, file_of, filled, folded, shown
from archive.pages.page_frame import ListView, PageMail, frame, sheet_name, spot, way
from archive.pages.repeated_quotes import Above, RepeatedQuote
from archive.threads.thread_marks import NOTHING_SAID, ThreadSaid
from archive.visibility.visibility import Viewer, links_of
from mailer.reading.subjects import bare_subject
from templates import drawn, iso, moment, page, stencil

MAX_LISTED = 100  # links that the list of a thread names
STEPS = 3  # levels of indentation; a telephone shows none
LONG = 12  # messages; a longer thread begins with a table of contents
CODE = 10  # letters of a thread's hash that name it in a subject
CARD = 140  # characters of a thread that other sites may show of it


@dataclass(frozen=True, slots=True)
class _Gathered:
    """Hold what stands in a whole thread: who, which links, which files."""

    people: list[tuple[str, int]]
    links: list[str]
    files: list[tuple[AttachedFile, str]]  # and where the mail that it came with stands


@dataclass(frozen=True, slots=True)
class _Called:
    """Hold what a thread is called, and what was said of it."""

    subject: str
    said: ThreadSaid


def thread_pages(
    lst: ListView,
    hash_: str,
    mails: Sequence[PageMail],
    subject: str,
    said: ThreadSaid = NOTHING_SAID,
) -> dict[str, bytes]:
    """Return the pages of the thread ``hash_``: index.html, and 2.html and so on."""
    by_hash = {mail.hash: mail for mail in mails}
    whole = _gather(mails)
    last = max(mail.sheet for mail in mails)
    words = _words(lst, mails, by_hash)
    found: dict[str, bytes] = {}
    for sheet in range(1, last + 1):
        here = [mail for mail in mails if mail.sheet == sheet]
        # The last one's button stands at the foot of the page.
        articles = []
        for mail in here:
            button = mail is not here[-1] and not said.closed
            articles.append(_article(lst, mail, by_hash, words[mail.hash], button=button))
        name = sheet_name(sheet) or "index.html"
        found[name] = _sheet(
            lst, hash_, mails, here, articles, whole, (sheet, last), _Called(subject, said)
        )
    return found


def _sheet(
    lst: ListView,
    hash_: str,
    mails: Sequence[PageMail],
    here: Sequence[PageMail],
    articles: Sequence[str],
    whole: _Gathered,
    place: tuple[int, int],
    called: _Called,
) -> bytes:
    """Return one page of a thread; what stands in the whole of it is gathered on the first."""
    first, (sheet, last), said = mails[0], place, called.said
    solved = said.solved
    own = sheet_name(sheet)
    answered = here[-1]
    gathered = whole if sheet == 1 else _Gathered(whole.people, [], [])
    html = page(
        "thread",
        lst.language,
        **frame(lst, "../../../", "../../"),
        subject=bare_subject(called.subject) or called.subject,
        articles="\n".join(articles),
        count=len(mails),
        toc=[(spot(m.hash), m.seen.author, m.date) for m in here] if len(here) > LONG else [],
        answer="" if answered.seen.gone or said.closed else reply_link(answered, lst.viewer),
        closed=said.closed,
        wishes="-request@".join(lst.address.split("@")) if lst.talks else "",
        code=hash_[:CODE],
        gathered=gathered,
        sheet=sheet,
        sheets=[(number, sheet_name(number) or "./") for number in range(1, last + 1)],
        first=min(mail.date for mail in mails),
        last=max(mail.date for mail in mails),
        canonical=f"{lst.base}/{lst.address}/t/{hash_}/{own}" if lst.base else "",
        card=" ".join(first.seen.quoted.text[:1_000].split())[:CARD],
        picture=next((f.path for f, _ in gathered.files if f.picture), ""),
        masked=lst.masked,
        solved=solved is not None,
        accepted=accepted(mails, solved) if solved and sheet == 1 else None,
        asked=question_json(lst, hash_, mails, solved) if solved is not None and sheet == 1 else "",
    )
    return html.encode()


def _words(
    lst: ListView, mails: Sequence[PageMail], by_hash: dict[str, PageMail]
) -> dict[str, str]:
    """Return hash -> the HTML of each mail's words; mails come in the order of the page."""
    if len(mails) == 1:
        return {mail.hash: filled(mail.seen, lambda f: folded(lst.language, f)) for mail in mails}
    above = Above()
    words: dict[str, str] = {}
    for mail in mails:
        words[mail.hash] = filled(mail.seen, _filler(lst, mail, by_hash, above))
        above.hear(mail.hash, shown(mail.seen.blocks)[0])
    return words


def _filler(
    lst: ListView, mail: PageMail, by_hash: dict[str, PageMail], above: Above
) -> Callable[[Fold], str]:
    """Return what stands where a mail is folded: what stands above already is led to."""

    def fill(fold: Fold) -> str:
        if fold.kind == "signature":
            return "" if above.signed(fold.source) else folded(lst.language, fold)
        echo = above.echo(fold.source, _ancestors(mail, by_hash))
        if echo is None:
            return folded(lst.language, fold)
        line = _echo(lst, mail, by_hash[echo.source], echo)
        if not echo.rest:
            return line
        return f"{line}\n{folded(lst.language, Fold('quote', echo.rest))}"

    return fill


def _ancestors(mail: PageMail, by_hash: dict[str, PageMail]) -> Iterator[str]:
    """Yield the hashes of the mails that a mail answers, the nearest first."""
    here, left = mail.parent, len(by_hash)
    while here is not None and here in by_hash and left > 0:
        yield here
        here, left = by_hash[here].parent, left - 1


_ECHO = ("way", "who", "begin")


def _echo(lst: ListView, mail: PageMail, source: PageMail, echo: RepeatedQuote) -> str:
    """Return the line that stands for a quote."""
    named, begun = bool(source.seen.author), bool(echo.begin)
    outline = stencil("echo", lst.language, _ECHO, lines=echo.lines, named=named, begun=begun)
    values = {"way": way(mail, source), "who": source.seen.author, "begin": echo.begin}
    return outline.fill(values).strip("\n")


def _gather(mails: Sequence[PageMail]) -> _Gathered:
    people = Counter(mail.seen.author for mail in mails)
    links = dict.fromkeys(link for mail in mails for link in links_of(mail.seen))
    files = {
        one.key: (file_of(one), f"{sheet_name(mail.sheet)}#{spot(mail.hash)}")
        for mail in mails
        for one in mail.seen.attachments
    }
    return _Gathered(people.most_common(), list(links)[:MAX_LISTED], list(files.values()))


_ARTICLE = (
    *(
        "hash",
        "spot",
        "initials",
        "author",
        "iso",
        "moment",
        "above",
        "whom",
        "topic",
        "own_language",
    ),
    *("words", "reply", "person"),
)


def _article(
    lst: ListView, mail: PageMail, by_hash: dict[str, PageMail], words: str, *, button: bool
) -> str:
    """Return one mail on its thread's page."""
    seen = mail.seen
    parent = by_hash.get(mail.parent) if mail.parent else None
    own = bare_subject(seen.subject)
    above = bare_subject(parent.seen.subject) if parent else own
    topic = own if own.casefold() != above.casefold() else ""
    own_language = seen.language if seen.language != lst.language else ""
    outline = stencil(
        "article",
        lst.language,
        _ARTICLE,
        step=min(mail.depth, STEPS),
        named=bool(seen.author),
        answers=parent is not None,
        above_named=bool(parent and parent.seen.author),
        has_topic=bool(topic),
        has_own_language=bool(own_language),
        has_reply=button,
        gone=seen.gone,
        has_person=bool(mail.person),
    )
    return outline.fill(
        {
            "hash": mail.hash,
            "spot": spot(mail.hash),
            "initials": initials(seen.author),
            "author": seen.author,
            "iso": iso(mail.date),
            "moment": moment(mail.date, lst.language),
            "above": way(mail, parent) if parent else "",
            "whom": parent.seen.author if parent else "",
            "topic": topic,
            "own_language": own_language,
            "words": drawn(words),
            "person": mail.person,
            "reply": "" if seen.gone else reply_link(mail, lst.viewer),
        }
    ).strip("\n")


def reply_link(mail: PageMail, viewer: Viewer) -> str:
    """Return the link (RFC 6068) that begins a reply to ``mail`` in the reader's mail program."""
    subject = quote(f"Re: {bare_subject(mail.seen.subject)}"[:200], safe=":,!()*")
    answers = quote(f"<{mail.message_id}>", safe="@:,!()*$+")
    shown_id = viewer.id(mail.message_id, mail.hash) == mail.message_id
    known = shown_id and not mail.message_id.startswith("sha256:")
    return f"mailto:{mail.reply}?subject={subject}" + (f"&In-Reply-To={answers}" if known else "")


@lru_cache(maxsize=4_096)
def initials(name: str) -> str:
    """Return one or two letters for ``name``."""
    words = [w for w in re.split(r"[\s._-]+", name) if w and w[0].isalnum()]
    letters = [words[0][0], words[-1][0]] if len(words) > 1 else [w[0] for w in words]
    return unicodedata.normalize("NFC", "".join(letters)).upper()[:2] or "·"
