"""Read a subject: what stands before it (Re: and its kin, a list's tag), and whether it answers.

Pure. Knows how mail programs mark an answer and a mail that is passed on, in many languages.
"""

import re
from functools import lru_cache

_ANSWER = (
    "re|sv|vs|aw|antw?|antwort|betr|r|rif|ref|res|odp|ynt|bls|hr|ha|rsp"
    "|r\u0103sp|r\u00e9p?|\u03b1\u03c0|\u03c3\u03c7\u03b5\u03c4"
    "|\u043e\u0442\u0432|\u043e\u0442\u0432\u0435\u0442|\u043d\u0430|\u56de\u590d|\u56de\u8986|\u7b54\u590d|\u7b54\u8986"
)
_PASSED_ON = (
    "fwd?|wg|vb|i|tr|rv|enc|doorst|pd|\u043f\u0435\u0440|\u043f\u0435\u0440\u0435\u0441\u043b"
)
_MARK = r"(?:\^?\d{1,3}|\[\d{1,3}\]|\(\d{1,3}\))?\s?[:\uff1a]\s*"
_PREFIX = re.compile(rf"\s*(?:{_ANSWER}|{_PASSED_ON}){_MARK}", re.IGNORECASE)
_IS_ANSWER = re.compile(rf"\s*(?:{_ANSWER}){_MARK}", re.IGNORECASE)
_TAG = re.compile(r"\s*\[[^\]]{1,40}\]\s*")


@lru_cache(maxsize=4_096)
def bare_subject(subject: str) -> str:
    """Return ``subject`` without its Re: and its kin, and without a list's tag."""
    at = 0
    while found := _PREFIX.match(subject, at) or (_TAG.match(subject, at) if at == 0 else None):
        at = found.end()
        if tag := _TAG.match(subject, at):
            at = tag.end()
    return subject[at:].strip()


def is_answer(subject: str) -> bool:
    """Tell whether ``subject`` begins as an answer's, before or behind a list's tag."""
    tag = _TAG.match(subject)
    return _IS_ANSWER.match(subject, tag.end() if tag else 0) is not None


def topic(subject: str) -> str:
    """Return what two subjects of one talk have in common."""
    return " ".join(bare_subject(subject).casefold().split())
