"""Quotes: own words are told from quoted ones, in many languages."""

from pathlib import Path

import pytest

from mailer.reading.prose import ParagraphSetting, paragraphs
from mailer.reading.quotes import MAX_BLOCKS, LineKind, split

# Two that lists would suffer from (a short answer below a quote is an answer), two curiosities.
KNOWN = {"embedded_email_1.txt", "embedded_email_german_6.txt", "spam_1.txt"}


def tidy(text: str) -> str:
    """Return ``text`` without blank lines at its ends, doubled ones and ends of lines."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    return "\n".join(line for n, line in enumerate(lines) if line or lines[n - 1])


def test_real_replies_are_trimmed_as_people_would(corpora: Path) -> None:
    """Of 64 real replies all but the known ones come out as expected."""
    wrong = set()
    for path in sorted((corpora / "replies" / "emails").iterdir()):
        text = path.read_bytes().decode("utf-8", "replace")
        expected = (corpora / "replies" / "trimmed" / path.name).read_text(encoding="utf-8")
        if tidy(split(text).trimmed) != tidy(expected):
            wrong.add(path.name)
    assert wrong <= KNOWN


@pytest.mark.parametrize(
    "attribution",
    [
        "Den mån 3 mars 2025 kl 10:12 skrev Anna Ek <anna@example.org>:",
        "Il giorno lun 3 mar 2025 alle ore 10:12 Anna <anna@example.org> ha scritto:",
        "În lun., 3 mar. 2025 la 10:12, Anna <anna@example.org> a scris:",
        "пн, 3 мар. 2025 г. в 10:12, Anna <anna@example.org>:",
        "3 марта 2025 г., Анна написала:",
        "Op ma 3 mrt 2025 om 10:12 schreef Anna <anna@example.org>:",
        "On Mon, 3 Mar 2025 at 10:12, Anna <anna@example.org> wrote:",
        "Anna Ek, le mer. 16 déc. 2020 20:54:56 -0600, a ecrit:",
    ],
)
def test_an_attribution_is_quoted_in_each_language(attribution: str) -> None:
    """The line above a quote is not the writer's own."""
    found = split(f"My words.\n\n{attribution}\n> Yours.\n> More.\n")
    assert found.text == "My words."
    assert attribution in found.quoted


def test_answers_between_quotes_are_own_words() -> None:
    """Interleaved answers are all kept, the last short one too."""
    found = split("On 3 Mar 2025, Anna wrote:\n> One?\n\nYes.\n\n> Two?\n\nNo.\n-- \nBo\n")
    assert found.text == "Yes.\n\nNo."
    assert found.signature == "--\nBo"


def test_a_forwarded_mail_without_a_word_is_shown() -> None:
    """A mail that only forwards has the forwarded text for its own."""
    text = "-------- Original Message --------\nFrom: A\nDate: B\nSubject: C\n\nThe text.\n"
    assert split(text).text == "The text."


def test_the_footer_of_a_list_is_no_word_of_ours() -> None:
    """Mailman's footer is set apart."""
    found = split(
        "Hello.\n_______________________________________________\n"
        "Circle mailing list\nCircle@example.org\n"
    )
    assert found.text == "Hello."


def test_hard_wrapped_prose_flows_and_verse_and_code_stay() -> None:
    """Paragraphs are set for reading."""
    wrapped = "This line was broken by a mail program at about seventy characters,\nand goes on."
    assert [p.kind for p in paragraphs(wrapped)] == [ParagraphSetting.PROSE]
    assert paragraphs("Roses are red,\nviolets are blue.")[0].kind is ParagraphSetting.LINES
    assert paragraphs("    $ make test\n    ok")[0].kind is ParagraphSetting.CODE


def test_a_drawn_table_is_no_quote() -> None:
    """Its bars stand on both sides."""
    table = "Look:\n\n+---+---+\n| a | b |\n+---+---+\n"
    assert split(table).text == table.rstrip()


def test_more_turns_than_a_letter_has_are_put_together_and_nothing_is_lost() -> None:
    """A quarter of a million turns are few blocks; own words and quotes stay apart."""
    found = split("> a\nb\n" * 15_000)
    assert len(found.blocks) <= MAX_BLOCKS + len(LineKind)
    assert found.text.split() == ["b"] * 15_000
    assert found.quoted.count("> a") == 15_000


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "line",
    ["On 1 " + "1 " * 480, "x " * 490, "a@b " * 240, "On 1 " + "x@y 1 " * 150, "On 1 <" * 160],
)
def test_half_a_megabyte_of_near_attributions_is_linear(line: str) -> None:
    """Each took minutes when one pattern judged it."""
    split(f"{line}wrote:\n" * (500_000 // len(line)))


@pytest.mark.parametrize(
    "text",
    [
        "Section 1\n______________________\n\nSection 2\n__________________________\n\nEnd",
        "First.\n\u2014\nSecond, and more of it.",
        "On Monday she wrote:\n\nwe will come at nine.\n\nSo be ready.",
        "Il giorno 5 marzo ha scritto:\n\nnon vengo.",
        "Den 3 maj skrev styrelsen:\n\nAlla f\u00e5r komma.",
        "From: the car park\nTo: the lake\n\nTwo hours on foot.",
        "Sent from the office: three boxes.\nPlease count them.",
        "Here it is.\n\nSent from my desk, which is much easier than my phone.",
        "Inviato da chi? Nessuno lo sa ancora, e forse mai.",
    ],
)
def test_own_words_that_look_like_a_programs_stay_own(text: str) -> None:
    assert split(text).text == text


@pytest.mark.parametrize(
    ("text", "own"),
    [
        ("Yes.\n\nSent from my iPhone", "Yes."),
        ("Yes.\n\nSent from my cell, please excuse any typos.", "Yes."),
        ("Yes.\n\nFrom: Bo <bo@example.org>\nTo: Anna\nSubject: x\n\nHello", "Yes."),
        ("Yes.\n\nOn 11-Apr-2011, at 6:54 PM, Bo <bo@example.org> sent:\n\n> Hello", "Yes."),
        ("> Who comes?\n> Bo\n\nI do.", "I do."),
    ],
)
def test_what_programs_add_is_not_own(text: str, own: str) -> None:
    assert split(text).text == own


GMAIL = (
    "Den sön 22 nov. 2026 kl 10:00 skrev Anna Berg {}:",
    "søn. 22. nov. 2026 kl. 10:00 skrev Anna Berg {}:",
    "Den søn. 22. nov. 2026 kl. 10.00 skrev Anna Berg {}:",
    "Am So., 22. Nov. 2026 um 10:00 Uhr schrieb Anna Berg {}:",
    "Le dim. 22 nov. 2026 à 10:00, Anna Berg {} a écrit :",
    "On Sun, Nov 22, 2026 at 10:00 AM Anna Berg {} wrote:",
    "Il giorno dom 22 nov 2026 alle ore 10:00 Anna Berg {} ha scritto:",
    "Op zo 22 nov 2026 om 10:00 schreef Anna Berg {}:",
    "вс, 22 нояб. 2026 г. в 10:00, Анна Берг {}:",
    "În dum., 22 nov. 2026 la 10:00, Anna Berg {} a scris:",
    "El dom, 22 nov 2026 a las 10:00, Anna Berg {} escribió:",
    "Em dom., 22 de nov. de 2026 às 10:00, Anna Berg {} escreveu:",
    "su 22. marrask. 2026 klo 10.00 Anna Berg {} kirjoitti:",
    "niedz., 22 lis 2026 o 10:00 Anna Berg {} napisał(a):",
    "22 Kas 2026 Paz 10:00 tarihinde Anna Berg {} şunu yazdı:",
    "P, 22. november 2026 kell 10:00 kirjutas kasutaja Anna Berg {}:",
    "Anna Berg {} ezt írta (időpont: 2026. nov. 22., V, 10:00):",
)


@pytest.mark.parametrize("address", ["<a@x.org>", "<\na@x.org>", "<a@x.org\n>", "\n<a@x.org>"])
@pytest.mark.parametrize("line", GMAIL)
def test_an_attribution_is_no_own_word_wherever_it_is_wrapped(line: str, address: str) -> None:
    assert split(f"Ja.\n\n{line.format(address)}\n\n> Q\n> more\n").text == "Ja."


@pytest.mark.parametrize(
    "text",
    [
        "Write to Anna <anna@example.net> before 10:00, and bring:\n\nbread",
        "My list, by the way:\n\n> bread",
        "As said in 2026:\n> bread",
    ],
)
def test_a_sentence_that_ends_with_a_colon_is_own(text: str) -> None:
    assert split(text).text.startswith(text.partition("\n")[0])


def test_own_words_right_above_a_wrapped_attribution_stay() -> None:
    own = "Vi ses vid biblioteket på lördag som vi sade förra veckan.\nTill dess"
    line = "Den sön 22 nov. 2026 kl 10:00 skrev Anna Kristina Berg <\na@x.org>:"
    assert split(f"{own}\n{line}\n\n> Q").text == own
