"""Lists brought from elsewhere: who left there is not mailed from here."""

import json
from pathlib import Path
from typing import Any

import pytest

from mailer.storage.store import Store
from subscriptions.lists import roster
from subscriptions.lists.roster import ListKind
from tests.listserv.cli.member_commands import LIST, Run, run

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
    ("remark.csv", ("E-post;Medlem;Anmärkning\ngood@x.example;ja;sjunger alt\n"
     "bad@x.example;ja;vill inte ha mer mejl\nworse@x.example;ja;utträdd i maj 2023\n")),
    ("r.csv", "E-post;NIX\ngood@x.example;\nbad@x.example;x\n"),
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
    assert _states(run) == {"a@x.example": "active", "c@x.example": "left"}


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


MAILCHIMP_LEFT = "Email Address,CONFIRM_TIME,UNSUB_TIME,UNSUB_REASON\n"


def _states(run: Run) -> dict[str, str]:
    rows = json.loads(run("ls", LIST, "--json").stdout)
    return {row["email"]: row["state"] for row in rows}


def _import(run: Run, text: str, *more: str) -> dict[str, Any]:
    words = ("import", LIST, "-", "--consent", "the old service", "--yes", "--json", *more)
    told: dict[str, Any] = json.loads(run(*words, typed=text.encode()).stdout)
    return told


def test_who_left_elsewhere_has_left_here_and_no_later_import_brings_them_back(run: Run) -> None:
    gone = MAILCHIMP_LEFT + "a@x.example,2021-01-01,2022-02-02 10:00:00,NORMAL\n"
    assert _import(run, gone)["ends"]["suppressed"] == 1
    assert _states(run) == {"a@x.example": "left"}
    assert _import(run, "email\na@x.example\n")["fates"]["left"] == 1
    entry = json.loads(run("export", "a@x.example").stdout)["consent"][0]
    assert (entry["act"], entry["given_at"]) == ("left", "2022-02-02T10:00:00+00:00")
    assert "UNSUB_TIME" in entry["wording"]


def test_what_was_told_to_be_left_out_leaves_no_trace(run: Run) -> None:
    gone = MAILCHIMP_LEFT + "a@x.example,2021-01-01,2022-02-02 10:00:00,NORMAL\n"
    run("import", LIST, "-", "--consent", "x", "--yes", "--leave-out", typed=gone.encode())
    assert _states(run) == {}
    assert _import(run, "email\na@x.example\n")["fates"]["added"] == 1


def test_a_cleaned_address_is_barred_everywhere_and_a_complaint_too(run: Run) -> None:
    _import(run, "email,Status\na@x.example,cleaned\nb@x.example,marked as spam\n")
    barred = {row["address"]: row["why"] for row in json.loads(run("barred", "--json").stdout)}
    assert barred == {"a@x.example": "dead", "b@x.example": "complaint"}


@pytest.mark.parametrize(
    ("day", "state"), [("2021-06-01", "left"), ("2020-06-01", "active"), ("", "active")]
)
def test_a_newer_yes_here_is_stronger_than_an_older_no_elsewhere(
    run: Run, day: str, state: str
) -> None:
    yes = "email,consent,consent date\na@x.example,said so at the door,2021-01-01\n"
    assert run("import", LIST, "-", typed=yes.encode()).exit_code == 0
    _import(run, f"email,Status,Unsubscribed at\na@x.example,unsubscribed,{day}\n")
    assert _states(run) == {"a@x.example": state}


def test_an_import_without_a_day_is_no_yes_of_ones_own(run: Run) -> None:
    _import(run, "email\na@x.example\n")
    _import(run, "email,Status\na@x.example,unsubscribed\n")
    assert _states(run) == {"a@x.example": "left"}


def test_who_added_themselves_stays_where_the_no_has_no_day(run: Run) -> None:
    assert run("add", LIST, "a@x.example", "--consent", "asked me today").exit_code == 0
    _import(run, "email,Status\na@x.example,unsubscribed\n")
    assert _states(run) == {"a@x.example": "active"}


def test_a_paused_member_comes_paused(run: Run) -> None:
    told = _import(run, "email,nomail\na@x.example,[U]\nb@x.example,\nc@x.example,[B]\n")
    assert told["ends"] == {"member": 1, "paused": 1, "suppressed": 1, "refused": 0}
    assert _states(run) == {"a@x.example": "paused", "b@x.example": "active"}


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ("a@x.example,active,2021-01-01,\na@x.example,unsubscribed,,2022-01-01\n", "left"),
        ("a@x.example,unsubscribed,,2022-01-01\na@x.example,active,2021-01-01,\n", "left"),
        ("a@x.example,unsubscribed,,2022-01-01\na@x.example,active,2023-01-01,\n", "active"),
        ("a@x.example,active,2023-01-01,\na@x.example,unsubscribed,,2022-01-01\n", "active"),
        ("a@x.example,active,2023-01-01,\nA@X.example,unsubscribed,,\n", "left"),
    ],
)
def test_who_stands_there_twice_is_what_the_worse_or_the_newer_line_says(
    run: Run, rows: str, state: str
) -> None:
    told = _import(run, "email,status,subscribed at,unsubscribed at\n" + rows)
    assert set(_states(run).values()) == {state}
    assert sum(told["ends"].values()) == told["lines"] == 2


def test_the_times_and_addresses_of_the_old_service_are_kept_as_evidence(run: Run) -> None:
    _import(
        run,
        "Email Address,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP\n"
        'a@x.example,"2021-03-05 10:11:12",192.0.2.1,"2021-03-05 10:12:00",192.0.2.2\n'
        'b@x.example,"2021-03-05 10:11:12",192.0.2.1,,\n',
    )
    entry = json.loads(run("export", "a@x.example").stdout)["consent"][0]
    assert (entry["given_at"], entry["ip"]) == ("2021-03-05T10:12:00+00:00", "192.0.2.2")
    assert entry["wording"] == "the old service"


def test_what_is_exported_is_imported_again_unchanged(run: Run) -> None:
    _import(
        run,
        "email,name,language,role,consent,consent date,consent ip,Status,unsubscribed at\n"
        "a@x.example,=HYPERLINK(1),it,owner,'+ said so,2021-03-05,192.0.2.2,active,\n"
        'b@x.example,"Ek, ""Bo""",,,at the door,2021-03-05,,nomail,\n'
        "c@x.example,'=odd,ru,,,,,unsubscribed,2022-02-02\n"
        "d@x.example,-Dan,,,by phone,2020-01-01,,active,\n",
    )
    run("set", LIST, "d@x.example", "--state", "paused", "--until", "2029-01-01")
    run("set", LIST, "a@x.example", "--attribute", "tags=choir,board", "--attribute", "place=Lund")
    sheet = run("ls", LIST, "--csv").stdout
    assert "'=HYPERLINK(1)" in sheet
    other = "others@example.org"
    told = run("import", other, "-", "--yes", "--json", typed=sheet.encode())
    assert json.loads(told.stdout)["ends"] == {
        "member": 1, "paused": 2, "suppressed": 1, "refused": 0,
    }  # fmt: skip
    assert run("ls", other, "--csv").stdout == sheet


@pytest.mark.parametrize(
    ("kind", "day", "canary"),
    [
        ("newsletter", "2021-03-05", "100/60/3"),
        ("newsletter", "2026-03-05", ""),
        ("newsletter", "", ""),
        ("discussion", "2021-03-05", ""),
    ],
)
def test_an_old_list_begins_with_a_canary(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch, kind: str, day: str, canary: str
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_780_000_000.0)  # in May 2026
    with store.write() as session:
        roster.create_list(session, "news@example.org", now=1.0, kind=ListKind(kind))
    rows = f"email,created_at\na@x.example,2020-01-01\nb@x.example,{day}\n"
    text = rows if day else "a@x.example\n"
    words = ("import", "news@example.org", "-", "--consent", "x", "--json")
    dry = json.loads(run(*words, "--dry-run", typed=text.encode()).stdout)
    assert json.loads(run(*words, typed=text.encode()).stdout)["canary"] == canary
    assert dry["canary"] == ""
    with store.read() as session:
        assert roster.get_list(session, "news@example.org").canary == canary
