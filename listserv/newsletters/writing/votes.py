"""Read an issue's one question: ``vote: Which day? | Monday | Tuesday``, as a paragraph. Pure.

Three words and some bars, which no mail program changes; where one has wrapped the line, the
paragraph is the question all the same. In a sheet of MJML it is an ``<mj-text>`` of its own.
``expand`` makes Markdown, or HTML, of it: each answer is a letter to write, ready to be sent, with
the reader's own token in its address; in the archive the answers are words alone. Knows nothing of
who answered (voting.py). SECURITY: words of a sheet are escaped when they are written into it.
"""

import hashlib
import re
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape, unescape
from urllib.parse import quote

import templates
from mailer.errors import BadInput

MAX_ANSWERS = 10
MAX_WORDS = 120  # characters of the question, and of an answer
CODE = 5  # characters that name an issue's question
_VOTE = re.compile(
    r"^(?:(?<=\n\n)|(?<![\s\S]))vote:[ \t]*(\S.*(?:\n[ \t]*\S.*)*)",
    re.MULTILINE | re.IGNORECASE,
)
_CODE = re.compile(rf"\(([a-z2-7]{{{CODE}}})-(\d{{1,2}})\)", re.IGNORECASE)
# What a sheet says in an mj-text of its own, in a paragraph of it or not.
_IN_SHEET = re.compile(
    r"(<mj-text\b[^<>]*>)\s*(?:<p\b[^<>]*>\s*)?vote:\s*([^\s<][^<]*)(?:</p>\s*)?(?=</mj-text>)",
    re.IGNORECASE,
)
_ASKED = re.compile(r">\s*vote:[^<>|]*\|", re.IGNORECASE)
_READY = re.compile(rf"\?subject=[^&\s]*%28([a-z2-7]{{{CODE}}})-(\d{{1,2}})%29&body=\S*\Z")
_BAR = re.compile(r"\\?\|")  # as pasted text has it, too
_SPECIAL = re.compile(r"([\\\[\]*_`<>#|])")


@dataclass(frozen=True, slots=True)
class VoteQuestion:
    """Hold a question and its answers, as they were written."""

    words: str
    answers: tuple[str, ...]


def find(text: str) -> VoteQuestion | None:
    """Return the question of a text; raise BadInput for two, or for one that cannot be answered."""
    found = list(_written(text))
    if templates.is_sheet(text) and len(_ASKED.findall(text)) != len(found):
        raise BadInput(
            "A vote shares its <mj-text> with something else.",
            "Write <mj-text>vote: Which day? | Monday | Tuesday</mj-text>, and nothing else in it.",
        )
    if not found:
        return None
    if len(found) > 1:
        raise BadInput("There is more than one vote.", "An issue can ask one question.")
    words, *answers = (" ".join(part.split()) for part in _BAR.split(found[0][1]))
    several = 1 < len(answers) <= MAX_ANSWERS and len(set(answers)) == len(answers)
    if not several or not all(0 < len(one) <= MAX_WORDS for one in (words, *answers)):
        raise BadInput(
            "A vote has a question and two answers or more, which differ.",
            f"Write vote: Which day? | Monday | Tuesday, with at most {MAX_ANSWERS} answers of"
            f" {MAX_WORDS} characters.",
        )
    return VoteQuestion(words, tuple(answers))


def line_of(text: str) -> int:
    """Return the line of a text (1 for the first) on which its last question begins, or 0."""
    pattern = _ASKED if templates.is_sheet(text) else _VOTE
    found = list(pattern.finditer(_even(text)))
    return _even(text).count("\n", 0, found[-1].start()) + 1 if found else 0


def _written(text: str) -> Iterator[tuple[int, str]]:
    """Yield (where it begins, its words) for each question of a text."""
    if not templates.is_sheet(text):
        yield from ((one.start(), one[1]) for one in _VOTE.finditer(_even(text)))
        return
    yield from ((one.start(), unescape(one[2])) for one in _IN_SHEET.finditer(text))


def expand(text: str, language: str, code: str, address: str = "", page: str = "") -> str:
    """Return ``text`` with its question as Markdown, or as HTML where it is a sheet.

    Without ``address`` nobody can answer there. ``address`` and ``page`` hold what stands for the
    reader's token.
    """
    question = find(text)
    if question is None:
        return text
    links = [
        f"mailto:{address}?subject={quote(f'{answer} ({code}-{number})', safe='')}"
        f"&body={quote(answer, safe='')}"
        for number, answer in enumerate(question.answers, start=1)
    ]
    hint = templates.page("vote.txt", language).strip().split("\n") if address else []
    if templates.is_sheet(text):
        html = _html(question, links, hint, page)
        return _IN_SHEET.sub(lambda found: found[1] + html, text)
    lines = [f"**{_plain(question.words)}**", ""]
    for answer, link in zip(question.answers, links, strict=True):
        lines.append(f"- [{_plain(answer)}]({link})" if address else f"- {_plain(answer)}")
    if hint:
        about, aside = hint
        lines += ["", f"*{about}* [{aside}]({page})"]
    return _VOTE.sub(lambda _: "\n".join(lines), _even(text))


def _html(question: VoteQuestion, links: list[str], hint: list[str], page: str) -> str:
    """Set a question for a sheet; without a ``hint`` its answers are words alone."""
    answers = "".join(
        f'<li><a href="{escape(link)}">{escape(said)}</a></li>'
        if hint
        else f"<li>{escape(said)}</li>"
        for said, link in zip(question.answers, links, strict=True)
    )
    html = f"<p><b>{escape(question.words)}</b></p><ul>{answers}</ul>"
    if hint:
        about, aside = map(escape, hint)
        html += f'<p><i>{about}</i> <a href="{escape(page)}">{aside}</a></p>'
    return html


def shortly(address: str) -> str:
    """Return the address of an answer without words, for the plain text: it names its number."""
    return _READY.sub(r"?subject=(\1-\2)", address)


def code_of(message_id: str) -> str:
    """Return what names the question of an issue in a Subject."""
    made = hashlib.sha256(b"vote\0" + message_id.encode()).digest()
    return b32encode(made).decode().lower()[:CODE]


def chosen(subject: str) -> tuple[str, int] | None:
    """Return (code, number of the answer) that a letter's Subject names."""
    found = _CODE.search(subject)
    return (found[1].lower(), int(found[2])) if found else None


def words(subject: str) -> str:
    """Return a Subject without what names the answer."""
    return _CODE.sub("", subject)


def _even(text: str) -> str:
    """Return ``text`` with empty lines empty."""
    return re.sub(r"^[ \t]+$", "", text, flags=re.MULTILINE)


def _plain(words: str) -> str:
    return _SPECIAL.sub(r"\\\1", words)
