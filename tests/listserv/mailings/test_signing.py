"""Keys are made and rotated by command, and one-click leaving is offered where it can be kept."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert

from listserv.cli.cures import cure_of
from listserv.cli.dkim import dkim
from listserv.letters.notices import HANDED_ON
from listserv.letters.post_headers import ONE_CLICK, ListFace, Trace, compose
from listserv.mailings import signing
from listserv.mailings.delivery import make_sender
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.authentication import dkim_keys
from mailer.errors import KretsError
from mailer.ledger import mailings
from mailer.ledger.mailings import MailingView, Recipient, UnsurePolicy
from mailer.ledger.splice import Segments
from mailer.reading import message
from mailer.rehearsal.sink import Caught, Sink, accept, rehearsal
from mailer.storage.store import Store

DOMAIN = "lists.example.org"
VIEW = MailingView(1, "post", f"friends@{DOMAIN}", "m@x", UnsurePolicy.NEVER_MISS, 9e9)
LETTER = Segments((b"From: a@x.org\r\n\r\nHi\r\n",))


@pytest.fixture
def app(store: Store, tmp_path: Path) -> App:
    made = App(load({"KRETS_MAILER__DATA": str(tmp_path)}))
    made.__dict__["store"] = store
    return made


def run(app: App, *words: str) -> Result:
    result = CliRunner().invoke(dkim, words, obj=app)
    if result.exception and not isinstance(result.exception, KretsError | SystemExit):
        raise result.exception
    return result


def test_keys_are_made_listed_published_and_rotated(app: App) -> None:
    made = json.loads(run(app, "new", "Lists.Example.org", "--json").stdout)
    assert [key["algorithm"] for key in made] == ["rsa-sha256", "ed25519-sha256"]
    assert {key["domain"] for key in made} == {DOMAIN}
    later = run(app, "new", DOMAIN, "--selector", "second")
    assert "keep the old ones" in later.stderr
    assert later.stdout.startswith(f'second-r._domainkey.{DOMAIN}. IN TXT ( "v=DKIM1; k=rsa; p=')
    listed = json.loads(run(app, "ls", "--json").stdout)
    assert [key["state"] for key in listed] == ["signing", "signing", "waiting", "waiting"]
    assert [bool(key["remove_after"]) for key in listed] == [True, True, False, False]
    assert len(run(app, "dns", DOMAIN).stdout.splitlines()) == 4
    assert "signs from" in run(app, "ls").stdout
    run(app, "new", DOMAIN, "--selector", "third", "--at-once")
    listed = json.loads(run(app, "ls", "--json").stdout)
    assert {key["selector"] for key in listed if key["state"] == "signing"} == {
        "third-r",
        "third-e",
    }


def test_a_domain_without_keys_is_told_how_to_make_them(app: App) -> None:
    assert "krets dkim new" in run(app, "ls").stderr
    refused = run(app, "dns", DOMAIN).exception
    assert isinstance(refused, KretsError)
    assert "krets dkim new" in cure_of(refused)


@pytest.mark.parametrize(
    ("base_url", "sign", "keys", "offered"),
    [
        ("https://x.org", "krets", True, True),
        ("https://x.org", "krets", False, False),
        ("https://x.org", "relay", False, True),
        ("https://x.org", "nobody", True, False),
        ("http://x.org", "krets", True, False),
        ("http://x.org", "relay", True, False),
    ],
)
def test_one_click_needs_https_and_a_signature(
    store: Store, base_url: str, sign: str, *, keys: bool, offered: bool
) -> None:
    settings = load({"KRETS_LISTSERV__BASE_URL": base_url, "KRETS_MAILER__SIGN": sign})
    with store.write() as session:
        if keys:
            dkim_keys.new_keys(session, DOMAIN, selector="k", now=0.0, starts=0.0)
        assert signing.one_click(session, settings, DOMAIN, 1.0) is offered
        signs = signing.stamping(settings, lambda: 1.0)(session, VIEW, LETTER) is not None
        assert signs is (keys and sign == "krets")


def test_a_strangers_letter_to_the_owners_does_not_get_our_signature(store: Store) -> None:
    """Its From may name somebody of our own domain: our signature would make that believed."""
    notice = MailingView(1, "notice", f"friends@{DOMAIN}", "m@x", UnsurePolicy.NEVER_MISS, 9e9)
    letter = Segments((f"{HANDED_ON}192.0.2.1\r\nFrom: boss@{DOMAIN}\r\n\r\nPay\r\n".encode(),))
    stamping = signing.stamping(load({}), lambda: 1.0)
    with store.write() as session:
        dkim_keys.new_keys(session, DOMAIN, selector="k", now=0.0, starts=0.0)
        assert stamping(session, notice, letter) is None
        assert stamping(session, notice, LETTER) is not None


@pytest.mark.parametrize(
    ("sender", "signed"),
    [
        ("a@x.org", True),
        (f"boss@{DOMAIN}", False),
        ("boss@example.org", False),
        ("a@keys.club.net", False),
        ("", False),
    ],
)
def test_a_post_is_not_signed_for_a_writer_whom_that_would_vouch_for(
    store: Store, sender: str, *, signed: bool
) -> None:
    """Whoever released it: our signature, or our return path, would make DMARC pass."""
    settings = load({"KRETS_LISTSERV__BASE_URL": "https://x.org"})
    raw = f"From: {sender}\r\nSubject: Pay\r\n\r\nPay\r\n".encode()
    letter = Segments((b"Received: from 192.0.2.1\r\n", raw), ("leave",))
    with store.write() as session:
        for domain in (DOMAIN, "club.net"):
            dkim_keys.new_keys(session, domain, selector="k", now=0.0, starts=0.0)
        post = signing.AuthoredMail(message.head(raw))
        stamp = signing.stamping(settings, lambda: 1.0)(session, VIEW, letter)
        assert (stamp is not None) is signed
        assert signing.one_click(session, settings, DOMAIN, 1.0, post) is signed


@pytest.mark.parametrize("offered", [True, False])
def test_the_one_click_field_stands_below_the_unsubscribe_field(*, offered: bool) -> None:
    face = ListFace(f"friends@{DOMAIN}", "Friends", "https://x.org", True, True, offered)
    trace = Trace("192.0.2.1", "mx.example.org", "ESMTP", 7, 0.0, DOMAIN)
    raw = b"From: a@x.org\r\n\r\nHi\r\n"
    copy = compose(raw, message.head(raw), face, trace, "").join({"leave": b"token"})
    assert (b"leave/token>\r\n" + ONE_CLICK in copy) is offered


def test_what_the_relay_gets_is_signed(app: App) -> None:
    caught: list[Caught] = []
    with rehearsal(Sink(accept, keep=caught.append)) as sink:
        app.settings = load({"KRETS_MAILER__RELAYS": f"smtp://127.0.0.1:{sink.port}"})
        with app.store.write() as session:
            dkim_keys.new_keys(session, DOMAIN, selector="k", now=0.0, starts=0.0)
            mailing = mailings.create_mailing(
                session,
                kind="notice",
                list_address=VIEW.list_address,
                message_id="m@x",
                policy="never-miss",
                compositions={0: LETTER},
                created=0.0,
                expires_at=9e9,
            )
            row = {"mailing_id": mailing, "ref": 0, "address": "bo@x.org", "bucket": "x.org"}
            session.execute(insert(Recipient), [row])
            mailings.open_mailing(session, mailing, now=0.0)
        sender = make_sender(app)
        assert sender.run_slice(5.0).accepted == 1
        sender.close()
    assert caught[0].raw.startswith(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;")
    assert caught[0].raw.count(b"DKIM-Signature:") == 2
    assert caught[0].raw.endswith(LETTER.parts[0])
