"""Lists brought from elsewhere: who left there is not mailed from here."""

import json
from pathlib import Path

import pytest

from tests.listserv.member_commands import LIST, Run, run

__all__ = ["run"]

_LEFT_OUT = (
    # (name of the file, its heading and rows; good@ may come in, and nobody else)
    ("m.csv", "Email Address,UNSUB_TIME,UNSUB_REASON\nbad@x.example,2022-02-02 10:00:00,NORMAL\n"),
    ("m.csv", "Email Address,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\nbad@x.example,2022-02-02 10:00,News"),
    ("unsubscribed_members_export_1a.csv", "Email Address,First Name\nbad@x.example,Bo\n"),
    ("cleaned_members_export_1a.csv", "Email Address,First Name\nbad@x.example,Bo\n"),
    ("g.csv", "email,subscribed_to_emails\ngood@x.example,true\nbad@x.example,false\n"),
    ("s.csv", ("Email,active_subscription,email_disabled\ngood@x.example,false,false\n"
     "bad@x.example,true,true\n")),
    ("l.csv", ('uuid,email,name,attributes,status\n1,good@x.example,G,"{""a"": ""b""}",enabled\n'
     "2,bad@x.example,B,{},blocklisted\n3,worse@x.example,W,{},disabled\n")),
    ("b.csv", ("email_address,type,notes\ngood@x.example,regular,\nbad@x.example,unactivated,\n"
     "worse@x.example,unsubscribed,\nworst@x.example,undeliverable,\n")),
    ("k.csv", "Email,First name,Status\ngood@x.example,G,active\nbad@x.example,B,unreachable\n"),
    ("h.csv", "email,Etat\ngood@x.example,actif\nbad@x.example,désabonné\n"),
    ("sv.csv", "E-post;Status\ngood@x.example;Aktiv\nbad@x.example;Avregistrerad\n"),
    ("none.csv", "good@x.example,Anna\nbad@x.example,Bo,unsubscribed\n"),
    ("flag.csv", "email,Unsubscribed\ngood@x.example,no\nbad@x.example,yes\n"),
    ("odd.csv", "email,remarks\ngood@x.example,likes cake and tea\nbad@x.example,bounced\n"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "text"), _LEFT_OUT)
def test_a_state_stops_the_import_and_yes_takes_the_good_alone(
    run: Run, tmp_path: Path, name: str, text: str
) -> None:
    file = tmp_path / name
    file.write_text(text)
    words = ("import", LIST, str(file), "--consent", "the old service")
    assert run(*words).exit_code == 1
    assert json.loads(run("ls", LIST, "--json").stdout) == []
    run(*words, "--yes")
    rows = json.loads(run("ls", LIST, "--json").stdout)
    active = [row["email"] for row in rows if row["state"] == "active"]
    assert active == (["good@x.example"] if "good@" in text else [])


def test_a_word_that_nobody_knows_is_asked_about_and_answered(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text(
        "email,Status\na@x.example,Gold\nb@x.example,Silver\nc@x.example,unsubscribed\n"
    )
    words = ("import", LIST, str(file), "--consent", "the old service")
    refused = run(*words)
    assert refused.exit_code == 1
    assert "Status" in refused.stderr
    assert "Gold" in refused.stderr
    assert run(*words, "--state", "Gold=member", "--yes").exit_code == 0
    assert [row["email"] for row in json.loads(run("ls", LIST, "--json").stdout)] == ["a@x.example"]


@pytest.mark.parametrize("word", ["unsubscribed", "Blocked", "hard bounce", "unconfirmed"])
def test_no_option_makes_a_member_of_who_left(run: Run, word: str) -> None:
    refused = run("import", LIST, "-", "--state", f"{word}=member", "--yes", typed=b"a@x.example\n")
    assert refused.exit_code == 2
    assert "never becomes a member" in str(refused.exception)


def test_a_file_that_says_nothing_of_states_asks_nothing(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "subscribed_members_export_1a.csv"
    file.write_text(
        "Email Address,First Name,MEMBER_RATING,OPTIN_TIME,CONFIRM_TIME,CONFIRM_IP,LEID,TAGS\n"
        'a@x.example,Anna,2,"2021-03-05 10:11:12","2021-03-05 10:12:00",192.0.2.4,1,"""board"""\n'
    )
    assert run("import", LIST, str(file), "--consent", "the old service").exit_code == 0
    assert [row["state"] for row in json.loads(run("ls", LIST, "--json").stdout)] == ["active"]
