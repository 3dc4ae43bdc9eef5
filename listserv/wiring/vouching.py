"""Tell which writers only we may be: whom our signature and return path would vouch for.

A copy that we sign, or that leaves with a return path of ours, passes DMARC at every receiver
for each From of the same organisation (RFC 9989 section 4.4: alignment is relaxed). So a mail
that names such a domain, and that we neither wrote nor know to be theirs, is held, and goes
unsigned where somebody releases it. SECURITY: a hold that was not needed costs a moderator a
minute, one that was missing makes us the forger's accomplice; see
mailer/reading/headers/from_domains.py.
"""

import socket

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.wiring.config import Settings
from mailer.authentication import dkim_keys
from mailer.authentication.verdict import UNKNOWN, Authentication, author_domain
from mailer.reading.headers.from_domains import domain_of, from_domains
from mailer.reading.message import MessageHeader
from mailer.reading.organisational_domains import organisation
from subscriptions.lists.roster import MailList


def organisations(session: Session, domain: str) -> frozenset[str]:
    """Return those that are ours for lists at ``domain``: its own, and each that has a key."""
    return frozenset(map(organisation, {domain, *dkim_keys.domains(session)}))


def is_ours(head: MessageHeader, ours: frozenset[str], found: Authentication = UNKNOWN) -> bool:
    """Tell whether a mail names a writer in one of the organisations ``ours`` who is not proved.

    Proved is the one domain that vouches for the mail, and with it its organisation.
    """
    proved = {organisation(author_domain(head))} if found.aligned else set()
    named = {organisation(domain) for domain in from_domains(head)}
    return bool((named & ours) - proved)


def may_sign(head: MessageHeader, ours: frozenset[str], found: Authentication = UNKNOWN) -> bool:
    """Tell whether our signature under a stranger's mail vouches for nobody but its writer.

    A mail without a writer is not signed: programs on its way may put our return path there.
    """
    return bool(from_domains(head)) and not is_ours(head, ours, found)


def disowned(head: MessageHeader, own: frozenset[str], found: Authentication) -> frozenset[str]:
    """Return the names of ours in which a mail is not signed, whatever it says of itself.

    Only a mail of our own writer whom our domain vouches for may bear our signature onwards.
    """
    author = author_domain(head)
    theirs = found.aligned and organisation(author) in {organisation(one) for one in own}
    return frozenset() if theirs else own


def own_names(session: Session, settings: Settings) -> frozenset[str]:
    """Return the names under which results of authentication would be taken for ours."""
    lists = set(session.scalars(select(MailList.domain).distinct()))
    here = {settings.listserv.domain, domain_of(socket.gethostname())}
    return frozenset(lists | here | dkim_keys.domains(session))
