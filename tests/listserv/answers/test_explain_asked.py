"""`krets explain reply --asked`: what was understood, how sure, and why."""

import json

import pytest
from click.testing import CliRunner

from listserv.cli.explain import explain


def asked(question: str, text: str) -> dict[str, object]:
    given = ["reply", "-", "--asked", question, "--now", "2026-11-29", "--json"]
    ran = CliRunner().invoke(explain, given, input=text)
    assert ran.exit_code == 0, ran.output
    found = json.loads(ran.output)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("question", "text", "means"),
    [
        ("confirm", "Nej tack", "no"),
        ("confirm", "", "empty"),
        ("leave", "Please don't remove me", "stay"),
        ("undo", "Take me back", "undo"),
        ("join", "Yes, let her in", "yes"),
        ("command", "Hej! Pausa till den 7 januari", "pause"),
        ("date", "until Monday", "until"),
        ("date", "until 31 February", "unclear"),
        ("moderate", "no: off topic", "no"),
        ("moderate", "hm", "unclear"),
        ("issue", "looks good, but wait", "unclear"),
        ("issue", "send", "send"),
    ],
)
def test_every_question_has_a_reader(question: str, text: str, means: str) -> None:
    assert asked(question, text)["means"] == means


def test_a_mail_is_read_with_its_attribution_and_its_subject() -> None:
    quoted = "On Tue, Dec 1, 2026 at 10:00 AM Friends <f@example.org> wrote:\n\n> join?\n"
    mail = f"From: a@example.net\nSubject: Re: Friends\n\nNo, thank you. {quoted}"
    assert asked("confirm", mail) | {"sure": 1} == {
        "text": "No, thank you.", "means": "no", "sure": 1, "why": "No thank you", "until": None,
    }  # fmt: skip
    assert (
        asked("confirm", mail.replace("No, thank you. ", "").replace("Friends\n", "NO\n", 1))[
            "means"
        ]
        == "no"
    )
    assert asked("date", "t/m 6 januari")["until"] == "2027-01-06"
