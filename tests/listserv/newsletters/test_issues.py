"""An issue's copies: one reader's words in each, safe in every part, and nobody else's."""

import email
import email.policy
import html
from dataclasses import replace
from email.message import EmailMessage
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from listserv.letters.post_headers import LEAVE, ListFace
from listserv.mailings import slots
from listserv.mailings.slots import FILLED, NAMED, variant_of
from listserv.newsletters.composing import issues, looks
from listserv.newsletters.composing.issues import ComposedIssue
from listserv.newsletters.writing import drafts
from mailer.ledger.splice import Segments, Wire
from subscriptions.lists.roster import LANGUAGES

FACE = ListFace("news@example.org", "Nytt & <nära>", "https://lists.example.org", False, True)
DRAFT = """---
subject: Hej {{ name }}, från {{ list }}
preheader: För {{ name }}
---
# Rubrik

Hej **{{ name }}**, [läs](https://a.example/?e={{ email }}&n={{ name }}&l={{ list }}).

.{{ name }} on {{ list }}

- {{ email }}
"""
PLAIN = "---\nsubject: News\n---\nHello all.\n"
HOSTILE = [
    "{{ email }}",
    "%s %(name)s {0}",
    "a\r\nBcc: x@y.z\r\n\r\n.\r\n",
    "\u202eevil\u2066",
    "<script>alert(1)</script>",
    '"><img src=x onerror=y>',
    "=?utf-8?q?x?=",
    "=0D=0A.",
    ".",
    "..",
    "Åsa  Öberg",
    "Мария",
    "--=_boundary",
    "&amp;",
]
names = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=120))


def issue(draft: str = DRAFT, **more: object) -> ComposedIssue:
    values = {"language": "sv", "message_id": "one@example.org", "at": 1.8e9, **more}
    return ComposedIssue(drafts.read(draft.encode()), FACE, **values)  # type: ignore[arg-type]


MADE = issues.compositions(issue())


def reader(
    name: str, address: str = "anna@example.net", language: str = "sv", made: object = None
) -> EmailMessage:
    variant = variant_of(language, named=bool(name), filled=True)
    return read(joined((made or MADE)[variant], name, address))  # type: ignore[index]


def joined(segments: Segments, name: str, address: str = "anna@example.net") -> bytes:
    return segments.join({**slots.values(name, address), LEAVE: b"abcdefgh"})


def read(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)  # type: ignore[return-value]


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found is not None
    return str(found.get_content())


OTHER = reader("0OTHER0")


def test_each_language_and_namelessness_is_composed_once() -> None:
    assert len(MADE) == 2 * len(LANGUAGES)
    assert len(issues.compositions(issue(PLAIN))) == len(LANGUAGES)


def test_a_copy_has_the_stated_headers() -> None:
    message = reader("Anna")
    assert message["From"].addresses[0].addr_spec == FACE.address
    assert message["To"].addresses[0].addr_spec == "anna@example.net"
    assert message["List-Post"] == "NO"
    assert message["List-Id"].endswith("<news.example.org>")
    assert message["List-Unsubscribe"] == (
        "<mailto:news-leave+abcdefgh@example.org>,"
        " <https://lists.example.org/news@example.org/leave/abcdefgh>"
    )
    assert message["List-Unsubscribe-Post"] is None
    assert (message["Precedence"], message["Content-Language"]) == ("list", "sv")
    for name in ("List-Help", "List-Owner", "List-Archive", "Date", "Message-ID"):
        assert message[name]
    signed = issues.compositions(replace(issue(), face=replace(FACE, one_click=True)))
    assert reader("Anna", made=signed)["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_the_foot_says_who_sends_and_how_to_leave_in_the_readers_language() -> None:
    imprint = issues.Imprint("Ingrid Lund", "Hamngatan 12")
    made = issues.compositions(issue(imprint=imprint, permalink="https://l.example/m/x/"))
    for kind in ("plain", "html"):
        shown = part(reader("Anna", language="it", made=made), kind)
        assert "Ingrid Lund, Hamngatan 12" in shown
        assert "/leave/abcdefgh" in shown
        assert "perché" in shown
        assert "Rubrik" in shown
    assert "https://l.example/m/x/" in shown


@settings(max_examples=50)
@given(names)
def test_a_name_stands_as_it_is_in_every_part_and_changes_nothing_around_it(name: str) -> None:
    shown = slots.shown(name) or "x"
    message = reader(shown)
    assert f"Hej *{shown}*," in part(message, "plain")
    assert f".{shown} on Nytt & <nära>" in part(message, "plain")
    assert message["Subject"].replace(" ", "") == f"Hej {shown}, från {FACE.title}".replace(" ", "")
    expected = part(OTHER, "html").replace("n=0OTHER0", f"n={quote(shown, safe='@')}")
    assert part(message, "html") == expected.replace("0OTHER0", html.escape(shown))
    assert message.keys() == OTHER.keys()
    assert not message.defects


@settings(max_examples=20)
@given(st.lists(names, min_size=2, max_size=4, unique=True))
def test_no_slot_of_one_member_appears_in_the_copy_of_another(people: list[str]) -> None:
    marked = [f"{number}zq{name}" for number, name in enumerate(people)]
    for number, name in enumerate(marked):
        message = reader(name, f"reader{number}@example.net")
        everything = message["Subject"] + part(message, "plain") + part(message, "html")
        for other in range(len(people)):
            if other != number:
                assert f"{other}zq" not in everything
                assert f"reader{other}@" not in everything


SPOKEN = """---
subject: Leaves
language: en
---
# Leaves

Hello {{ name }}.

language: sv
subject: Löv
preheader: Hälsningar

# Löv

Hej {{ name }}.
"""


def test_readers_get_their_own_language_and_others_the_first() -> None:
    made = issues.compositions(issue(SPOKEN))
    swede, russian = reader("Åsa", made=made), reader("Иван", language="ru", made=made)
    assert (swede["Subject"], swede["Content-Language"]) == ("Löv", "sv")
    assert "Hej Åsa." in part(swede, "plain")
    assert 'lang="sv"' in part(swede, "html")
    assert "Leaves" not in part(swede, "plain") + part(swede, "html")
    assert (russian["Subject"], russian["Content-Language"]) == ("Leaves", "en")
    assert "Hello Иван." in part(russian, "plain")
    assert "Hej." in part(reader("", made=made), "plain")
    kept = part(read(issues.archived(issue(SPOKEN))), "html")
    assert '<div lang="en">' in kept
    assert kept.index("Leaves") < kept.index('<div lang="sv">') < kept.index("<h1>Löv</h1>")


def body(raw: bytes) -> bytes:
    return raw.partition(b"\r\n\r\n")[2]


@settings(max_examples=15, deadline=None)  # a thousand: test_ten_thousand.py
@given(names, st.sampled_from(LANGUAGES))
def test_the_body_that_is_sent_is_the_body_that_was_proved(name: str, language: str) -> None:
    leave = "abcdefgh"
    proved = issues.proof(issue(), name, "a@b.example", language, leave, message_id="p@b.example")
    variant = variant_of(language, named=bool(name), filled=True)
    sent = joined(MADE[variant], name, "a@b.example")
    assert body(proved) == body(sent)
    assert read(proved)["Subject"] != read(sent)["Subject"]
    assert read(proved)["Message-ID"] == "<p@b.example>"


@pytest.mark.parametrize("draft", [DRAFT, PLAIN])
def test_the_same_draft_is_composed_to_the_same_bytes_whenever_and_under_whatever_id(
    draft: str,
) -> None:
    one = issues.compositions(issue(draft))
    other = issues.compositions(issue(draft, message_id="two@example.org", at=1.9e9))
    assert issues.body_digest(one) == issues.body_digest(other)
    for variant in one:
        assert one[variant].slots == other[variant].slots
        assert body(b"\0".join(one[variant].parts)) == body(b"\0".join(other[variant].parts))
    changed = issues.compositions(issue(draft.replace("all", "everybody").replace("Hej", "Hallå")))
    assert issues.body_digest(one) != issues.body_digest(changed)


def test_an_issue_is_rendered_once_for_each_language_and_for_the_nameless_not_per_reader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rendered = []
    real = looks.set_issue

    def count(*arguments: object) -> str:
        rendered.append(arguments)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(issues, "set_issue", count)
    made = issues.compositions(issue())
    for number in range(100):
        reader(f"Reader {number}", made=made)
    assert len(rendered) == 2 * len(LANGUAGES)
    issues.compositions(issue(PLAIN))
    assert len(rendered) == 3 * len(LANGUAGES)


def test_values_in_the_address_of_a_link_are_percent_encoded() -> None:
    message = reader("a&b=c d#/?", "x+y@example.net")
    for kind in ("plain", "html"):
        shown = part(message, kind)
        assert "e=x%2By@example.net" in shown
        assert "n=a%26b%3Dc%20d%23%2F%3F" in shown
        assert "l=Nytt%20%26%20%3Cn%C3%A4ra%3E" in shown


def test_who_has_no_name_reads_a_text_that_misses_none() -> None:
    message = reader("")
    assert message["Subject"] == f"Hej, från {FACE.title}"
    assert "Hej, läs [1]" in part(message, "plain")


@pytest.mark.parametrize("name", HOSTILE)
def test_lines_on_the_wire_are_short_ascii_and_end_only_at_the_end(name: str) -> None:
    segments = MADE[variant_of("ru", named=True, filled=True)]
    wire = Wire(segments).join({**slots.values(name * 9, "a@example.net"), LEAVE: b"abcdefgh"})
    assert wire.isascii()
    assert wire.count(b"\r\n.\r\n") == 1
    assert wire.endswith(b"\r\n.\r\n")
    assert b"\n" not in wire.replace(b"\r\n", b"")
    assert max(map(len, wire.split(b"\r\n"))) <= 998


def test_the_archives_copy_is_nobodys() -> None:
    raw = issues.archived(issue())
    message = read(raw)
    assert message["To"].addresses[0].addr_spec == FACE.address
    assert message["List-Unsubscribe"] is None
    assert b"leave" not in raw
    assert "<p>Hej, <a href=" in part(message, "html")
    assert "prefers-color-scheme" not in part(message, "html")


def test_a_variant_says_language_and_slots() -> None:
    assert variant_of("sv", named=False, filled=False) == 0
    assert variant_of("en", named=True, filled=True) & (NAMED | FILLED) == NAMED | FILLED
    assert variant_of("xx", named=False, filled=False) == variant_of(
        "en", named=False, filled=False
    )
