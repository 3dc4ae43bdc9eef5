"""Put our lines into another program's settings, so that what the site wrote stays. Pure.

    postfix(main_cf, "lists.example.org")    # the whole file, merged
    exim(template, pieces)                   # the same for Exim's one file

What is merged twice is the same as once. SECURITY: nothing of the site's is taken out; a
restriction of ours stands before its own and speaks of our domain alone.
"""

import re
from collections.abc import Mapping

_PARAMETER = re.compile(r"([A-Za-z0-9_]+)[ \t]*=[ \t]*((?:.*)(?:\n[ \t]+.*)*)", re.MULTILINE)
TRANSPORT = "hash:/etc/postfix/krets_transport"
RECIPIENTS = "check_recipient_access hash:/etc/postfix/krets_recipients"
MARK = "# Krets: "
_WHERE_UNSET = {  # Postfix's own values would accept for days what Krets does not know
    "unverified_recipient_reject_code": "550",
    "address_verify_negative_expire_time": "1h",
    "address_verify_negative_refresh_time": "1m",
    "address_verify_poll_delay": "1s",
    "smtp_send_xforward_command": "yes",  # whose mail it is
    "smtpd_client_connection_count_limit": "20",  # two clients would hold all of its 100 sessions
}


def value_of(main_cf: str, name: str) -> str | None:
    """Return a parameter's value as it counts: the last one, on one line; None where unset."""
    found = [match[2] for match in _settings(main_cf) if match[1] == name]
    return " ".join(found[-1].split()) if found else None


def postfix(main_cf: str, domain: str) -> str:
    """Return main.cf with the list domain, asked about and handed to Krets."""
    made = main_cf
    domains = value_of(made, "relay_domains")
    if domain not in re.split(r"[,\s]+", domains or ""):
        made = _put(made, "relay_domains", f"{domains}, {domain}" if domains else domain)
    made = _before(made, "transport_maps", TRANSPORT)
    made = _before(made, "smtpd_recipient_restrictions", RECIPIENTS)
    for name, value in _WHERE_UNSET.items():
        if value_of(made, name) is None:
            made = _put(made, name, value)
    return made


def size_limit(main_cf: str) -> int:
    """Return how large a mail Postfix takes, 0 where there is no limit."""
    value = value_of(main_cf, "message_size_limit")
    return int(value) if value and value.isdecimal() else 10_240_000  # its default


def exim(text: str, pieces: Mapping[str, str]) -> str:
    """Return Exim's one file with our pieces at the head of its sections.

    ``pieces`` has main, acl, routers and transports; the acl goes where RCPT is judged.
    """
    if f"{MARK}begin" in text:
        return text
    made = _marked(pieces["main"]) + text
    for section in ("routers", "transports"):
        made = re.sub(
            rf"^begin {section}[ \t]*\n",
            lambda match: match[0] + _marked(pieces[match[0].split()[1]]),
            made,
            count=1,
            flags=re.MULTILINE,
        )
    return re.sub(
        r"^acl_check_rcpt:[ \t]*\n",
        lambda match: match[0] + _marked(pieces["acl"]),
        made,
        count=1,
        flags=re.MULTILINE,
    )


def _marked(piece: str) -> str:
    return f"{MARK}begin\n{piece.rstrip()}\n{MARK}end\n\n"


def _settings(main_cf: str) -> list[re.Match[str]]:
    return [found for found in _PARAMETER.finditer(main_cf) if _at_line(main_cf, found.start())]


def _at_line(text: str, at: int) -> bool:
    return at == 0 or text[at - 1] == "\n"


def _before(main_cf: str, name: str, ours: str) -> str:
    """Put ``ours`` before what a list of Postfix holds already."""
    theirs = value_of(main_cf, name)
    if theirs is not None and ours in theirs:
        return main_cf
    return _put(main_cf, name, f"{ours}, {theirs}" if theirs else ours)


def _put(main_cf: str, name: str, value: str) -> str:
    """Write a parameter where it stands, else at the end."""
    found = [match for match in _settings(main_cf) if match[1] == name]
    line = f"{name} = {value}"
    if found:
        return main_cf[: found[-1].start()] + line + main_cf[found[-1].end() :]
    gap = "" if not main_cf or main_cf.endswith("\n") else "\n"
    mark = "" if f"{MARK}added" in main_cf else f"\n{MARK}added\n"
    return f"{main_cf}{gap}{mark}{line}\n"
