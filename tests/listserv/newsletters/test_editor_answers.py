"""What an answer to a proof leads to: one pure decision."""

import pytest

from listserv.newsletters.editors import editor_answers
from listserv.newsletters.editors.answer_steps import AnswerFacts, AnswerStep, next_step
from listserv.newsletters.editors.editor_orders import EditorOrder, Verb
from listserv.wiring.listserv_tables import DraftState

OPEN, SCHEDULED, SENT = DraftState.OPEN, DraftState.SCHEDULED, DraftState.SENT
NOW, LATER, YES = (
    EditorOrder(Verb.SEND),
    EditorOrder(Verb.SEND, at=200.0),
    EditorOrder(Verb.APPROVE),
)
TEXT, FIELD = EditorOrder(Verb.TEXT), EditorOrder(Verb.FIELDS, fields=(("subject", "Winter"),))


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        (AnswerFacts(NOW, OPEN), AnswerStep.SEND),
        (AnswerFacts(LATER, OPEN), AnswerStep.SCHEDULE),
        (AnswerFacts(LATER, SCHEDULED), AnswerStep.SCHEDULE),
        (AnswerFacts(NOW, SCHEDULED), AnswerStep.SEND),
        (AnswerFacts(NOW, SENT), AnswerStep.SENT),
        (AnswerFacts(NOW, OPEN, newest=False), AnswerStep.OLD),
        (AnswerFacts(NOW, OPEN, editor=False), AnswerStep.STRANGER),
        (AnswerFacts(NOW, OPEN, expired=True), AnswerStep.EXPIRED),
        (AnswerFacts(NOW, OPEN, red=True), AnswerStep.BLOCKED),
        (AnswerFacts(EditorOrder(Verb.SEND, anyway=True), OPEN, red=True), AnswerStep.SEND),
        (
            AnswerFacts(EditorOrder(Verb.SEND, anyway=True), OPEN, red=True, same=False),
            AnswerStep.CHANGED,
        ),
        (AnswerFacts(NOW, OPEN, readers=0), AnswerStep.NOBODY),
        (AnswerFacts(EditorOrder(Verb.SEND, at=50.0), OPEN), AnswerStep.PAST),
        (AnswerFacts(EditorOrder(Verb.CANCEL), OPEN), AnswerStep.IDLE),
        (AnswerFacts(EditorOrder(Verb.CANCEL), SCHEDULED), AnswerStep.CANCEL),
        (AnswerFacts(EditorOrder(Verb.CANCEL), OPEN, two=True, pending=True), AnswerStep.CANCEL),
        (AnswerFacts(EditorOrder(Verb.CANCEL), SENT, running=True), AnswerStep.SENT),
        (AnswerFacts(EditorOrder(Verb.STOP), SENT, running=True), AnswerStep.STOP),
        (AnswerFacts(EditorOrder(Verb.STOP), SENT), AnswerStep.OVER),
        (AnswerFacts(EditorOrder(Verb.STOP), SCHEDULED, newest=False), AnswerStep.CANCEL),
        (AnswerFacts(EditorOrder(Verb.STOP), OPEN), AnswerStep.IDLE),
        (AnswerFacts(EditorOrder(Verb.APPROVE), OPEN), AnswerStep.UNCLEAR),
        (AnswerFacts(NOW, OPEN, two=True), AnswerStep.ASK),
        (AnswerFacts(NOW, OPEN, two=True, others=False), AnswerStep.ALONE),
        (AnswerFacts(LATER, OPEN, two=True), AnswerStep.ASK),
        (AnswerFacts(NOW, OPEN, two=True, approved=True), AnswerStep.SEND),
        (AnswerFacts(LATER, OPEN, two=True, approved=True), AnswerStep.SCHEDULE),
        (AnswerFacts(YES, OPEN, two=True), AnswerStep.APPROVED),
        (AnswerFacts(YES, OPEN, two=True, own=True), AnswerStep.OWN),
        (AnswerFacts(YES, OPEN, two=True, wished=True), AnswerStep.SEND),
        (AnswerFacts(YES, OPEN, two=True, wished=True, wish_at=200.0), AnswerStep.SCHEDULE),
        (AnswerFacts(YES, OPEN, two=True, wished=True, wish_at=50.0), AnswerStep.PAST),
        (AnswerFacts(YES, OPEN, two=True, wished=True, same=False), AnswerStep.CHANGED),
        (AnswerFacts(YES, OPEN, two=True, wished=True, newest=False), AnswerStep.OLD),
        (AnswerFacts(YES, OPEN, two=True, wished=True, editor=False), AnswerStep.STRANGER),
        (AnswerFacts(None, OPEN), AnswerStep.UNCLEAR),
        (AnswerFacts(TEXT, OPEN), AnswerStep.REVISE),
        (AnswerFacts(FIELD, SCHEDULED), AnswerStep.REVISE),
        (AnswerFacts(TEXT, OPEN, newest=False), AnswerStep.OLD),
        (AnswerFacts(TEXT, SENT), AnswerStep.SENT),
    ],
)
def test_what_an_answer_leads_to(facts: AnswerFacts, step: AnswerStep) -> None:
    assert next_step(facts, 100.0) is step
    assert step in editor_answers._DO
