"""Moderators answer from the programs they have: what those write must be understood."""

from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest

from listserv.moderation import rulings
from listserv.moderation.rulings import Ruling, RulingWord
from mailer.reading import bodies

ASKED = [
    "Eve has sent a post to Friends. It has not gone out yet, because:",
    "> ban",
    "Answer this mail, with one of these on the first line:",
    '- "discard": it does not go out, and the writer is told nothing.',
]


def plain(text: str, flowed: str = "") -> bytes:
    mail = MIMEText(text, "plain", "utf-8")
    if flowed:
        mail.set_param("format", "flowed")
        mail.set_param("delsp", flowed)
    return mail.as_bytes()


def html(text: str) -> bytes:
    return MIMEText(f"<html><body>{text}</body></html>", "html", "utf-8").as_bytes()


def both(text: str, markup: str) -> bytes:
    mail = MIMEMultipart("alternative")
    mail.attach(MIMEText(text, "plain", "utf-8"))
    mail.attach(MIMEText(markup, "html", "utf-8"))
    return mail.as_bytes()


def marked(attribution: str, words: str) -> str:
    return "\n".join([words, "", attribution, "", *(f"> {line}" for line in ASKED)])


def gmail(words: str, attribution: str) -> bytes:
    quote = "<br>".join(ASKED)
    return both(
        marked(attribution, words),
        f'<div dir="ltr">{words}</div><br><div class="gmail_quote"><div dir="ltr" '
        f'class="gmail_attr">{attribution}<br></div><blockquote class="gmail_quote">{quote}'
        "</blockquote></div>",
    )


def outlook(words: str, names: tuple[str, str, str, str]) -> bytes:
    fields = "<br>".join(
        f"<b>{name}:</b> {value}"
        for name, value in zip(
            names,
            ("Friends &lt;friends-request@example.org&gt;", "den 22 november 2026 10:00",
             "Olga", "Friends: a post by Eve waits for you"),
            strict=True,
        )
    )  # fmt: skip
    quote = "".join(f'<p class="MsoNormal">{line}</p>' for line in ASKED)
    return html(
        f'<div class="WordSection1"><p class="MsoNormal">{words}<o:p></o:p></p>'
        '<p class="MsoNormal"><o:p>&nbsp;</o:p></p>'
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
        f'<p class="MsoNormal">{fields}</p></div>{quote}</div>'
    )


def yandex(words: str) -> bytes:
    quote = "<br />".join(ASKED)
    return html(
        f"<div>{words}</div><div> </div><div>22.11.2026, 10:00, &quot;Friends&quot; "
        f"&lt;friends-request@example.org&gt;:</div><blockquote><p>{quote}</p></blockquote>"
        "<div> </div><div>-- </div><div>Борис</div>"
    )


def mailru(words: str) -> bytes:
    quote = "<br>".join(ASKED)
    return html(
        f"<div>{words}</div><div>&nbsp;</div><div data-signature-widget='container'>-- <br>"
        "Борис</div><blockquote style='border-left:1px solid #0857A6;'>Воскресенье, 22 ноября "
        "2026, 10:00 +03:00 от Friends &lt;friends-request@example.org&gt;:<br>"
        f"&nbsp;<div>{quote}</div></blockquote>"
    )


SAMPLES = {
    "gmail-en": (
        gmail("ok", "On Sun, 22 Nov 2026 at 10:00, Friends <friends-request@example.org> wrote:"),
        Ruling(RulingWord.OK),
    ),
    "gmail-sv": (
        gmail("Nej: reklam", "Den sön 22 nov. 2026 10:00Friends "
              "<friends-request@example.org> skrev:"),
        Ruling(RulingWord.NO, "reklam"),
    ),
    "gmail-it": (
        gmail("Ok sempre, grazie", "Il giorno dom 22 nov 2026 alle ore 10:00 Friends "
              "<friends-request@example.org> ha scritto:"),
        Ruling(RulingWord.ALWAYS),
    ),
    "apple-nl": (
        plain(marked("Op 22 nov 2026, om 10:00 heeft Friends <friends-request@example.org> "
                     "het volgende geschreven:", "Weggooien") + "\n\nVerstuurd vanaf mijn iPhone"),
        Ruling(RulingWord.DISCARD),
    ),
    "thunderbird-ro": (
        plain(marked("Pe 22.11.2026 10:00, Friends a scris:", "Blochează"), flowed="yes"),
        Ruling(RulingWord.BAN),
    ),
    "outlook-sv": (
        outlook("Ok", ("Från", "Skickat", "Till", "Ämne")), Ruling(RulingWord.OK),
    ),
    "outlook-it": (
        outlook("No: pubblicità", ("Da", "Inviato", "A", "Oggetto")),
        Ruling(RulingWord.NO, "pubblicità"),
    ),
    "outlook-ro": (
        outlook("Aruncă", ("De la", "Trimis", "Către", "Subiect")), Ruling(RulingWord.DISCARD),
    ),
    "yandex-ru": (yandex("ок всегда"), Ruling(RulingWord.ALWAYS)),
    "mailru-ru": (mailru("Нет: реклама"), Ruling(RulingWord.NO, "реклама")),
}  # fmt: skip


@pytest.mark.parametrize(("raw", "ruling"), SAMPLES.values(), ids=SAMPLES)
def test_a_programs_answer_is_read_without_its_quotes(raw: bytes, ruling: Ruling) -> None:
    assert rulings.read(bodies.read(raw).quoted.text) == ruling
