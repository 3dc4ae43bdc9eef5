"""Shorten mail addresses in what strangers may read: ``anna@example.org`` is ``a...@example.org``.

Everything under a public tree passes here: pages, thread.json, mbox. Message-IDs in their own
fields stay whole, and so do the paths of web addresses (they name pages, not people); what
stands after a ``?`` may be somebody's unsubscribe link and is shortened. SECURITY: linear.
"""

import re

_ADDRESS = re.compile(
    r"(?<![\w.+%=/-])(\"[^\"@\n]{1,64}\"|[\w.!#$&'*+/=?^`{|}~%-]{1,64})(@|%40| at |\(at\)|\[at\])"
    r"((?:[\w-]{1,63}\.){1,8}[a-zA-Z\u0080-\uffff][\w-]{1,62}|\[[0-9A-Fa-f:.]{3,45}\])"
)
_SPELLED = re.compile(r" at [\w-]{1,63}\.|[(\[]at[)\]]")  # an address without a sign
_URL = re.compile(r"https?://[^\s<>\"]{3,2000}")
_QUERY = re.compile(r"([?&;=,])([\w.+-]{1,64})(@|%40)((?:[\w-]{1,63}\.){1,8}[a-zA-Z]{2,63})")


def mask(text: str) -> str:
    """Return ``text`` with every mail address shortened."""
    spelled = _SPELLED.search(text) is not None
    if not spelled and "@" not in text and "%40" not in text:
        return text
    # No address goes over the end of a line, and most lines have none.
    return "\n".join(
        [
            _line(line)
            if "@" in line or "%40" in line or (spelled and _SPELLED.search(line))
            else line
            for line in text.split("\n")
        ]
    )


def _line(text: str) -> str:
    parts: list[str] = []
    last = 0
    for match in _URL.finditer(text):
        parts.append(_ADDRESS.sub(_short, text[last : match.start()]))
        parts.append(_QUERY.sub(lambda m: f"{m[1]}...{m[3]}{m[4]}", match[0]))
        last = match.end()
    parts.append(_ADDRESS.sub(_short, text[last:]))
    return "".join(parts)


def _short(match: re.Match[str]) -> str:
    local = match[1]
    if match[2] == " at " and not (local.islower() or any(c in "._0123456789" for c in local)):
        return match[0]  # "Look at example.org" is a sentence
    return f"{local[0] if len(local) > 1 else ''}...{match[2]}{match[3]}"
