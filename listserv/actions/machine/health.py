"""Look for what keeps our mail from arriving, send one mail to see, and tell the operator.

    found = health.examine(call, AskDoctor(sample_to="you@example.net"))
    health.try_settings(call)    # warnings; raises Misconfigured for what cannot be used

Refuses to know the checks (listserv/doctor). A mail that is sent to try leaves no line in any
history: it belongs to no list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.doctor import daily, examination
from listserv.doctor.diagnosis import Diagnosis, Health, fail
from listserv.wiring.listeners import bind
from mailer.errors import KretsError, Misconfigured, Refused
from mailer.reading.addresses import parse

_MUST = {"database", "redis", "tls"}  # without which nothing begins


@dataclass(frozen=True, slots=True)
class AskDoctor:
    """Ask for an examination of the installation."""

    address: str = ""  # where mail leaves from, where DNS does not tell
    sample_to: str = ""  # one real mail is sent there and read as it left; "" sends none
    mail_operator: bool = False


@dataclass(frozen=True, slots=True)
class Examination:
    """Return what was found, and whom it was mailed to ("" for nobody)."""

    found: Sequence[Diagnosis]
    mailed_to: str


def examine(call: Call, wanted: AskDoctor) -> Examination:
    """Examine DNS, relays, doors, machine and one mail.

    Raise Misconfigured where the operator is to be mailed and nobody is named as that.
    """
    call.permit(Action.DOCTOR)
    recipient = parse(wanted.sample_to).wire if wanted.sample_to else ""
    found = examination.examine(call.app, call.now, address=wanted.address)
    if recipient:
        found = [one for one in found if one.check != "message"]
        found += _sample(call, recipient)
    return Examination(found, _mail(call, found) if wanted.mail_operator else "")


def try_settings(call: Call) -> Sequence[str]:
    """Try database, Redis, doors, certificate and relays; return what should be looked at.

    Raise Misconfigured for what cannot be used.
    """
    call.permit(Action.CONFIG_CHECK)
    found, heard = examination.tried(call.app, call.now)
    for one in found:
        if one.state is Health.FAIL and one.check in _MUST:
            raise Misconfigured(f"{one.what}. {one.why}", one.cure)
    settings = call.app.settings
    for setting, door, answers in (
        ("mailer.smtp", settings.mailer.smtp, heard.smtp),
        ("mailer.lmtp", settings.mailer.lmtp, heard.lmtp),
        ("listserv.http", settings.listserv.http, heard.http),
    ):
        ours = setting == "listserv.http" or "Krets" in answers
        if door and not (answers and ours):
            bind(door, setting).close()
    return [f"{one.what}. {one.cure}" for one in found if one.state is Health.FAIL]


def _sample(call: Call, recipient: str) -> list[Diagnosis]:
    try:
        return examination.send_sample(call.app, recipient, call.now)
    except KretsError as error:
        why = "This is what every copy would meet."
        return [fail("sent", error.what, why, error.fix or "Mend what is told of the relay.")]


def _mail(call: Call, found: list[Diagnosis]) -> str:
    operator = call.app.settings.listserv.operator
    if not operator:
        raise Misconfigured(
            "Nobody is named as the operator.", 'listserv.operator = "you@example.org"'
        )
    if not daily.tell(call.app, found, call.now):
        raise Refused("There is no list yet to write in the name of.", key="no-list-yet")
    call.ring("deliver")
    return operator
