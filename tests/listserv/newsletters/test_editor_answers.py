"""What an answer to a proof leads to: one pure decision."""

import pytest

from listserv.newsletters.editors import editor_answers
from listserv.newsletters.editors.orders import Order, Verb
from listserv.newsletters.editors.steps import Facts, Step, next_step
from listserv.wiring.tables import EditionState

OPEN, SCHEDULED, SENT = EditionState.OPEN, EditionState.SCHEDULED, EditionState.SENT
NOW, LATER, YES = Order(Verb.SEND), Order(Verb.SEND, at=200.0), Order(Verb.APPROVE)
TEXT, FIELD = Order(Verb.TEXT), Order(Verb.FIELDS, fields=(("subject", "Winter"),))


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (Facts(NOW, OPEN), Step.SEND),
        (Facts(LATER, OPEN), Step.SCHEDULE),
        (Facts(LATER, SCHEDULED), Step.SCHEDULE),
        (Facts(NOW, SCHEDULED), Step.SEND),
        (Facts(NOW, SENT), Step.SENT),
        (Facts(NOW, OPEN, newest=False), Step.OLD),
        (Facts(NOW, OPEN, editor=False), Step.STRANGER),
        (Facts(NOW, OPEN, expired=True), Step.EXPIRED),
        (Facts(NOW, OPEN, red=True), Step.BLOCKED),
        (Facts(Order(Verb.SEND, anyway=True), OPEN, red=True), Step.SEND),
        (Facts(Order(Verb.SEND, anyway=True), OPEN, red=True, same=False), Step.CHANGED),
        (Facts(NOW, OPEN, readers=0), Step.NOBODY),
        (Facts(Order(Verb.SEND, at=50.0), OPEN), Step.PAST),
        (Facts(Order(Verb.CANCEL), OPEN), Step.IDLE),
        (Facts(Order(Verb.CANCEL), SCHEDULED), Step.CANCEL),
        (Facts(Order(Verb.CANCEL), OPEN, two=True, pending=True), Step.CANCEL),
        (Facts(Order(Verb.CANCEL), SENT, running=True), Step.SENT),
        (Facts(Order(Verb.STOP), SENT, running=True), Step.STOP),
        (Facts(Order(Verb.STOP), SENT), Step.OVER),
        (Facts(Order(Verb.STOP), SCHEDULED, newest=False), Step.CANCEL),
        (Facts(Order(Verb.STOP), OPEN), Step.IDLE),
        (Facts(Order(Verb.APPROVE), OPEN), Step.UNCLEAR),
        (Facts(NOW, OPEN, two=True), Step.ASK),
        (Facts(NOW, OPEN, two=True, others=False), Step.ALONE),
        (Facts(LATER, OPEN, two=True), Step.ASK),
        (Facts(NOW, OPEN, two=True, approved=True), Step.SEND),
        (Facts(LATER, OPEN, two=True, approved=True), Step.SCHEDULE),
        (Facts(YES, OPEN, two=True), Step.APPROVED),
        (Facts(YES, OPEN, two=True, own=True), Step.OWN),
        (Facts(YES, OPEN, two=True, wished=True), Step.SEND),
        (Facts(YES, OPEN, two=True, wished=True, wish_at=200.0), Step.SCHEDULE),
        (Facts(YES, OPEN, two=True, wished=True, wish_at=50.0), Step.PAST),
        (Facts(YES, OPEN, two=True, wished=True, same=False), Step.CHANGED),
        (Facts(YES, OPEN, two=True, wished=True, newest=False), Step.OLD),
        (Facts(YES, OPEN, two=True, wished=True, editor=False), Step.STRANGER),
        (Facts(None, OPEN), Step.UNCLEAR),
        (Facts(TEXT, OPEN), Step.REVISE),
        (Facts(FIELD, SCHEDULED), Step.REVISE),
        (Facts(TEXT, OPEN, newest=False), Step.OLD),
        (Facts(TEXT, SENT), Step.SENT),
    ],
)
def test_what_an_answer_leads_to(facts: Facts, step: Step) -> None:
    assert next_step(facts, 100.0) is step
    assert step in editor_answers._DO
