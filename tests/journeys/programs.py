"""Write drafts and answers to the byte as mail programs do: for walks through the real doors.

    DRAFTS["outlook"](words, signature)                a draft's body, headers of MIME included
    ANSWERS["gmail"](words, about, speech)             an answer's body over the mail ``about``

A body knows nothing of From and To; ``mail`` puts those on top. tests/replies.py has the same
programs in short, for tests in process.
"""

import base64
import email.utils
import html
import itertools
import quopri
from collections.abc import Callable
from dataclasses import dataclass
from email.header import Header
from email.message import Message

from tests.journeys import letters

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Speech:
    """Hold what mail programs say in one language."""

    prefix: str
    gmail: str
    apple: str
    block: tuple[str, str, str, str, str]  # From, Sent, To, Subject, and the date
    telephone: str
    outlook_telephone: str
    goodbye: str
    charset: str  # Outlook's


SPEECH = {
    "sv": Speech(
        "Sv: ", "Den sön 22 nov. 2026 kl 17:30 skrev {}:", "22 nov. 2026 kl. 17:30 skrev {}:",
        ("Från", "Skickat", "Till", "Ämne", "den 22 november 2026 17:30"),
        "Skickat från min iPhone", "Hämta Outlook för iOS", "Med vänlig hälsning", "iso-8859-1",
    ),
    "it": Speech(
        "R: ", "Il giorno dom 22 nov 2026 alle ore 17:30 {} ha scritto:",
        "Il giorno 22 nov 2026, alle ore 17:30, {} ha scritto:",
        ("Da", "Inviato", "A", "Oggetto", "domenica 22 novembre 2026 17:30"),
        "Inviato da iPhone", "Ottieni Outlook per iOS", "Cordiali saluti", "iso-8859-1",
    ),
    "ro": Speech(
        "RE: ", "În dum., 22 nov. 2026 la 17:30, {} a scris:",
        "Pe 22 nov. 2026, la 17:30, {} a scris:",
        ("De la", "Trimis", "Către", "Subiect", "duminică, 22 noiembrie 2026 17:30"),
        "Trimis de pe iPhone-ul meu", "Obțineți Outlook pentru iOS", "Cu stimă", "iso-8859-2",
    ),
    "ru": Speech(
        "RE: ", "вс, 22 нояб. 2026 г. в 17:30, {}:", "22 нояб. 2026 г., в 17:30, {} написал(а):",
        ("От", "Отправлено", "Кому", "Тема", "22 ноября 2026 г. 17:30"),
        "Отправлено с iPhone", "Скачать Outlook для iOS", "С уважением", "koi8-r",
    ),
    "nl": Speech(
        "Antw: ", "Op zo 22 nov 2026 om 17:30 schreef {}:",
        "Op 22 nov 2026 om 17:30 heeft {} het volgende geschreven:",
        ("Van", "Verzonden", "Aan", "Onderwerp", "zondag 22 november 2026 17:30"),
        "Verstuurd vanaf mijn iPhone", "Outlook voor iOS downloaden", "Met vriendelijke groet",
        "windows-1252",
    ),
    "en": Speech(
        "Re: ", "On Sun, Nov 22, 2026 at 5:30\u202fPM {} wrote:",
        "On 22 Nov 2026, at 17:30, {} wrote:",
        ("From", "Sent", "To", "Subject", "Sunday, November 22, 2026 5:30 PM"),
        "Sent from my iPhone", "Get Outlook for iOS", "Best regards", "us-ascii",
    ),
}  # fmt: skip


def mail(sender: str, to: str, subject: str, body: bytes, about: Message | None = None) -> bytes:
    """Return a whole mail; ``about`` is what it answers."""
    shown = Header(subject, "utf-8", maxlinelen=200).encode()
    head = (
        f"From: {Header('Åsa Öst', 'utf-8').encode()} <{sender}>\r\nTo: {to}\r\n"
        f"Subject: {shown}\r\nMessage-ID: <CA+{next(_numbers)}@mail.gmail.com>\r\n"
    )
    if about is not None:
        known = about["Message-ID"]
        head += f"In-Reply-To: {known}\r\nReferences: {known}\r\n"
    return f"{head}MIME-Version: 1.0\r\n".encode() + body


def part(text: str, kind: str, charset: str = "utf-8", coding: str = "quoted-printable") -> bytes:
    """Return a text with its header; in UTF-8 where ``charset`` lacks a letter, as Outlook does."""
    name, _, more = charset.partition(";")
    try:
        data = text.replace("\n", "\r\n").encode(name)
    except UnicodeEncodeError:
        name, data = "utf-8", text.replace("\n", "\r\n").encode()
    if coding == "base64":
        data = base64.encodebytes(data).replace(b"\n", b"\r\n")
    elif coding == "quoted-printable":
        data = quopri.encodestring(data.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    head = f'Content-Type: text/{kind}; charset="{name}"{"; " + more if more else ""}\r\n'
    return f"{head}Content-Transfer-Encoding: {coding}\r\n\r\n".encode() + data


def file(data: bytes, kind: str, name: str, cid: str = "") -> bytes:
    """Return an attached file, or a picture inside the text."""
    head = f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n'
    where = "inline" if cid else "attachment"
    head += f'Content-Disposition: {where}; filename="{name}"\r\n'
    head += f"Content-ID: <{cid}>\r\n" if cid else ""
    coded = base64.encodebytes(data).replace(b"\n", b"\r\n")
    return f"{head}\r\n".encode() + coded


def parts(kind: str, *inside: bytes) -> bytes:
    mark = f"----=_Part_{next(_numbers)}"
    head = f'Content-Type: multipart/{kind}; boundary="{mark}"\r\n\r\n'.encode()
    rows = b"".join(b"--" + mark.encode() + b"\r\n" + one + b"\r\n" for one in inside)
    return head + rows + b"--" + mark.encode() + b"--\r\n"


def _shown(words: str) -> str:
    return "".join(f"<div>{html.escape(line) or '<br>'}</div>" for line in words.split("\n"))


def _word(words: str) -> str:
    rows = (html.escape(line) or "&nbsp;" for line in words.split("\n"))
    return "".join(f"<p class=MsoNormal>{row}<o:p></o:p></p>\n" for row in rows)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _text(about: Message) -> str:
    return letters.text_of(about).replace("\r", "")


def _from(about: Message) -> str:
    name, address = email.utils.parseaddr(letters.header(about, "From"))
    return f"{name} <{address}>"


def gmail_draft(words: str, speech: Speech) -> bytes:
    sign = f'<div class="gmail_signature">{speech.goodbye}<br>Åsa</div>'
    plain = f"{words}\n\n-- \n{speech.goodbye}\nÅsa\n"
    markup = f'<div dir="ltr">{_shown(words)}<br clear="all">-- <br>{sign}</div>'
    return parts("alternative", part(plain, "plain", "UTF-8", "base64"), part(markup, "html"))


def outlook_draft(words: str, speech: Speech) -> bytes:
    """Write Word's HTML and, as some servers do, winmail.dat beside it."""
    charset = speech.charset
    markup = (
        "<html xmlns:o=3D><head><meta name=Generator content='Microsoft Word 15'><style><!--\n"
        "p.MsoNormal {margin:0cm;}\n--></style><!--[if gte mso 9]><xml></xml><![endif]--></head>"
        f"<body><div class=WordSection1>{_word(words)}</div></body></html>"
    )
    plain = words.replace("\n", "\n\n")
    both = parts("alternative", part(plain, "plain", charset), part(markup, "html", charset))
    package = file(b"\x78\x9f\x3e\x22" + bytes(range(99)), "application/ms-tnef", "winmail.dat")
    return parts("mixed", both, package)


def apple_draft(words: str, speech: Speech) -> bytes:
    return part(f"{words}\n\n{speech.telephone}\n", "plain", "utf-8", "quoted-printable")


def thunderbird_draft(words: str, speech: Speech) -> bytes:
    signed = f"{words}\n\n-- \n{speech.goodbye}\nÅsa\n"
    return part(signed, "plain", "UTF-8;format=flowed", "8bit")


def gmail(words: str, about: Message, speech: Speech) -> bytes:
    said, text = speech.gmail.format(_from(about)), _text(about)
    at = said.rfind(" ", 0, 74)  # Gmail wraps it in its plain text
    wrapped = f"{said[:at]}\n{said[at + 1 :]}" if len(said) > 74 else said
    plain = f"{words}\n\n{wrapped}\n\n{_quoted(text)}\n"
    quote = (
        f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{html.escape(said)}<br></div>'
        f'<blockquote class="gmail_quote">{html.escape(text)}</blockquote></div>'
    )
    markup = f'<div dir="ltr">{_shown(words)}</div><br>{quote}'
    return parts("alternative", part(plain, "plain", "UTF-8", "base64"), part(markup, "html"))


def _block(about: Message, speech: Speech) -> list[tuple[str, str]]:
    said = (_from(about), speech.block[4], str(about["To"]), letters.subject_of(about))
    return list(zip(speech.block[:4], said, strict=True))


def outlook(words: str, about: Message, speech: Speech) -> bytes:
    """Write as Outlook for Windows: a legacy charset, its own signature, header lines on top."""
    text, rows = _text(about), _block(about, speech)
    lines = "\n".join(f"{name}: {said}" for name, said in rows)
    plain = f"{words}\n\n \n\n{speech.goodbye}\n\nÅsa Öst\n\n \n\n{lines}\n\n \n\n{text}\n"
    shown = "<br>".join(f"<b>{name}:</b> {html.escape(said)}" for name, said in rows)
    markup = (
        f"<html><body><div class=WordSection1>{_word(words)}{_word(speech.goodbye)}"
        "<div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'>"
        f"<p class=MsoNormal>{shown}<o:p></o:p></p></div>{_word(text)}</div></body></html>"
    )
    charset = speech.charset
    return parts("alternative", part(plain, "plain", charset), part(markup, "html", charset))


def outlook_telephone(words: str, about: Message, speech: Speech) -> bytes:
    text, rows = _text(about), _block(about, speech)
    lines = "\n".join(f"{name}: {said}" for name, said in rows)
    sign = f"{speech.outlook_telephone}<https://aka.ms/o0ukef>"
    plain = f"{words}\n\n{sign}\n________________________________\n{lines}\n\n{text}\n"
    shown = "<br>".join(f"<b>{name}:</b> {html.escape(said)}" for name, said in rows)
    markup = (
        f'<html><body>{_shown(words)}<div id="ms-outlook-mobile-signature">'
        f'{speech.outlook_telephone}</div><hr style="display:inline-block;width:98%">'
        f'<div id="divRplyFwdMsg" dir="ltr"><font>{shown}</font></div>{_shown(text)}</body></html>'
    )
    coded = (part(plain, "plain", "utf-8", "base64"), part(markup, "html", "utf-8", "base64"))
    return parts("alternative", *coded)


def apple(words: str, about: Message, speech: Speech) -> bytes:
    said = speech.apple.format(_from(about))
    quoted = _quoted(f"{said}\n\n{_text(about)}")
    return part(f"{words}\n\n{speech.telephone}\n\n{quoted}\n", "plain")


def thunderbird(words: str, about: Message, speech: Speech) -> bytes:
    """Write below the quote, as many do there."""
    said = speech.apple.format(_from(about))
    below = f"{said}\n{_quoted(_text(about))}\n\n{words}\n\n-- \nÅsa\n"
    return part(below, "plain", "UTF-8;format=flowed", "8bit")


def yandex(words: str, about: Message, _speech: Speech) -> bytes:
    """Write HTML alone."""
    said = html.escape(f"22.11.2026, 17:30, {_from(about)}:")
    quote = f"<blockquote>{_shown(_text(about))}</blockquote>"
    markup = f"{_shown(words)}<div> </div><div>{said}</div>{quote}<div>-- </div><div>Åsa</div>"
    return part(markup, "html", "utf-8", "base64")


DRAFTS: dict[str, Callable[[str, Speech], bytes]] = {
    "gmail": gmail_draft,
    "outlook": outlook_draft,
    "apple": apple_draft,
    "thunderbird": thunderbird_draft,
}
ANSWERS: dict[str, Callable[[str, Message, Speech], bytes]] = {
    "gmail": gmail,
    "outlook": outlook,
    "apple": apple,
    "outlook-telephone": outlook_telephone,
    "thunderbird": thunderbird,
    "yandex": yandex,
}
