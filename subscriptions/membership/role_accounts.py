"""Know the addresses that belong to a duty and not to one person.

Knows local parts alone; what follows for an import is importing.py's business.
"""

# Read by a program or by whoever is on duty: nobody behind them has said yes.
_ROLES = (
    "postmaster|abuse|mailer-daemon|hostmaster|root|daemon|nobody|usenet|uucp|noreply|no-reply"
    "|no_reply|donotreply|do-not-reply|bounce|bounces|spam|devnull|listserv|majordomo|mailman"
)
ROLE_LOCALS = frozenset(_ROLES.split("|"))
# Read by people, but by several: one of them may have said yes for all. Asked about, and taken.
_SHARED = (
    "info|office|contact|hello|team|sales|support|admin|webmaster|mail|kontakt|kansli|kontor"
    "|styrelsen|contatti|segreteria|redazione|birou|secretariat|kantoor|bestuur|redactie"
)
SHARED_LOCALS = frozenset(_SHARED.split("|"))


def is_role_address(key: str) -> bool:
    """Tell whether an address belongs to a duty or a program and to nobody in particular."""
    return key.partition("@")[0].partition("+")[0] in ROLE_LOCALS


def is_shared_address(key: str) -> bool:
    """Tell whether several people probably read an address, such as info@."""
    return key.partition("@")[0] in SHARED_LOCALS
