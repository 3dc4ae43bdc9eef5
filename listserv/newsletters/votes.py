"""One question in an issue: ``vote: Which day? | Monday | Tuesday``, a paragraph of its own. Pure.

Three words and some bars, which no mail program changes; where one has wrapped the line, the
paragraph is the question all the same. ``expand`` makes Markdown of it: each answer is a letter to
write, ready to be sent, with the reader's own token in its address; in the archive the answers are
words alone. Knows nothing of who answered (voting.py).
"""

import hashlib
import re
from base64 import b32encode
from dataclasses import dataclass
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
_READY = re.compile(rf"\?subject=[^&\s]*%28([a-z2-7]{{{CODE}}})-(\d{{1,2}})%29&body=\S*\Z")
_BAR = re.compile(r"\\?\|")  # as pasted text has it, too
_SPECIAL = re.compile(r"([\\\[\]*_`<>#|])")


@dataclass(frozen=True, slots=True)
class Question:
    """Hold a question and its answers, as they were written."""

    words: str
    answers: tuple[str, ...]


def find(text: str) -> Question | None:
    """Return the question of a text; raise BadInput for two, or for one that cannot be answered."""
    found = list(_VOTE.finditer(_even(text)))
    if not found or text.lstrip().startswith("<"):  # MJML asks nothing
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
    return Question(words, tuple(answers))


def line_of(text: str) -> int:
    """Return the line of a text (1 for the first) on which its last question begins, or 0."""
    found = list(_VOTE.finditer(_even(text)))
    return _even(text).count("\n", 0, found[-1].start()) + 1 if found else 0


def expand(text: str, language: str, code: str, address: str = "", page: str = "") -> str:
    """Return ``text`` with its question as Markdown; without ``address`` nobody can answer there.

    ``address`` and ``page`` hold what stands for the reader's token.
    """
    question = find(text)
    if question is None:
        return text
    lines = [f"**{_plain(question.words)}**", ""]
    for number, answer in enumerate(question.answers, start=1):
        said = _plain(answer)
        subject = quote(f"{answer} ({code}-{number})", safe="")
        body = quote(answer, safe="")
        link = f"mailto:{address}?subject={subject}&body={body}"
        lines.append(f"- [{said}]({link})" if address else f"- {said}")
    if address:
        about, aside = templates.page("vote.txt", language).strip().split("\n")
        lines += ["", f"*{about}* [{aside}]({page})"]
    return _VOTE.sub(lambda _: "\n".join(lines), _even(text))


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
