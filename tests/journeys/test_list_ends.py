"""A list gets another address, is deleted, comes back and is restored from a backup, on sockets."""

import smtplib
import urllib.request
from pathlib import Path

from mailer.rehearsal.sink import Caught, Sink, rehearsal
from tests.journeys.letters import mails_to, reply_to, send, settled, subject_of, text_of, wait_mail
from tests.tree import Krets, running

OLD, NEW = "friends@example.org", "garden@example.org"
OWNER, ANNA = "olga@example.se", "anna@example.net"


def refused(krets: Krets, to: str) -> str:
    """Return what the door says to mail for an address, "" where it takes it."""
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.ehlo()
        client.mail("eve@example.com")
        code, said = client.rcpt(to)
    return "" if code == 250 else f"{code} {said.decode()}"


def order(krets: Krets, out: list[Caught], words: str, of: str) -> str:
    """Order something by mail, say yes, and return the receipt's text."""
    seen = len(mails_to(out, OWNER))
    send(krets, OWNER, f"{of.partition('@')[0]}-request@example.org", words)
    asked = wait_mail(out, OWNER, seen + 1)
    send(krets, OWNER, reply_to(asked), "yes", subject=f"Re: {asked['Subject']}")
    settled(krets)
    done = [one for one in mails_to(out, OWNER)[seen:] if "done as you wished" in subject_of(one)]
    return text_of(done[-1])


def test_a_list_is_renamed_deleted_and_brought_back_by_mail_and_by_a_backup(
    tmp_path: Path, database_url: str
) -> None:
    out: list[Caught] = []
    kept = tmp_path / "kept.backup"
    with rehearsal(Sink(keep=out.append)) as relay:
        krets = Krets(tmp_path, f"smtp://127.0.0.1:{relay.port}", database_url)
        krets.krets("list", "create", OLD, "--title", "Friends")
        for who in (OWNER, ANNA):
            krets.krets("member", "add", OLD, who, "--consent", "asked")
        krets.krets("member", "set", OLD, OWNER, "--role", "owner")
        with running(krets):
            send(krets, ANNA, OLD, "Seeds?", subject="Seeds")
            settled(krets)
            order(krets, out, "Please change the address of the list to garden", OLD)
            send(krets, ANNA, OLD, "Still here?", subject="Still")
            settled(krets)
            copy = [one for one in mails_to(out, ANNA) if one["Subject"] == "Still"]
            assert [one["List-Post"] for one in copy] == [f"<mailto:{NEW}>"]
            with urllib.request.urlopen(f"http://127.0.0.1:{krets.http_port}/{OLD}/") as page:
                assert page.url.endswith(f"/{NEW}/")
            krets.krets("backup", str(kept))
            order(krets, out, "Please delete the list. Nobody writes any more.", OLD)
            assert subject_of(mails_to(out, ANNA)[-1]) == "Friends has ended"
            for local in ("friends", "garden", "garden-join"):
                assert "This list was deleted" in refused(krets, f"{local}@example.org")
            assert refused(krets, "garden-request@example.org") == ""
            order(krets, out, "Bring the list back, please", NEW)
            assert refused(krets, NEW) == ""
            assert subject_of(mails_to(out, ANNA)[-1]) == "Friends goes on"
        krets.krets("list", "delete", NEW, "--archive", "hide", "--yes")
        krets.krets("restore", str(kept), "--yes")
        (lst,) = krets.json("list", "ls")
        assert (bool(lst["deleted"]), lst["archive"]) == (True, "none")  # the backup is older
        krets.krets("list", "restore", NEW, "--yes")
        (lst,) = krets.json("list", "ls")
        assert (lst["deleted"], lst["archive"], lst["members"]) == ("", "public", 2)
