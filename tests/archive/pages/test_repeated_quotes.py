"""Echoes: what stands on a thread's page once is not shown again, and nothing else is hidden."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.erasure.redaction import Request, apply, prepare
from archive.filing.mail_threading import place
from archive.pages import page_frame
from archive.pages.repeated_quotes import LINES, Above
from archive.site import build
from archive.site import whole_archive as whole
from mailer.reading.headers.head_facts import permalink_hash
from mailer.reading.quotes import LineBlock, LineKind, split
from mailer.storage.store import Store, put_raw
from subscriptions.lists.roster import MailList
from tests.cost import cost

ARRIVAL = 1_700_000_000.0
BASE = "https://lists.example.org"
LONG = "".join(f"The word number {n} of many that were said here.\n" for n in range(9))
Write = Callable[..., bytes]


def above(**said: str) -> Above:
    told = Above()
    for name, text in said.items():
        told.hear(name, split(text).blocks)
    return told


def marked(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}\n" for line in text.splitlines())


def test_a_quote_that_stands_above_is_led_to() -> None:
    """Whole, in part, wrapped anew, or with a mail's head around it; first words shown."""
    told = above(
        a=LONG, b="Yes, that is my view of it.\n\nOn 3 Mar 2025, A wrote:\n" + marked(LONG)
    )
    whole = told.echo(marked(LONG), [])
    assert whole is not None
    assert (whole.source, whole.lines, whole.rest) == ("a", 9, "")
    assert whole.begin == "The word number 0 of many that were said here. The word…"
    assert told.echo(marked(LONG.partition("\n")[2]), ["a"]) is not None
    greeted = above(a="Hello all,\n\nthis is my view of it.\n")
    assert (found := greeted.echo("> Hello all,\n>\n> this is my view of it.\n", ["a"]))
    assert found.begin == "Hello all, this is my view of it."
    wrapped = re.sub(r"(word|many) ", r"\1\n", LONG)
    assert (again := told.echo(marked(wrapped), ["a"])) is not None
    assert again.rest == ""
    head = "-----Original Message-----\nFrom: B <b@x.example>\nSent: Monday\nSubject: Re: it\n\n"
    outlook = head + "Yes, that is my view of it.\n\nOn 3 Mar 2025, A wrote:\n" + marked(LONG)
    assert (found := told.echo(outlook, ["b", "a"])) is not None
    assert (found.source, found.begin, found.rest) == ("b", "Yes, that is my view of it.", "")


def test_words_that_stand_nowhere_above_are_kept() -> None:
    """A few lines of their own are a fold beside the link; a quote that is mostly new stays."""
    told = above(a=LONG)
    assert (mixed := told.echo(marked(LONG) + "> This is said by nobody above.\n", ["a"]))
    assert mixed.rest == "> This is said by nobody above."
    assert told.echo(marked("Something else altogether.\nAnd more of it.\n"), ["a"]) is None
    assert above(a="Yes.\n").echo("> No.\n> Yes.\n> Never, said a third.\n", ["a"]) is None
    assert told.echo("> x\n" * (LINES + 1), ["a"]) is None


@given(st.lists(st.text("ab >.", max_size=12), max_size=12), st.integers(0, 12))
def test_every_line_of_an_echo_stands_above_or_in_its_rest(lines: list[str], cut: int) -> None:
    """No line of a quote is lost, but for those that only say who wrote it."""
    text = "\n".join(lines[:cut])
    told = Above()
    told.hear("a", [LineBlock(LineKind.OWN, text)])
    found = told.echo("\n".join(f"> {line}" for line in lines), ["a"])
    if found is not None:
        left = [re.sub(r"[ >]", "", line) for line in found.rest.split("\n")]
        said = [re.sub(r"[ >]", "", line) for line in text.split("\n")]
        for line in lines:
            bare = re.sub(r"[ >]", "", line)
            assert not bare or bare in said or bare in left or bare in "".join(said)


@pytest.mark.no_cover
def test_hostile_quotes_cost_linear_time() -> None:
    """Many lines that are nearly known, deep ancestors, one line without an end."""
    told = Above()
    for name in "abcd":
        told.hear(name, [LineBlock(LineKind.OWN, f"{name}x" * 250_000)])
    text = "".join(f"> {'abx' * (n % 50 + 7)}{n}\n" for n in range(LINES - 1))
    found = []
    assert cost(lambda: found.append(told.echo(text, "abcd"))) < 10
    assert cost(lambda: found.append(told.echo("> " + "ax" * 90_000, "abcd"))) < 10
    assert found[0] is None
    assert found[1] is not None


def test_a_page_says_each_thing_once(
    store: Store, circle: MailList, mail: Write, tmp_path: Path
) -> None:
    """A quote leads to its message, a signature stands once; what is redacted is in no link."""
    sign = "-- \nBo, who signs\n"
    first = mail("a", body=f"The secret word is mellon.\n{LONG}{sign}")
    quoted = marked(f"The secret word is mellon.\n{LONG}")
    second = mail("b", "a", at=1, body=f"Yes.\n\nOn 3 Mar 2025, A wrote:\n{quoted}{sign}")
    with store.write() as session:
        for raw, sha in zip((first, second), put_raw(session, (first, second)), strict=True):
            place(session, circle, raw, sha, ARRIVAL)
    build.render_dirty(store, tmp_path, BASE)
    root = permalink_hash("a@x")
    page = tmp_path / "public" / "circle@example.org" / "t" / root / "index.html"
    html = page.read_text(encoding="utf-8")
    spot = page_frame.spot(root)
    assert f'<a href="#{spot}">A Person, 10 quoted lines</a> <q>The secret word' in html
    assert html.count("The word number 3") == 1
    assert html.count("who signs") == 1
    with store.write() as session:
        plan = prepare(session, circle, Request(messages=(f"{BASE}/t/{root}/#{spot}",)))
        apply(session, circle, plan, ARRIVAL)
    whole.build(store, tmp_path, BASE, circle)
    html = page.read_text(encoding="utf-8")
    assert "mellon" not in html
    assert "taken out" in html
