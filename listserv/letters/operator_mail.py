"""Mail whoever runs the service: about one list, or under the first where it is about none.

An answer to any of them has the doctor look again (listserv/doctor/daily.py). Knows the setting
``listserv.operator`` and nothing of what is told. Without the setting nobody is mailed; each mail
names it, so that its reader can stop them.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from listserv.letters import notices
from listserv.letters.notices import AnswerAddress
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Examined
from mailer.reading.addresses import parse
from mailer.storage.tokens import TokenPurpose
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
        door=AnswerAddress("reply", again(app, about.address)),
    )
    return True


def again(app: App, list_address: str) -> str:
    """Return the token by which an answer has the doctor look again."""
    return app.keyring.standing(TokenPurpose.EXAMINE, list_address, 1)


def ask_again(session: Session) -> None:
    """Have the doctor's next look told whole; the clock finds it due within seconds."""
    if session.get(Examined, 1) is None:
        session.add(Examined(id=1, at=0.0, found="[]", asked=True))
    else:
        session.execute(update(Examined).values(asked=True))
