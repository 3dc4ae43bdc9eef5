"""Set the top of a solved thread's page: its accepted answer, and the same for machines.

SECURITY: text is hostile; it leaves as text that the templates escape, and in JSON (schema.org's
QAPage) with every "<" spelled, so that no word of a mail can end the script that holds it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from archive.pages.page_frame import ListView, PageMail, way
from mailer.reading.prose import Paragraph, paragraphs
from mailer.reading.subjects import bare_subject
from templates import iso

SHOWN = 1_200  # characters of an answer at the top of its thread
TOLD = 5_000  # characters of a text for machines


@dataclass(frozen=True, slots=True)
class AcceptedAnswer:
    """Hold the answer at the top of a thread's page, as it may be shown."""

    author: str
    at: float
    paragraphs: Sequence[Paragraph]
    way: str
    cut: bool


def accepted(mails: Sequence[PageMail], answer: str) -> AcceptedAnswer | None:
    """Return the accepted answer of a thread, None where nobody may see one."""
    found = next((mail for mail in mails if mail.hash == answer and not mail.seen.gone), None)
    text = found.seen.quoted.text.strip() if found else ""
    if found is None or not text:
        return None
    cut = text if len(text) <= SHOWN else text[:SHOWN].rsplit(" ", 1)[0]
    return AcceptedAnswer(
        found.seen.author, found.date, paragraphs(cut), way(mails[0], found), len(cut) < len(text)
    )


def question_json(lst: ListView, hash_: str, mails: Sequence[PageMail], answer: str) -> str:
    """Return a solved thread as schema.org's QAPage, "" where there is no question or answer."""
    asked, others = mails[0], [mail for mail in mails[1:] if _says(mail)]
    others = [mail for mail in others if mail.seen.author != asked.seen.author] or others
    if not _says(asked) or not others:
        return ""
    url = f"{lst.base}/{lst.address}/t/{hash_}/" if lst.base else ""
    question = {
        "@type": "Question",
        "name": bare_subject(asked.seen.subject) or asked.seen.subject or _text(asked)[:80],
        "text": _text(asked),
        **_written(asked),
        "answerCount": len(others),
    }
    answers = [
        {"@type": "Answer", "text": _text(mail), **_written(mail)}
        | ({"url": f"{url}{way(asked, mail)}"} if url else {})
        for mail in others
        if mail.hash != answer
    ]
    chosen = next((mail for mail in mails if mail.hash == answer and _says(mail)), None)
    if chosen is not None:
        question["acceptedAnswer"] = {
            "@type": "Answer", "text": _text(chosen), **_written(chosen),
        } | ({"url": f"{url}{way(asked, chosen)}"} if url else {})  # fmt: skip
    if answers:
        question["suggestedAnswer"] = answers[:20]
    data = {"@context": "https://schema.org", "@type": "QAPage", "mainEntity": question}
    return json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")


def _says(mail: PageMail) -> bool:
    return not mail.seen.gone and bool(mail.seen.quoted.text.strip())


def _text(mail: PageMail) -> str:
    return " ".join(mail.seen.quoted.text.split())[:TOLD]


def _written(mail: PageMail) -> dict[str, object]:
    found: dict[str, object] = {"datePublished": iso(mail.date)}
    if mail.seen.author:
        found["author"] = {"@type": "Person", "name": mail.seen.author}
    return found
