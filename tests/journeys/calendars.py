"""Answers to an invitation as the calendars of mail programs write them, part by part."""

import email
import itertools
import re
from email.message import Message

_numbers = itertools.count(1)
# (method line's place and more, the way the mail is put together) of each program.
PROGRAMS = ("gmail", "google", "outlook", "apple", "thunderbird", "yandex")
_WORDS = {"ACCEPTED": "Accepted", "DECLINED": "Declined", "TENTATIVE": "Tentatively Accepted"}


def invitation(mail: Message) -> dict[str, str]:
    """Return the properties of the calendar's part of a mail, unfolded, by name."""
    part = next(one for one in mail.walk() if one.get_content_type() == "text/calendar")
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    text = re.sub(r"\r\n[ \t]", "", data.decode())
    found: dict[str, str] = {"": text}
    for line in text.splitlines():
        name = re.match(r"[A-Z-]+", line)
        assert name is not None, line
        found.setdefault(
            name[0],
            re.sub(r"\"[^\"]*\"", "", line, count=9).partition(":")[2]
            if name[0] in {"ORGANIZER", "ATTENDEE"}
            else line.partition(":")[2],
        )
    return found


def reply(
    mail: Message,
    who: str,
    partstat: str,
    program: str = "gmail",
    *,
    method: str = "REPLY",
    attendees: str = "",
    headers: str = "",
    more: str = "",
    uid: str = "",
    sequence: int | None = None,
    parameters: str = "",
) -> tuple[str, bytes]:
    """Return (the organizer's address, the mail) that a program answers an invitation with."""
    asked = invitation(mail)
    organizer = asked["ORGANIZER"].removeprefix("mailto:")
    number = asked["SEQUENCE"] if sequence is None else str(sequence)
    answer = f";PARTSTAT={partstat}" if partstat else ""
    attendee = attendees or _attendee(program, who, answer + parameters)
    event = [
        "BEGIN:VEVENT", f"DTSTART:{asked['DTSTART']}", f"DTEND:{asked['DTEND']}",
        "DTSTAMP:20261130T090000Z", f"ORGANIZER;CN=Friends:mailto:{organizer}",
        f"UID:{uid or asked['UID']}", attendee, "CLASS:PUBLIC", f"SEQUENCE:{number}",
        f"SUMMARY:{asked['SUMMARY']}", "STATUS:CONFIRMED", *filter(None, [more]), "END:VEVENT",
    ]  # fmt: skip
    lines = ["BEGIN:VCALENDAR", f"PRODID:{_PRODUCTS[program]}", "VERSION:2.0"]
    lines += [f"METHOD:{method}", *_zone(program), *event, "END:VCALENDAR", ""]
    file = "\r\n".join(_folded(line) for line in lines)
    subject = f"{_WORDS.get(partstat, 'Proposed New Time')}: {asked['SUMMARY']}"
    return organizer, _mail(program, who, organizer, subject, file, method, headers)


_PRODUCTS = {
    "gmail": "-//Google Inc//Google Calendar 70.9054//EN",
    "google": "-//Google Inc//Google Calendar 70.9054//EN",
    "outlook": "Microsoft Exchange Server 2010",
    "apple": "-//Apple Inc.//macOS 14.6//EN",
    "thunderbird": "-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN",
    "yandex": "-//Yandex LLC//Yandex Calendar//EN",
}


def _attendee(program: str, who: str, answer: str) -> str:
    return {
        "gmail": f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT{answer};CN=Anna Ek;"
        f"X-NUM-GUESTS=0:mailto:{who}",
        "google": f"ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT{answer};CN={who};"
        f'X-NUM-GUESTS=2;X-RESPONSE-COMMENT="With two; friends":mailto:{who}',
        "outlook": f'ATTENDEE{answer};CN="Ek, Anna":MAILTO:{who.upper()}',
        "apple": f'ATTENDEE;CN="Anna Ek";CUTYPE=INDIVIDUAL;EMAIL={who}{answer}:mailto:{who}',
        "thunderbird": f"ATTENDEE;CN=Anna Ek{answer};ROLE=REQ-PARTICIPANT;RSVP=TRUE:mailto:{who}",
        "yandex": f'ATTENDEE{answer};CN="Анна Эк";ROLE=REQ-PARTICIPANT:mailto:{who}',
    }[program]


def _zone(program: str) -> list[str]:
    if program != "outlook":
        return []
    return [
        "BEGIN:VTIMEZONE", "TZID:W. Europe Standard Time", "BEGIN:STANDARD",
        "DTSTART:16010101T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "END:STANDARD",
        "END:VTIMEZONE",
    ]  # fmt: skip


def _folded(line: str) -> str:
    rows = [line[at : at + 70] for at in range(0, max(len(line), 1), 70)]
    return "\r\n ".join(rows)


def _mail(
    program: str, who: str, to: str, subject: str, file: str, method: str, headers: str
) -> bytes:
    made = email.message.EmailMessage()
    made["From"] = f"Anna Ek <{who}>"
    made["To"] = to
    made["Subject"] = subject
    made["Message-ID"] = f"<calendar-{next(_numbers)}@mail.example>"
    for line in filter(None, headers.split("\r\n")):
        name, _, value = line.partition(": ")
        made[name] = value
    if program == "thunderbird":  # the file alone, in a mixed mail with words
        made.set_content("Anna Ek has accepted your event invitation.\n")
        made.add_attachment(file.encode(), maintype="text", subtype="calendar",
                            params={"method": method, "charset": "UTF-8"})  # fmt: skip
    elif program == "outlook":  # base64, the calendar the last of the alternatives
        made.set_content("")
        made.add_alternative(file.encode(), maintype="text", subtype="calendar",
                             params={"method": method, "charset": "utf-8"})  # fmt: skip
    else:
        made.set_content("Anna Ek has accepted this invitation.\n")
        made.add_alternative(file, subtype="calendar", params={"method": method}, cte="8bit"
                             if program == "yandex" else "quoted-printable")  # fmt: skip
        if program in {"gmail", "google"}:
            made.add_attachment(file.encode(), maintype="application", subtype="ics",
                                filename="invite.ics")  # fmt: skip
    return made.as_bytes(policy=email.policy.SMTP)
