"""Write replies as mail programs write them: our own texts in the shapes of six languages.

Each program has its way with the Message-ID, the subject's prefix, the attribution, the quote,
the signature and the transfer encoding; ``reply`` puts them together around a person's words.
"""

import base64
import html
import itertools
import quopri
from collections.abc import Callable
from dataclasses import dataclass

from templates import render

LANGUAGES = ("sv", "it", "ro", "ru", "nl", "en")
QUOTED = "Friends <friends-request@example.org>"
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Speech:
    """Hold what a mail program says in one language."""

    prefix: str
    gmail: str
    apple: str
    thunderbird: str
    headers: tuple[str, str, str, str]  # From, Sent, To, Subject
    sent_from: str
    yes: str
    no: str
    never: str
    undo: str


SPEECH = {
    "sv": Speech(
        "Sv: ",
        f"Den tis 1 dec. 2026 kl 10:00 skrev {QUOTED}:",
        "1 dec. 2026 kl. 10:00 skrev Friends <friends-request@example.org>:",
        "Den 2026-12-01 kl. 10:00, skrev Friends:",
        ("Från", "Skickat", "Till", "Ämne"),
        "Skickat från min iPhone",
        "Ja, gärna.", "Nej tack.", "Aldrig.", "Ångra",
    ),
    "it": Speech(
        "R: ",
        f"Il giorno mar 1 dic 2026 alle ore 10:00 {QUOTED} ha scritto:",
        "Il giorno 1 dic 2026, alle ore 10:00, Friends <friends-request@example.org> ha scritto:",
        "Il 01/12/2026 10:00, Friends ha scritto:",
        ("Da", "Inviato", "A", "Oggetto"),
        "Inviato da iPhone",
        "Sì, volentieri.", "No, grazie.", "Mai.", "Annulla",
    ),
    "ro": Speech(
        "Re: ",
        f"În mar., 1 dec. 2026 la 10:00, {QUOTED} a scris:",
        "Pe 1 dec. 2026, la 10:00, Friends <friends-request@example.org> a scris:",
        "La 01.12.2026 10:00, Friends a scris:",
        ("De la", "Trimis", "Către", "Subiect"),
        "Trimis de pe iPhone-ul meu",
        "Da, cu drag.", "Nu, mulțumesc.", "Niciodată.", "Anulează",
    ),
    "ru": Speech(
        "Re: ",
        f"вт, 1 дек. 2026 г. в 10:00, {QUOTED}:",
        "1 дек. 2026 г., в 10:00, Friends <friends-request@example.org> написал(а):",
        "01.12.2026 10:00, Friends пишет:",
        ("От", "Отправлено", "Кому", "Тема"),
        "Отправлено с iPhone",
        "Да, с удовольствием.", "Нет, спасибо.", "Никогда.", "Отменить",
    ),
    "nl": Speech(
        "Antw: ",
        f"Op di 1 dec 2026 om 10:00 schreef {QUOTED}:",
        "Op 1 dec 2026 om 10:00 heeft Friends <friends-request@example.org> het volgende"
        " geschreven:",
        "Op 01-12-2026 om 10:00 schreef Friends:",
        ("Van", "Verzonden", "Aan", "Onderwerp"),
        "Verstuurd vanaf mijn iPhone",
        "Ja, graag.", "Nee, dank je.", "Nooit.", "Ongedaan maken",
    ),
    "en": Speech(
        "Re: ",
        f"On Tue, Dec 1, 2026 at 10:00 AM {QUOTED} wrote:",
        "On 1 Dec 2026, at 10:00, Friends <friends-request@example.org> wrote:",
        "On 01/12/2026 10:00, Friends wrote:",
        ("From", "Sent", "To", "Subject"),
        "Sent from my iPhone",
        "Yes, gladly.", "No, thank you.", "Never.", "Undo",
    ),
}  # fmt: skip
# What was answered: full of words that would decide otherwise if they were taken for the writer's.
ORIGINAL = (
    "No, never: stop, leave, nej, нет.\n\nUndo, annulla, ångra.\n\n"
    "  https://lists.example.org/friends@example.org/confirm/abcdefghijklmnopqrstuvwxyz"
)


def reply(program: str, language: str, words: str, *, sender: str = "anna@example.net") -> bytes:
    """Return a whole mail: ``words`` over a quoted notice, as ``program`` sends it."""
    speech = SPEECH[language]
    number = next(_numbers)
    shown = base64.b64encode(f"{speech.prefix}Friends åäö".encode()).decode()
    head = (
        f"From: Anna <{sender}>\r\nTo: friends-confirm+abcdefghijklmnopqrstuvwxyz@example.org\r\n"
        f"Subject: =?utf-8?B?{shown}?=\r\nMessage-ID: <{program}.{number}@mail.example>\r\n"
        f"In-Reply-To: <notice@example.org>\r\nMIME-Version: 1.0\r\n"
    )
    return head.encode() + PROGRAMS[program](speech, words)


def _quote(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _part(kind: str, text: str, coding: str) -> bytes:
    data = text.replace("\n", "\r\n").encode()
    if coding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif coding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    head = f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: {coding}\r\n\r\n"
    return head.encode() + data


def _both(text: str, markup: str, coding: str) -> bytes:
    plain, rich = _part("text/plain", text, coding), _part("text/html", markup, coding)
    return (
        b'Content-Type: multipart/alternative; boundary="=b"\r\n\r\n'
        b"--=b\r\n" + plain + b"\r\n--=b\r\n" + rich + b"\r\n--=b--\r\n"
    )


def _drawn() -> str:
    """Return what was answered as programs quote it: the HTML of a notice, without its head."""
    page = render.mail_html("en", "Undo, never?", ORIGINAL, "mailto:x@example.org\nYes, leave")
    return page.partition("<body>")[2].partition("</body>")[0]


def _gmail(speech: Speech, words: str) -> bytes:
    text = f"{words}\n\n{speech.gmail}\n\n{_quote(ORIGINAL)}\n"
    markup = (
        f'<div dir="ltr">{html.escape(words)}</div><br><div class="gmail_quote">'
        f'<div dir="ltr" class="gmail_attr">{html.escape(speech.gmail)}<br></div>'
        f'<blockquote class="gmail_quote">{_drawn()}</blockquote></div>'
    )
    return _both(text, markup, "quoted-printable")


def _block(speech: Speech) -> str:
    sender, sent, to, subject = speech.headers
    return (
        f"{sender}: {QUOTED}\n{sent}: 1 12 2026 10:00\n"
        f"{to}: Anna <anna@example.net>\n{subject}: Friends"
    )


def _outlook(speech: Speech, words: str) -> bytes:
    text = f"{words}\n\n \n\n{_block(speech)}\n\n{ORIGINAL}\n"
    rows = "<br>".join(
        f"<b>{html.escape(line.split(':')[0])}:</b>{html.escape(line.partition(':')[2])}"
        for line in _block(speech).split("\n")
    )
    markup = (
        f'<html><body><div class="WordSection1"><p class="MsoNormal">{html.escape(words)}</p>'
        '<div style="border:none;border-top:solid #E1E1E1 1.0pt"><p class="MsoNormal">'
        f"{rows}</p></div>{_drawn()}</div></body></html>"
    )
    return _both(text, markup, "base64")


def _outlook_web(speech: Speech, words: str) -> bytes:
    rows = "<br>".join(
        f"<b>{html.escape(line.split(':')[0])}:</b>{html.escape(line.partition(':')[2])}"
        for line in _block(speech).split("\n")
    )
    markup = (
        f'<html><body><div style="font-size:12pt">{html.escape(words)}</div>'
        '<div id="appendonsend"></div><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font>{rows}</font><div>&nbsp;</div></div>'
        f"<div>{_drawn()}</div></body></html>"
    )
    return _part("text/html", markup, "quoted-printable")


def _apple(speech: Speech, words: str) -> bytes:
    text = f"{words}\n\n{speech.sent_from}\n\n> {speech.apple}\n> \n{_quote(ORIGINAL)}\n"
    return _part("text/plain", text, "quoted-printable")


def _thunderbird(speech: Speech, words: str) -> bytes:
    text = f"{speech.thunderbird}\n{_quote(ORIGINAL)}\n\n{words}\n\n-- \nAnna\nUndo Street 1\n"
    return _part("text/plain", text, "8bit").replace(
        b"charset=utf-8", b"charset=UTF-8; format=flowed", 1
    )


def _yandex(speech: Speech, words: str) -> bytes:
    said = '01.12.2026, 10:00, "Friends" <friends-request@example.org>:'
    markup = (
        f"<div>{html.escape(words)}</div><div> </div><div>{html.escape(said)}</div>"
        f"<blockquote>{_drawn()}</blockquote>"
    )
    return _part("text/html", markup, "base64")


def _mailru(speech: Speech, words: str) -> bytes:
    said = "Вторник, 1 декабря 2026, 10:00 +03:00 от Friends <friends-request@example.org>:"
    text = f"{words}\n \n-- \nАнна\n \n{said}\n \n{_quote(ORIGINAL)}\n"
    markup = (
        f"<HTML><BODY><p>{html.escape(words)}</p><br>-- <br>Анна<br><br>"
        f'<blockquote style="border-left:1px solid #0857A6;">{html.escape(said)}<br>'
        f"{_drawn()}</blockquote></BODY></HTML>"
    )
    return _both(text, markup, "base64")


PROGRAMS: dict[str, Callable[[Speech, str], bytes]] = {
    "gmail": _gmail,
    "outlook": _outlook,
    "outlook-web": _outlook_web,
    "apple": _apple,
    "thunderbird": _thunderbird,
    "yandex": _yandex,
    "mailru": _mailru,
}
