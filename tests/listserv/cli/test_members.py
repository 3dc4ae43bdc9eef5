"""The member commands: what they print, refuse and leave behind."""

import csv
import json
from pathlib import Path

import click
import pytest
from sqlalchemy import select

from listserv.cli.members import members
from listserv.wiring.listserv_tables import Ban
from mailer.ledger.mailings import Mailing
from mailer.storage.store import Store
from subscriptions.lists import roster
from subscriptions.lists.roster import Membership
from subscriptions.permission import suppression
from subscriptions.permission.suppression import Reason
from tests.listserv.cli.member_commands import LIST, Run, run

__all__ = ["run"]


def _added(run: Run, email: str, *more: str) -> None:
    assert run("add", LIST, email, "--consent", "on paper", *more).exit_code == 0


def _listed(run: Run) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = json.loads(run("ls", LIST, "--json").stdout)
    return rows


def test_ls_is_an_empty_array_before_anybody_joins(run: Run) -> None:
    assert _listed(run) == []


def test_an_added_member_is_active_at_once_and_listed(run: Run) -> None:
    _added(run, "Anna Ek <Anna@example.org>", "--role", "owner")
    _added(run, "boris@example.org", "--language", "ru")
    assert _listed(run) == [
        {
            "email": "Anna@example.org",
            "name": "Anna Ek",
            "language": "sv",
            "role": "owner",
            "rhythm": "each",
            "state": "active",
        },
        {
            "email": "boris@example.org",
            "name": "",
            "language": "ru",
            "role": "member",
            "rhythm": "each",
            "state": "active",
        },
    ]
    assert run("ls", LIST, "--role", "owner").stdout.startswith("Anna@example.org\t")


@pytest.mark.parametrize("verb", ["add", "invite"])
def test_who_has_not_said_yes_is_invited_once_and_pending(
    run: Run, store: Store, verb: str
) -> None:
    result = run(verb, LIST, "Anna <anna@example.org>", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["fate"] == "asked"
    assert _listed(run)[0]["state"] == "pending"
    again = run(verb, LIST, "anna@example.org", "--json")
    assert json.loads(again.stdout)["fate"] == "already"
    assert _notices(store) == 1


def test_a_welcome_is_sent_when_asked_for(run: Run, store: Store) -> None:
    _added(run, "anna@example.org")
    assert _notices(store) == 0
    _added(run, "boris@example.org", "--welcome")
    assert _notices(store) == 1


def _notices(store: Store) -> int:
    with store.read() as session:
        found = session.scalars(select(Mailing.kind)).all()
    assert set(found) <= {"notice"}
    return len(found)


def test_adding_twice_is_no_error_and_changes_nothing(run: Run) -> None:
    _added(run, "anna@example.org")
    again = run("add", LIST, "ANNA@example.org", "--consent", "again", "--json")
    assert again.exit_code == 0
    assert json.loads(again.stdout)["fate"] == "already"
    assert len(_listed(run)) == 1


@pytest.mark.parametrize("words", [("add", LIST, "not an address"), ("ls", "nowhere")])
def test_what_is_malformed_is_usage(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words, *(("--consent", "x") if words[0] == "add" else ())).exit_code == 2


def test_an_unknown_list_is_refused(run: Run) -> None:
    assert run("ls", "nowhere@example.org").exit_code == 1


def test_set_changes_what_is_named(run: Run) -> None:
    _added(run, "anna@example.org")
    changed = run(
        *("set", LIST, "anna@example.org", "--role", "moderator", "--rhythm", "paused"),
        *("--language", "it", "--name", "Anna", "--json"),
    )
    assert json.loads(changed.stdout) == {
        "email": "anna@example.org",
        "name": "Anna",
        "language": "it",
        "role": "moderator",
        "rhythm": "paused",
        "state": "paused",
    }


def test_a_page_in_the_archive_is_written_down_with_who_wanted_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the archive's folder is, unless one is named
    run("add", LIST, "anna@example.org", "--consent", "paper form 12")
    for switch, want in (("on", True), ("off", False)):
        assert run("set", LIST, "anna@example.org", "--page", switch).exit_code == 0
        kept = json.loads(run("export", "anna@example.org").stdout)
        assert kept["memberships"][0]["own_page"] is want
    assert [one["act"] for one in kept["consent"]].count("state") == 2


def test_who_left_comes_back_only_with_consent(run: Run) -> None:
    _added(run, "anna@example.org")
    assert run("set", LIST, "anna@example.org", "--state", "left").exit_code == 0
    assert _listed(run)[0]["state"] == "left"
    assert run("add", LIST, "anna@example.org", "--consent", "a list").exit_code == 1
    assert run("set", LIST, "anna@example.org", "--state", "active").exit_code == 1
    back = run("set", LIST, "anna@example.org", "--state", "active", "--consent", "she wrote")
    assert back.exit_code == 0
    assert _listed(run)[0]["state"] == "active"


def test_a_pause_ends_by_itself_or_by_hand(run: Run) -> None:
    _added(run, "anna@example.org")
    run("set", LIST, "anna@example.org", "--state", "paused", "--until", "2099-01-01")
    shown = json.loads(run("show", LIST, "anna@example.org", "--json").stdout)
    assert (shown["state"], shown["paused_until"]) == ("paused", "2099-01-01T00:00:00+00:00")
    past = run("set", LIST, "anna@example.org", "--state", "paused", "--until", "2001-01-01")
    assert past.exit_code == 2
    run("set", LIST, "anna@example.org", "--state", "active")
    assert _listed(run)[0]["state"] == "active"


def test_export_shows_memberships_and_consent_with_its_wording(run: Run) -> None:
    _added(run, "anna@example.org")
    found = json.loads(run("export", "anna@example.org").stdout)
    assert found["memberships"][0]["list"] == LIST
    assert found["consent"][0]["wording"] == "on paper"
    assert run("export", "nobody@example.org").exit_code == 1


def test_forget_asks_first_and_needs_yes_without_a_terminal(run: Run) -> None:
    _added(run, "anna@example.org")
    assert run("forget", "anna@example.org").exit_code == 1
    assert run("forget", "anna@example.org", "--dry-run").exit_code == 0
    assert len(_listed(run)) == 1


def test_who_was_forgotten_is_not_brought_back_by_an_import(run: Run, tmp_path: Path) -> None:
    _added(run, "anna@example.org")
    assert run("forget", "anna@example.org", "--yes").exit_code == 0
    file = tmp_path / "people.txt"
    file.write_text("anna@example.org\nboris@example.org\n")
    result = run("import", LIST, str(file), "--consent", "old list", "--json")
    assert json.loads(result.stdout)["fates"]["erased"] == 1
    assert [row["email"] for row in _listed(run)] == ["boris@example.org"]
    assert run("forget", "anna@example.org", "--yes").exit_code == 1


def test_import_tells_the_fate_of_every_line(run: Run, tmp_path: Path) -> None:
    file, report = tmp_path / "people.csv", tmp_path / "fates.csv"
    file.write_text(
        "E-mail;Name;Role;Phone\n"
        "anna@example.org;Anna;owner;1\n"
        "ANNA@example.org;Anna again;;\n"
        "postmaster@example.org;;;\n"
        "=cmd|' /C calc'!A0;Evil;;\n"
        "boris@example.org;Boris;king;\n"
    )
    words = ("import", LIST, str(file), "--consent", "on paper", "--report", str(report))
    dry = run(*words, "--dry-run", "--json")
    assert _listed(run) == []
    wet = run(*words, "--json", "--yes")
    before, after = json.loads(dry.stdout), json.loads(wet.stdout)
    assert before | {"dry_run": False} == after
    assert {fate: count for fate, count in after["fates"].items() if count} == {
        "added": 1,
        "duplicate": 1,
        "role address": 1,
        "invalid": 2,
    }
    assert "Phone" in wet.stderr
    with report.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert [row["line"] for row in rows] == ["2", "3", "4", "5", "6"]
    assert rows[3]["email"].startswith("'=")
    assert report.stat().st_mode & 0o077 == 0
    assert run(*words).exit_code == 1  # the report is there already, and nobody can be asked


_BROKEN = (
    # (line of the sheet, its fate, a word of the reason); the header is line 1
    ("Åsa@example.se;Åsa Öberg", "added", ""),
    ("åsa@EXAMPLE.se;once more", "duplicate", "earlier"),
    ('quoted@example.org;"Two\nlines"', "added", ""),
    ("left@example.org;came back?", "left", "member set"),
    ("dead@example.org;", "suppressed", "dead"),
    ("Postmaster@example.org;", "role address", "nobody"),
    ("info@example.org;The office", "added", "several people"),
    ("=cmd|' /C calc'!A0;Evil", "invalid", "not a mail address"),
    ("formula@example.org;=HYPERLINK(1)", "added", ""),
    ("nul\x00@example.org;", "invalid", "character"),
    (f"huge@example.org;{'x' * 100_000}", "invalid", "far too long"),
    ("cells@example.org;a;b;c", "invalid", "more cells"),
    ('quote"@example.org;"doubled ""mark"""', "invalid", ""),
    (";nameless", "invalid", "no address"),
    ("friends-join@example.org;", "own address", "list itself"),
    ("slip@gmial.com;", "added", "did you mean"),
    ("last@example.org;Last", "added", ""),
)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
def test_a_broken_sheet_tells_every_line_and_writes_only_what_it_said(
    run: Run, store: Store, tmp_path: Path, encoding: str
) -> None:
    _added(run, "left@example.org")
    assert run("set", LIST, "left@example.org", "--state", "left").exit_code == 0
    with store.write() as session:
        suppression.suppress(session, "dead@example.org", Reason.DEAD, 1.0)
    sheet = "\r\n".join(["E-post;Namn", *(line for line, _, _ in _BROKEN)])
    report = tmp_path / "fates.csv"
    words = ("import", LIST, "-", "--consent", "on paper", "--json", "--yes")
    words += ("--report", str(report))
    before, typed = _listed(run), sheet.encode(encoding)

    dry = json.loads(run(*words, "--dry-run", typed=typed).stdout)
    rows = _rows(report)
    assert _listed(run) == before
    assert [row["fate"] for row in rows] == [fate for _, fate, _ in _BROKEN]
    assert [why in row["why"] for row, (_, _, why) in zip(rows, _BROKEN, strict=True)] == [
        True
    ] * len(_BROKEN)
    assert {row["name"] for row in rows if "formula" in row["email"]} == {"'=HYPERLINK(1)"}
    assert len(dry["questions"]) == 2

    wet = json.loads(run(*words, typed=typed).stdout)
    assert _rows(report) == rows
    assert wet == dry | {"dry_run": False}
    states = {row["email"]: row["state"] for row in _listed(run)}
    assert states.pop("left@example.org") == "left"
    taken = {row["email"] for row in rows if row["fate"] == "added"}
    assert states == dict.fromkeys(taken, "active")


def _rows(report: Path) -> list[dict[str, str]]:
    with report.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_a_sheet_without_a_header_is_read_by_its_addresses(run: Run) -> None:
    typed = b"Anna Ek\tanna@example.org\n\tboris@example.org\nnobody\t\n"
    told = json.loads(
        run("import", LIST, "-", "--consent", "on paper", "--json", typed=typed).stdout
    )
    assert [(row["email"], row["name"]) for row in _listed(run)] == [
        ("anna@example.org", "Anna Ek"),
        ("boris@example.org", ""),
    ]
    assert [(one["line"], one["fate"]) for one in told["not_added"]] == [(3, "invalid")]


def test_who_is_asked_by_mail_goes_in_small_pieces(run: Run, store: Store) -> None:
    lines = "".join(f"person{n}@example.org\n" for n in range(25)).encode()
    told = json.loads(run("import", LIST, "-", "--json", typed=lines).stdout)
    assert (told["fates"]["asked"], _notices(store)) == (25, 25)


def test_what_is_not_known_of_somebody_is_filled_in_and_what_is_known_stays(run: Run) -> None:
    other = "others@example.org"
    assert run("add", LIST, "anna@example.org", "--consent", "x", "--name", "Anna").exit_code == 0
    _added(run, "boris@example.org")
    typed = b"email,name,language\nanna@example.org,Else,ru\nboris@example.org,Boris,it\n"
    assert run("import", other, "-", "--consent", "x", typed=typed).exit_code == 0
    assert [(row["name"], row["language"]) for row in _listed(run)] == [
        ("Anna", "ru"),
        ("Boris", "it"),
    ]


def test_importing_twice_is_importing_once(run: Run) -> None:
    lines = "".join(f"Person {n} <person{n}@example.org>\n" for n in range(250)).encode()
    words = ("import", LIST, "-", "--consent", "on paper", "--json")
    once = json.loads(run(*words, typed=lines).stdout)["fates"]
    people = _listed(run)
    again = run(*words, typed=lines)
    assert (once["added"], json.loads(again.stdout)["fates"]["already"]) == (250, 250)
    assert (_listed(run), again.exit_code) == (people, 0)


def test_an_import_without_any_consent_invites(run: Run, store: Store) -> None:
    result = run("import", LIST, "-", typed=b"anna@example.org\nboris@example.org\n")
    assert result.exit_code == 0
    assert [row["state"] for row in _listed(run)] == ["pending", "pending"]
    assert _notices(store) == 2


def test_a_consent_column_decides_line_by_line(run: Run) -> None:
    lines = (
        "email,consent,consent_date\n"
        "yes@example.org,ticked the box,2020-05-03\n"
        "no@example.org,no,\n"
        "silent@example.org,,\n"
    )
    run("import", LIST, "-", typed=lines.encode())
    assert [(row["email"], row["state"]) for row in _listed(run)] == [
        ("yes@example.org", "active"),
        ("silent@example.org", "pending"),
    ]
    entry = json.loads(run("export", "yes@example.org").stdout)["consent"][0]
    assert (entry["wording"], entry["given_at"]) == (
        "ticked the box",
        "2020-05-03T00:00:00+00:00",
    )


@pytest.mark.parametrize("name", sorted(members.commands))
def test_every_command_has_help_with_an_example(run: Run, name: str) -> None:
    shown = run(name, "--help").stdout
    assert "krets member " + name in shown
    assert isinstance(members.commands[name], click.Command)


def test_an_import_asks_about_a_slip_and_changes_nothing_of_it(run: Run) -> None:
    _added(run, "old@hotmial.com")
    typed = b"a@gmial.com\nb@hotmial.com\nc@gmx.se\nd@gmial.com\n"
    said = run("import", LIST, "-", "--consent", "on paper", "--json", typed=typed)
    found = json.loads(said.stdout)
    assert found["fates"]["added"] == 4
    assert [(one["email"], one["why"]) for one in found["questions"]] == [
        ("a@gmial.com", "did you mean a@gmail.com?"),
        ("d@gmial.com", "did you mean d@gmail.com?"),
    ]


def test_the_last_owner_stays_owner_until_somebody_else_is_one(run: Run) -> None:
    _added(run, "anna@example.org", "--role", "owner")
    _added(run, "bo@example.org")
    refused = run("set", LIST, "anna@example.org", "--role", "member")
    assert refused.exit_code == 1
    assert "only owner" in str(refused.exception)
    assert run("set", LIST, "bo@example.org", "--role", "owner").exit_code == 0
    assert run("set", LIST, "anna@example.org", "--role", "member").exit_code == 0


@pytest.fixture
def kept_out(run: Run, store: Store) -> Run:
    """Keep three addresses out: one is dead, one said never, one is banned and complained."""
    with store.write() as session:
        number = roster.get_list(session, LIST).id
        suppression.suppress(session, "old@example.org", Reason.DEAD, 1.0)
        suppression.suppress(session, "anna@example.org", Reason.NEVER, 2.0)
        suppression.suppress(session, "eve@example.org", Reason.COMPLAINT, 3.0)
        session.add(Ban(list_id=number, address_key="eve@example.org", since=4.0, decided_by="x@y"))
    return run


def _barred(run: Run) -> list[tuple[str, str, str]]:
    rows = json.loads(run("barred", "--json").stdout)
    return [(row["address"], row["why"], row["list"]) for row in rows]


def test_who_is_kept_out_is_shown_with_the_reason(kept_out: Run) -> None:
    assert _barred(kept_out) == [
        ("old@example.org", "dead", ""),
        ("anna@example.org", "never-mail-me", ""),
        ("eve@example.org", "complaint", ""),
        ("eve@example.org", "banned", LIST),
    ]
    assert "1970-01-01T00:00:04" in kept_out("barred").stdout


def test_a_dead_address_and_a_ban_are_lifted_by_the_operator(kept_out: Run) -> None:
    assert kept_out("allow", "old@example.org", "--dry-run").exit_code == 0
    assert len(_barred(kept_out)) == 4
    assert kept_out("allow", "Old@example.org", "--yes").exit_code == 0
    lifted = kept_out("allow", "eve@example.org", "--list", LIST, "--yes", "--json")
    assert json.loads(lifted.stdout)["lifted"] == [f"banned on {LIST}"]
    assert [why for _, why, _ in _barred(kept_out)] == ["never-mail-me", "complaint"]
    assert kept_out("allow", "old@example.org", "--yes").exit_code == 1


@pytest.mark.parametrize("address", ["anna@example.org", "eve@example.org"])
def test_what_somebody_said_is_lifted_only_by_words_that_the_ledger_keeps(
    kept_out: Run, address: str
) -> None:
    refused = kept_out("allow", address, "--yes")
    assert refused.exit_code == 1
    assert "does not want mail" in str(refused.exception)
    assert len(_barred(kept_out)) == 4
    assert kept_out("allow", address, "--yes", "--consent", " ").exit_code == 2
    assert kept_out("allow", address, "--yes", "--consent", "by phone").exit_code == 0
    assert address not in {who for who, _, _ in _barred(kept_out)}
    (entry,) = json.loads(kept_out("export", address).stdout)["consent"]
    assert (entry["wording"], entry["confirmed_by"]) == ("by phone", "statement")
    assert entry["detail"] in {"never-mail-me, lifted", "complaint, lifted"}


def test_who_was_forgotten_cannot_be_allowed_again(run: Run) -> None:
    _added(run, "dana@example.org")
    run("forget", "dana@example.org", "--yes")
    refused = run("allow", "dana@example.org", "--yes")
    assert refused.exit_code == 1
    assert "was forgotten" in str(refused.exception)


def test_attributes_are_set_imported_shown_and_exported(run: Run) -> None:
    sheet = "email;Ort;Taggar;secret\nanna@example.net;Malmö;kör, styrelse;x\n"
    words = ("import", LIST, "-", "--consent", "x", "--attribute", "place=ort")
    assert run(*words, "--attribute", "tags=Taggar", typed=sheet.encode()).exit_code == 0
    run("set", LIST, "anna@example.net", "--attribute", "affiliation=partner")
    found = json.loads(run("show", LIST, "anna@example.net", "--json").stdout)["attributes"]
    assert found == {"affiliation": ["partner"], "place": ["Malmö"], "tag": ["kör", "styrelse"]}
    told = json.loads(run("export", "anna@example.net").stdout)["memberships"][0]["attributes"]
    assert told == found
    refused = run(*words[:-1], "plats=Plats", typed=sheet.encode())
    assert refused.exit_code == 2
    assert "no column" in str(refused.exception)
    pairs = ("--attribute", "place=Lund", "--attribute", "tags=choir,board")
    bo = ("add", LIST, "bo@example.net", "--consent", "x")
    assert "said twice" in str(run(*bo, *pairs, "--attribute", "tag=x").exception)
    assert run(*bo, "--attribute", "zone=Atlantis").exit_code == 2
    assert run(*bo, *pairs).exit_code == 0
    again = run(*bo, "--attribute", "place=Malmö")
    assert "What is known of them stays" in again.stderr
    known = json.loads(run("show", LIST, "bo@example.net", "--json").stdout)["attributes"]
    assert known == {"place": ["Lund"], "tag": ["board", "choir"]}


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--role", "advisor"], "nothing to do yet"),
    ],
)
def test_what_would_mean_nothing_is_refused_in_words(run: Run, words: list[str], why: str) -> None:
    run("add", LIST, "anna@example.org", "--consent", "asked")
    for command in (["set", LIST, "anna@example.org"], ["add", LIST, "bo@example.org"]):
        done = run(*command, *words, *(["--consent", "x"] if "add" in command else []))
        assert done.exit_code == 1
        assert why in str(done.exception)


def test_a_ban_is_shown_and_lifted_and_stands_once(run: Run) -> None:
    assert run("ban", LIST, "eve@example.com").exit_code == 0
    assert run("ban", LIST, "eve@example.com").exit_code == 1
    (row,) = json.loads(run("barred", "--json").stdout)
    assert (row["address"], row["why"], row["list"]) == ("eve@example.com", "banned", LIST)
    assert run("ban", LIST, f"friends-join@{LIST.partition('@')[2]}").exit_code == 1
    assert run("allow", "eve@example.com", "--list", LIST, "--yes").exit_code == 0
    assert json.loads(run("barred", "--json").stdout) == []


def test_a_members_posts_wait_go_out_or_are_as_the_list_has_it(run: Run, store: Store) -> None:
    run("add", LIST, "anna@example.org", "--consent", "said so")
    for posts, held in (("held", True), ("free", False), ("as-list", None)):
        assert run("moderate", LIST, "anna@example.org", "--posts", posts).exit_code == 0
        with store.read() as session:
            assert session.scalars(select(Membership)).one().moderated is held
    assert run("moderate", LIST, "nobody@example.org").exit_code == 1


def test_somebody_is_taken_off_once_and_a_rehearsal_takes_nobody_off(run: Run) -> None:
    run("add", LIST, "anna@example.org", "--consent", "said so")
    assert "would be off" in run("remove", LIST, "anna@example.org", "--dry-run").stderr
    assert run("remove", LIST, "anna@example.org").exit_code == 1  # nobody can be asked
    assert run("remove", LIST, "anna@example.org", "--yes").exit_code == 0
    (row,) = json.loads(run("ls", LIST, "--json").stdout)
    assert row["state"] == "left"
    assert run("remove", LIST, "anna@example.org", "--yes").exit_code == 1
