"""Six languages, each whole: nothing missing, nothing dead, nothing left in English."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages import Catalog, Message, extract
from babel.messages.pofile import read_po

TEMPLATES = Path(__file__).resolve().parents[2] / "templates"
PLURALS = {"en": 2, "sv": 2, "it": 2, "ro": 3, "ru": 3, "nl": 2}
NOT_TEMPLATES = {".py", ".po", ".pot", ".mo", ".css", ".js", ".svg", ".png", ".ico", ".toml"}
# Words that are the same in another language, each looked at by a person.
VIA = "%(writer)s via %(title)s"
SAME_WORD: dict[str, set[str]] = {
    "sv": {"Start", "RSS", "Atom", "Krets", "moderator", VIA},
    "it": {"RSS", "Atom", "Krets"},
    "ro": {"RSS", "Atom", "Krets", "moderator"},
    "ru": {"RSS", "Atom", "Krets"},
    "nl": {"RSS", "Atom", "Krets", "Links", "Start", "Archive", "moderator", VIA},
}

Key = tuple[str | None, str]


def catalogues() -> list[Path]:
    return sorted(TEMPLATES.glob("locale/*/LC_MESSAGES/*.po"))


def language(path: Path) -> str:
    return path.parts[-3]


def read(path: Path) -> Catalog:
    return read_po(io.BytesIO(path.read_bytes()), locale=language(path), abort_invalid=True)


def entries(path: Path) -> Iterator[Message]:
    return (message for message in read(path) if message.id)


def forms(value: str | tuple[str, ...] | list[str]) -> list[str]:
    """Return a text's forms: one, or as many as there are plurals."""
    return [value] if isinstance(value, str) else list(value)


def key(context: str | None, message: object) -> Key:
    return context, forms(message)[0]  # type: ignore[arg-type]


def used() -> set[Key]:
    """Return every text that a template or its code asks for."""
    found: set[Key] = set()
    for path in sorted(TEMPLATES.rglob("*")):
        if not path.is_file() or {"locale", "__pycache__"} & set(path.parts):
            continue
        if path.suffix == ".py":
            method, options = "python", {}
        elif path.suffix not in NOT_TEMPLATES:
            method = "jinja2.ext:babel_extract"
            options = {"silent": "false", "trimmed": "true", "extensions": "jinja2.ext.do"}
        else:
            continue
        with path.open("rb") as file:
            for _, message, _, context in extract.extract(method, file, options=options):
                found.add(key(context, message))
    return found


each = pytest.mark.parametrize("path", catalogues(), ids=language)


def test_there_are_six_languages() -> None:
    assert {language(path) for path in catalogues()} == set(PLURALS)


@each
def test_a_catalogue_has_every_text_that_is_used_and_no_other(path: Path) -> None:
    kept = {key(message.context, message.id) for message in entries(path)}
    assert used() - kept == set(), "missing"
    assert kept - used() == set(), "dead"
    assert not read(path).obsolete, "obsolete"


@each
def test_every_text_is_translated_in_every_plural_form(path: Path) -> None:
    count = PLURALS[language(path)]
    assert read(path).num_plurals == count
    gaps = [
        message.id
        for message in entries(path)
        if message.fuzzy
        or not all(forms(message.string))
        or len(forms(message.string)) != (count if message.pluralizable else 1)
    ]
    assert not gaps


@each
def test_a_text_left_in_english_is_on_the_list_of_same_words(path: Path) -> None:
    if language(path) == "en":
        pytest.skip("English is the language that texts are keyed by")
    left = {
        forms(message.id)[-1]
        for message in entries(path)
        if forms(message.string)[-1] == forms(message.id)[-1]
        and re.search(r"[A-Za-z]{2}", _bare(message))
    }
    assert left - SAME_WORD[language(path)] == set()


def _bare(message: Message) -> str:
    return re.sub(r"%\(\w+\)[sd]|<[^>]*>", "", forms(message.id)[0])


@each
def test_a_translation_fills_the_same_places_and_tags(path: Path) -> None:
    wrong = []
    for message in entries(path):
        asked = set().union(*(places(form) for form in forms(message.id)))
        for form in forms(message.string):
            same = places(form) <= asked if message.pluralizable else places(form) == asked
            tags = [sorted(re.findall(r"</?\w+", text)) for text in (forms(message.id)[-1], form)]
            if not same or tags[0] != tags[1]:
                wrong.append((message.id, form))
    assert not wrong


def places(text: str) -> set[str]:
    return set(re.findall(r"%\((\w+)\)", text)) | set(re.findall(r"(?<!%)%[sd]", text))


@each
def test_a_translation_is_written_in_the_letters_and_the_voice_of_its_language(path: Path) -> None:
    wrong = []
    for message in entries(path):
        for form in forms(message.string):
            cedilla = language(path) == "ro" and re.search("[şţŞŢ]", form)
            latin = (
                language(path) == "ru"
                and forms(message.id)[-1] not in SAME_WORD["ru"]
                and re.search(r"[A-Za-z]{3}", _bare(message))
                and not re.search(r"[\u0400-\u04ff]", form)
            )
            if cedilla or latin or "!" in form or "\u2026..." in form:
                wrong.append(form)
    assert not wrong


@pytest.mark.parametrize("path", catalogues(), ids=language)
def test_no_text_stands_twice(path: Path) -> None:
    """A reader of catalogues keeps one of two, and says nothing of the other."""
    asked = re.findall(
        r'^(?:msgctxt (".*")\n)?msgid (".*"(?:\n".*")*)$', path.read_text("utf-8"), re.MULTILINE
    )
    assert not [one for one in set(asked) if asked.count(one) > 1]
