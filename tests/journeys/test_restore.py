"""What was under way, or decided by people, when a backup was taken and restored later."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from mailer.rehearsal.sink import Caught, Moment, Sink, SinkReply, rehearsal
from tests.journeys.letters import reply_to, wait_mail
from tests.journeys.letters import send as write
from tests.journeys.test_parts import PEOPLE, a_post, make_list, send, the_end
from tests.tree import Krets, running, wait_for

FRIENDS, OTHERS = "friends@example.org", "others@example.org"
READERS = [PEOPLE[0], *(f"reader{number}@example.net" for number in range(199))]


def lingering(many: int = 60) -> Callable[[Moment, Caught], SinkReply | None]:
    """Take so many copies, each in its time; think about the others until the plug is pulled."""
    taken: list[str] = []

    def answer(moment: Moment, caught: Caught) -> SinkReply | None:
        if moment is not Moment.DOT:
            return None
        taken.append(caught.recipient)
        return SinkReply(delay=0.15 if len(taken) <= many else 60)

    return answer


def test_what_may_have_been_mailed_since_is_named_and_mailed_only_by_a_decision(
    tmp_path: Path, database_url: str
) -> None:
    before: list[Caught] = []
    after: list[Caught] = []
    kept = tmp_path / "kept.backup"
    (tmp_path / "old").mkdir()
    with rehearsal(Sink(script=lingering(), keep=before.append)) as relay:
        old = Krets(tmp_path / "old", f"smtp://127.0.0.1:{relay.port}", database_url)
        make_list(old, FRIENDS, READERS)
        make_list(old, OTHERS, PEOPLE)
        with running(old):
            send(old, a_post(1))
            wait_for("some copies", lambda: len(before) >= 30)
            old.krets("backup", str(kept))
            assert len(before) < len(READERS)  # it was written in mid-mailing
            old.kill_tree()
    had = {caught.recipient for caught in before}

    (tmp_path / "new").mkdir()
    with rehearsal(Sink(keep=after.append)) as relay:
        new = Krets(tmp_path / "new", f"smtp://127.0.0.1:{relay.port}")
        journal = tmp_path / "old" / "data" / "permissions.journal"
        told = new.run("restore", str(kept), "--journal", str(journal))
        assert told.returncode == 0, told.stderr
        assert "Decide with: krets queue decide" in told.stderr
        with running(new):
            send(new, a_post(2, OTHERS), OTHERS)  # new mail travels, decided or not
            wait_for("the new post", lambda: len(after) >= len(PEOPLE))
            (standing,) = new.json("queue", "decide")
            found = new.json("queue", "mailing", str(standing["mailing"]))
            state = {one["address"]: one["state"] for one in found}
            assert Counter(state.values()).keys() == {"accepted", "unsure"}
            accepted = {who for who, where in state.items() if where == "accepted"}
            unsure = state.keys() - accepted
            assert (accepted <= had, len(unsure)) == (True, standing["unsure"])
            assert state.keys() == set(READERS)
            assert {caught.recipient for caught in after} == set(PEOPLE)
            assert len(after) == len(PEOPLE)  # nobody of the old mailing got anything

            new.krets("queue", "decide", "--policy", "never-miss", "--yes")
            everybody = len(PEOPLE) + len(unsure)
            wait_for("the unsure to be mailed", lambda: len(after) >= everybody)
            wait_for("its end", lambda: not any(new.json("queue", "ls").values()))
            assert new.json("queue", "decide") == []
    again = Counter(caught.recipient for caught in after if b"Subject: Post 1\r\n" in caught.raw)
    assert again == dict.fromkeys(unsure, 1)
    assert had | again.keys() == set(READERS)


def test_who_left_after_the_backup_gets_nothing_after_its_restore_whatever_was_cut(
    tmp_path: Path, database_url: str
) -> None:
    out: list[Caught] = []
    kept = tmp_path / "kept.backup"
    anna, boris, chiara = PEOPLE
    with rehearsal(Sink(keep=out.append)) as relay:
        krets = Krets(tmp_path, f"smtp://127.0.0.1:{relay.port}", database_url)
        make_list(krets, FRIENDS, PEOPLE)
        krets.krets("backup", str(kept))
        with running(krets):
            for who in (boris, chiara):
                write(krets, who, "friends-leave@example.org", "")
                write(krets, who, reply_to(wait_mail(out, who)), "")
                left = wait_mail(out, who, 2)
            write(krets, chiara, reply_to(left), "Undo")
            wait_mail(out, chiara, 3)
            # On PostgreSQL a killed worker's lease outlives it, and nothing is restored meanwhile.
            krets.stop() if database_url else krets.kill_tree()
        told = krets.run("restore", str(kept), "--yes")
        assert (told.returncode, "is missing" in told.stderr) == (0, False), told.stderr
        out.clear()
        with running(krets):
            send(krets, a_post(2, FRIENDS), FRIENDS)
            the_end(krets)
    assert {one.recipient for one in out} == {anna, chiara}


def test_without_the_journal_nothing_leaves_until_a_person_lets_it(
    tmp_path: Path, database_url: str
) -> None:
    out: list[Caught] = []
    kept = tmp_path / "kept.backup"
    with rehearsal(Sink(keep=out.append)) as relay:
        krets = Krets(tmp_path, f"smtp://127.0.0.1:{relay.port}", database_url)
        make_list(krets, FRIENDS, PEOPLE)
        krets.krets("backup", str(kept))
        (tmp_path / "data" / "permissions.journal").unlink()
        told = krets.run("restore", str(kept), "--yes")
        assert "Nothing leaves until you decide" in told.stderr, told.stderr
        with running(krets):
            send(krets, a_post(1, FRIENDS), FRIENDS)
            wait_for("the post to be decided", lambda: krets.json("queue", "ls")["mailings"])
            (waiting,) = krets.json("queue", "ls")["mailings"]
            assert (out, waiting["state"]) == ([], "sending")
            krets.krets("queue", "decide", "--policy", "never-twice", "--yes")
            the_end(krets)
    assert {one.recipient for one in out} == set(PEOPLE)
