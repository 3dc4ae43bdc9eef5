"""An owner's tag, footer and Reply-To reach every member, each in their own language."""

import email
import email.policy
import json
import re
import smtplib

from mailer.rehearsal.sink import Caught
from tests.tree import Krets, wait_for

LIST = "friends@example.org"
POST = (
    b"From: Anna <anna@example.net>\r\nTo: friends@example.org\r\nSubject: Beans\r\n"
    b"Message-ID: <beans@example.net>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0100\r\n"
    b"DKIM-Signature: v=1; a=rsa-sha256; d=example.net; s=x; h=from:subject; bh=x; b=y\r\n"
    b"\r\nThey grow.\r\n"
)


def test_tag_footer_and_reply_to_stand_in_every_copy_in_its_readers_language(
    krets: Krets, outbox: list[Caught]
) -> None:
    krets.krets("list", "create", LIST, "--title", "Friends", "--language", "en")
    for person, language in (
        ("anna@example.net", "en"),
        ("bo@example.com", "sv"),
        ("vera@example.com", "ru"),
    ):
        krets.krets("member", "add", LIST, person, "--consent", "asked", "--language", language)
    krets.krets(
        "list", "set", LIST, "--subject-tag", "[Friends]", "--reply-to-list",
        "--footer", "Garden Street 3",
    )  # fmt: skip
    krets.krets("list", "set", LIST, "--footer", "Trädgårdsgatan 3", "--footer-language", "sv")
    (krets.folder / "post.eml").write_bytes(POST)
    told = json.loads(
        krets.krets("explain", "post", LIST, str(krets.folder / "post.eml"), "--json")
    )
    assert told["costs"] == [
        {"option": "subject_tag", "breaks": ["example.net"]},
        {"option": "reply_to_list", "breaks": []},
        {"option": "footer", "breaks": ["example.net"]},
    ]
    krets.start()
    with smtplib.SMTP("127.0.0.1", krets.smtp_port, timeout=60) as client:
        client.sendmail("anna@example.net", [LIST], POST)
    wait_for("three copies", lambda: len(outbox) >= 3)
    texts, tokens = {}, set()
    for caught in outbox:
        message = email.message_from_bytes(caught.raw, policy=email.policy.default)
        assert message["Subject"] == "[Friends] Beans"
        assert message["Reply-To"] == f"<{LIST}>" or message["Reply-To"] == LIST
        body = message.get_body(("plain",))
        said = "".join(
            part.get_content() for part in message.walk() if part.get_content_type() == "text/plain"
        )
        assert body is not None
        texts[caught.recipients[0]] = said
        (token,) = re.findall(r"/leave/([a-z2-7]{26})", said)
        tokens.add(token)
        assert f"leave+{token}@" in message["List-Unsubscribe"]
    assert len(tokens) == 3
    assert "Garden Street 3" in texts["anna@example.net"]
    assert "You get this as a member of Friends" in texts["anna@example.net"]
    assert "Trädgårdsgatan 3" in texts["bo@example.com"]
    assert "som medlem i Friends" in texts["bo@example.com"]
    assert "Garden Street 3" in texts["vera@example.com"]
    assert "как участник рассылки" in texts["vera@example.com"]


def test_a_newsletter_is_told_that_it_has_no_posts_to_tag(krets: Krets) -> None:
    krets.krets("list", "create", "news@example.org", "--kind", "newsletter")
    for words in (["--subject-tag", "[N]"], ["--footer", "Below"], ["--reply-to-list"]):
        done = krets.run("list", "set", "news@example.org", *words)
        assert done.returncode == 2
        assert "newsletter has none" in done.stderr
