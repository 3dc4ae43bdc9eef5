"""Find where a mail is and why, by its Message-ID or by somebody's address.

    tracing.find(call, "<20261122.4711@example.net>")     # TraceFound

Refuses to know how it is printed. SECURITY: it tells of every list, so it is the operator's.
"""

from dataclasses import dataclass

from listserv.actions.call import Call
from listserv.actions.permissions import Action
from listserv.upkeep import message_trace
from listserv.upkeep.message_trace import MessageTrace
from mailer.errors import BadInput, Refused


@dataclass(frozen=True, slots=True)
class TraceFound:
    """Return what is known, and the database's time at which it was."""

    trace: MessageTrace
    at: float


def find(call: Call, what: str) -> TraceFound:
    """Return what is known of a mail or of an address; raise Refused where nothing is."""
    with call.reading_all(Action.QUEUE_FIND) as session:
        now = call.app.store.now(session)
        found = message_trace.of_message(session, what, now)
        if not found:
            try:
                found = message_trace.of_address(session, what, now)
            except BadInput:  # an id that is no address either
                found = MessageTrace()
    if not found:
        raise Refused(f"Nothing is known of {what}.", key="nothing-known")
    return TraceFound(found, now)
