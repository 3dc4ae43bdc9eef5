"""Files of people: every encoding, delimiter and damage gives each line its fate."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailer.errors import BadInput
from subscriptions.lists.roster import Role
from subscriptions.member_files.csv_rows import MAX_LINE, neutral
from subscriptions.member_files.member_file import Defaults, MemberLine, read_people, split_named
from subscriptions.membership.members import Fate
from subscriptions.membership.role_accounts import is_role_address
from subscriptions.permission.consent import ConsentNote, Source

NOTE = ConsentNote("on paper", Source.IMPORT)
DEFAULTS = Defaults(consent=NOTE, template=ConsentNote("", Source.IMPORT), now=2e9)


def _read(data: bytes, encoding: str = "") -> list[MemberLine]:
    return list(read_people(io.BytesIO(data), DEFAULTS, encoding).lines)


def _people(data: bytes, encoding: str = "") -> list[tuple[str, str]]:
    return [(x.candidate.address.given, x.name) for x in _read(data, encoding) if x.candidate]


SHEET = "e-post;namn;språk\r\nasa@example.org;Åsa Öberg;sv\r\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_a_sheet_is_read_in_the_encoding_it_has(encoding: str) -> None:
    assert _people(SHEET.encode(encoding)) == [("asa@example.org", "Åsa Öberg")]


def test_a_fallback_is_told_and_can_be_overruled() -> None:
    data = "email,name\nivan@example.org,Иван\n".encode("koi8-r")
    assert "--encoding" in read_people(io.BytesIO(data), DEFAULTS).notes[0]
    assert _people(data, "koi8-r") == [("ivan@example.org", "Иван")]
    with pytest.raises(BadInput):
        _people(data, "no-such-encoding")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_a_header_tells_the_delimiter(delimiter: str) -> None:
    text = f"Name{delimiter}E-mail address\nAnna Ek{delimiter}anna@example.org\n"
    assert _people(text.encode()) == [("anna@example.org", "Anna Ek")]


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nemail;name\nanna@example.org;Anna\n",
        "email,first name,last_name\nanna@example.org,Anna,\n",
        "address,email,name\nMain Street,anna@example.org,Anna\n",
        "Anna <anna@example.org>\n",
        '"Anna" <anna@example.org>,\n',
        "anna@example.org,Anna\n",
        "Anna;anna@example.org\n",
        "# our people\n\nAnna <anna@example.org>",
        'email,name\r"anna@example.org","Anna"\r',
        'email,name\n"anna@example.org","Anna\n"\n',
        "email\nAnna <anna@example.org>\n",
    ],
)
def test_many_ways_to_write_one_person(text: str) -> None:
    assert _people(text.encode()) == [("anna@example.org", "Anna")]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("anna", "not a mail address"),
        ("an\x00na@example.org,Anna", "character"),
        ("anna@example.org,A\x00", "control"),
        ("anna@example.org," + "x" * 201, "longer"),
        ("a" * 70 + "@example.org,A", "too long"),
        ("anna@example.org,Ek, Anna", "quotation"),
        (",Anna", "no address"),
        ("x" * (MAX_LINE + 50), "far too long"),
        ('"' * 2 * MAX_LINE, "far too long"),
        (" " * 2 * MAX_LINE, "far too long"),
    ],
)
def test_a_broken_line_costs_only_itself(line: str, why: str) -> None:
    lines = _read(f"email,name\n{line}\nboris@example.org,Boris\n".encode())
    assert [x.candidate is not None for x in lines] == [False, True]
    assert lines[0].outcome
    assert lines[0].outcome.fate is Fate.INVALID
    assert why in lines[0].outcome.why
    assert [x.number for x in lines] == [2, 3]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('email,name\na@example.org,"A\nb@example.org,B\n', 2),
        ('email,name\na@example.org,A\nb@example.org,"B', 3),
        ('email,name\na@example.org,"A\nb@example.org,"B\nc@example.org,C\n', 2),
        ('email;name;notes\na@example.org;"A\nB";"x\nb@example.org;B;\n', 3),
    ],
)
def test_an_open_quotation_mark_stops_the_file_and_names_its_line(text: str, line: int) -> None:
    with pytest.raises(BadInput, match=f"line {line} a quotation mark"):
        _read(text.encode())


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("inside", ["\n", "\r\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "note", ["was c@example.org$before", "old:$c@example.org", "a$c@example.org{} Carl$z", "x$"]
)
def test_nobody_is_added_from_a_cell_that_is_not_the_address(
    delimiter: str, inside: str, end: str, note: str
) -> None:
    cell = note.format(delimiter).replace("$", inside)
    rows = [
        ("email", "name", "notes"),
        ("a@example.org", f'"Anna{inside}Berg"', f'"{cell}"'),
        ("b@example.org", '"Bo ""Bee"" Ek"', "x"),
    ]
    text = end.join(delimiter.join(row) for row in rows)
    assert _people(text.encode()) == [
        ("a@example.org", "Anna Berg"),
        ("b@example.org", 'Bo "Bee" Ek'),
    ]


def test_a_sheet_without_a_heading_gives_addresses_from_one_column_alone() -> None:
    text = "Anna,a@example.org,\nBo,b@example.org,x\nCarl,,dora@example.org\n"
    assert [email for email, _ in _people(text.encode())] == ["a@example.org", "b@example.org"]


@pytest.mark.parametrize(
    "text",
    [
        "Members for group choir@example.org\nEmail address,Nickname\na@example.org,Anna\n",
        "Adrese,Name\na@example.org,Anna\n",
        "E-Mail-Adresse;Vorname;Nachname\na@example.org;Anna;\n",
        "Nom;Adresse e-mail\nAnna;a@example.org\n",
        "Subscribed Addresses\nAnna <a@example.org>\n",
    ],
)
def test_the_address_column_is_found_by_its_heading_or_its_cells(text: str) -> None:
    assert _people(text.encode()) == [("a@example.org", "Anna")]


@pytest.mark.parametrize("encoding", ["cp1251", "koi8-r", "utf-8", "utf-16"])
def test_cyrillic_is_told_from_latin(encoding: str) -> None:
    data = "email,name\nivan@example.org,Иван Петров\n".encode(encoding)
    assert _people(data) == [("ivan@example.org", "Иван Петров")]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b"PK\x03\x04rest"])
def test_what_is_no_file_of_people_is_refused(data: bytes) -> None:
    with pytest.raises(BadInput):
        _people(data)


def test_columns_say_role_and_consent_and_never_by_guess() -> None:
    text = (
        "email,role,consent,consent date,consent ip\n"
        "a@example.org,Owner,by phone,2020-05-03,192.0.2.7\n"
        "b@example.org,king,,,\n"
        "c@example.org,,No,,\n"
        "d@example.org,,,last week,\n"
        "e@example.org,,,2999-01-01,\n"
    )
    lines = _read(text.encode())
    first = lines[0].candidate
    assert first
    assert first.consent
    assert (first.role, first.consent.wording, first.consent.ip) == (
        Role.OWNER,
        "by phone",
        "192.0.2.7",
    )
    assert [x.outcome.fate for x in lines[1:] if x.outcome] == [
        Fate.INVALID,
        Fate.NO_CONSENT,
        Fate.INVALID,
        Fate.INVALID,
    ]


@pytest.mark.parametrize("email", ["postmaster@example.org", "no-reply+x@example.org"])
def test_a_role_address_is_nobody(email: str) -> None:
    assert is_role_address(email)
    assert _people(f"{email}\n".encode()) == []


@given(st.binary(max_size=400))
def test_any_bytes_give_fates_or_a_plain_error(data: bytes) -> None:
    try:
        lines = _read(data)
    except BadInput:
        return
    assert all((x.candidate is None) != (x.outcome is None) for x in lines)


@given(st.lists(st.text('a@b.c",;\n <>', max_size=30), max_size=12))
def test_no_line_is_lost_or_told_twice(cells: list[str]) -> None:
    text = "email\n" + "\n".join(cells)
    try:
        numbers = [x.number for x in _read(text.encode())]
    except BadInput:  # a quotation mark is open: nobody is read at all
        numbers = []
    assert numbers == sorted(set(numbers))


def test_a_hostile_line_costs_no_time() -> None:
    spaces = "a" + " " * 16_000
    assert split_named(spaces) is None
    hostile = "\n".join(['"' * 98 + "x"] * 300)
    assert len(_read(f"email,name\n{hostile}\n".encode())) == 300


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_report_has_no_formulas(cell: str) -> None:
    assert neutral(cell) == "'" + cell
    assert neutral("anna@example.org") == "anna@example.org"
