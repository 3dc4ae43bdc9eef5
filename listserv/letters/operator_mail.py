"""Mail whoever runs the service: about one list, or under the first where it is about none.

Knows the setting ``listserv.operator`` and nothing of what is told. Without the setting nobody is
mailed; each mail names it, so that its reader can stop them.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.letters import notices
from listserv.wiring.app import App
from mailer.reading.addresses import parse
from subscriptions.lists.roster import Address, MailList, Person, all_lists


def send(
    session: Session,
    app: App,
    name: str,
    now: float,
    *,
    lst: MailList | None = None,
    **context: object,
) -> bool:
    """Send the mail ``name``, in the operator's language where it is known; tell if one went."""
    operator = app.settings.listserv.operator
    about = lst or next(iter(all_lists(session)), None)
    if not operator or about is None:
        return False
    to = parse(operator)
    spoken = select(Person.language).join(Address, Address.person_id == Person.id)
    language = session.scalar(spoken.where(Address.key == to.key))
    notices.send(
        session,
        app,
        lst=about,
        to=to,
        name=name,
        language=language or (lst.language if lst else "en"),
        now=now,
        context={"domain": app.settings.listserv.domain, **context},
    )
    return True
