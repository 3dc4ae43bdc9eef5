"""Find the heading of a file of people: its delimiter, and which column is what.

Knows plain header words in English, the six languages and four more; refuses to guess what a
cell is worth (importing.py). Rows above the heading, as Google writes them, are told apart. Where
no word is known, the address column is the one column in which addresses stand.
"""

import io
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from mailer.errors import BadInput
from subscriptions.member_files.csv_rows import DELIMITERS, Row, records
from subscriptions.member_files.former_state import plain_words

_WORDS = {
    "email": (
        "email|e mail|mail|email address|e mail address|mail address|mailaddress|emailaddress"
        "|email addresses|primary email|user email|contact email|member email|email id|email adress"
        "|subscriber email|email 1|e mail 1|mail 1|e mail 1 value"
        "|member address|subscribed addresses|subscribed address"
        "|epost|e post|e postadress|epostadress|mejl|mejladress|e mailadress|mailadress"
        "|indirizzo email|indirizzo e mail|indirizzo di posta|posta elettronica|indirizzo mail"
        "|adresa de email|adresă de email|adresa de e mail|adresă de e mail|adresa email"
        "|emailadres|e mailadres|mailadres"
        "|электронная почта|эл почта|почта|емейл|имейл|адрес электронной почты|адрес эл почты"
        "|e mail adresse|emailadresse|email adresse|mailadresse|adresse e mail|adresse email"
        "|adresse mail|courriel|adresse électronique|adresse de courriel|adresse de messagerie"
        "|correo|correo electrónico|correo electronico|dirección de correo electrónico"
        "|dirección de correo|dirección de email|direccion de correo electronico"
        "|endereço de e mail|endereço de email|endereco de email|endereço eletrônico"
    ),
    "address": (
        "address|member|subscriber|adress|indirizzo|adresa|adresă|adres|адрес|adresse"
        "|dirección|endereço"
    ),
    "name": (
        "name|full name|fullname|display name|real name|nickname|namn|nome|nume|naam|имя|фио"
        "|gecos|nom complet|nombre completo|vollständiger name|nome completo|volledige naam"
        "|nome visualizzato|visningsnamn|subscriber name|member name"
    ),
    "first": (
        "first name|firstname|fname|given name|forename|förnamn|prenume|voornaam|vorname|prénom"
        "|nombre|primeiro nome"
    ),
    "last": (
        "last name|lastname|lname|surname|family name|efternamn|cognome|achternaam|фамилия"
        "|nachname|nom|nom de famille|apellido|apellidos|sobrenome"
    ),
    "language": "language|lang|preferred language|locale|språk|lingua|limba|limbă|taal|язык"
    "|sprache|langue|idioma",
    "role": "role|roll|ruolo|rol|роль",
    "rhythm": "rhythm|rytm|ritmo|ritm|ritme|ритм",
    "consent": "consent|permission|opt in|optin|samtycke|consenso|consimțământ|toestemming"
    "|согласие|einwilligung|consentement|consentimiento|consentimento",
    "consent_date": "consent date|consent at|consented at|permission date|datum för samtycke"
    "|data consenso|дата согласия",
    "consent_ip": "consent ip",
    "paused_until": "paused until",
}
_COLUMNS = {word: one for one, words in _WORDS.items() for word in words.split("|")}
_SOUGHT = 6  # records among which the heading stands
_SEEN = 40  # records that show what a column holds


_Tried = list[tuple[str, list[Row]]]  # a delimiter, and the first records that it makes


@dataclass(frozen=True, slots=True)
class Layout:
    """Say how a file is laid out; without a heading ``header`` is empty."""

    delimiter: str
    skipped: int = 0  # records above the people, the heading among them
    above: tuple[Row, ...] = ()  # records above the heading
    header: tuple[str, ...] = ()
    fields: dict[str, int] = field(default_factory=dict)  # where each known column stands
    address: int | None = None  # where the address stands, where there is no heading
    width: int = 0  # columns, where there is no heading


def find_layout(head: str) -> Layout:
    """Read the beginning of a file; raise BadInput where no line of it can be read."""
    told = ""
    first = head.lstrip("\ufeff\r\n ").partition("\n")[0].strip()
    if first.lower().startswith("sep="):
        told = first[4:5]
    delimiters = (told,) if told else DELIMITERS
    tried = [(delimiter, _first_records(head, delimiter)) for delimiter in delimiters]
    if not head.strip("\ufeff\r\n\t "):
        raise BadInput("The file has no lines.", "One address a line is enough.")
    if told:
        tried = [(delimiter, rows[1:]) for delimiter, rows in tried]
    return _named(tried, bool(told)) or _by_cells(tried, bool(told)) or _bare(tried, bool(told))


def _first_records(head: str, delimiter: str) -> list[Row]:
    """Return what can be read; what stops the file is told when all of it is read."""
    found = []
    with suppress(BadInput):
        for row in records(io.StringIO(head), delimiter):
            found.append(row)
            if len(found) == _SEEN:
                break
    return found


def known(heading: str) -> str | None:
    """Return which field a heading names, None where it is no word of ours."""
    return _COLUMNS.get(plain_words(heading.removeprefix("\ufeff")))


def _named(tried: _Tried, before: int) -> Layout | None:
    """Return the layout whose heading names most of what we know, an address among it."""
    best: Layout | None = None
    for delimiter, rows in tried:
        for place, row in enumerate(rows[:_SOUGHT]):
            fields: dict[str, int] = {}
            for at, cell in enumerate(row.cells):
                name = known(cell)
                if name:
                    fields.setdefault(name, at)
            if not fields.keys() & {"email", "address"}:
                continue
            _settle_address(fields)
            if best is None or len(row.cells) > len(best.header):
                header = tuple(cell.strip().removeprefix("\ufeff") for cell in row.cells)
                best = Layout(delimiter, before + place + 1, tuple(rows[:place]), header, fields)
            break
    return best


def _settle_address(fields: dict[str, int]) -> None:
    # "address" beside "email" is where they live, not where they read.
    address = fields.pop("address", None)
    if address is not None:
        fields.setdefault("email", address)


def _by_cells(tried: _Tried, before: int) -> Layout | None:
    """Return a layout whose heading has no word for an address, but whose cells show where."""
    for delimiter, rows in tried:
        body = rows[1:]
        header = rows[0].cells if rows else ()
        if len(header) < 2 or not body or any("@" in cell for cell in header):  # noqa: PLR2004
            continue
        if any(not cell.strip() for cell in header) or rows[0].text.startswith("#"):
            continue
        places = _addressed(body)
        if not places:
            continue
        if len(places) > 1:
            named = ", ".join(header[at].strip()[:40] for at in places)
            raise BadInput(
                f"Several columns hold addresses: {named}.",
                "Call the one that they read mail at email, and import again.",
            )
        fields = {name: at for at, cell in enumerate(header) if (name := known(cell))}
        fields.pop("address", None)
        fields["email"] = places[0]
        return Layout(delimiter, before + 1, (), tuple(cell.strip() for cell in header), fields)
    return None


def _addressed(rows: Sequence[Row]) -> list[int]:
    """Return the columns in which most rows have an address and nothing else."""
    width = max(len(row.cells) for row in rows)
    found = []
    for at in range(width):
        cells = [row.cells[at].strip() for row in rows if len(row.cells) > at]
        full = [cell for cell in cells if cell]
        if full and 2 * sum(is_address(cell) for cell in full) > len(full):
            found.append(at)
    return found


def is_address(cell: str) -> bool:
    """Tell whether a cell holds an address and nothing else, but for a name before it."""
    return "@" in cell.strip("@") and " " not in cell.rpartition("<")[2]


def _bare(tried: _Tried, before: int) -> Layout:
    """Return the layout of a file without a heading: the delimiter that most lines have."""

    def split(rows: Sequence[Row]) -> int:
        return sum(len(row.cells) > 1 and not row.fault for row in rows)

    delimiter, rows = max(tried, key=lambda one: split(one[1]))
    people = [row for row in rows if len(row.cells) > 1]
    places = _addressed(people) if people else []
    if len(places) > 1 and len(people) > 1:
        places = places[:1]
    width = max((len(row.cells) for row in people), default=0)
    return Layout(delimiter, before, address=places[0] if places else None, width=width)
