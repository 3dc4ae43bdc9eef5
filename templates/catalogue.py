"""Read the message catalogues: every word of ours that a person sees, in six languages.

The .po files are read as they are, once, when a language is first needed; there is no build
step. A message's id is its English text. That all six are complete is tested in tests/house.
"""

import gettext
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

HERE = Path(__file__).parent
LANGUAGES = ("sv", "it", "ro", "ru", "nl", "en")
FALLBACK = "en"


class Translator(gettext.NullTranslations):
    """Translate by one catalogue; a message it lacks stays English."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self.language = language
        self._one: dict[str, str] = {}
        self._many: dict[str, tuple[str, ...]] = {}
        catalogue = read_catalogue(language)
        for ids, strings in _messages(catalogue):
            if len(ids) > 1:
                self._many[ids[0]] = strings
            else:
                self._one[ids[0]] = strings[0]
        self._form: Callable[[int], int] = gettext.c2py(catalogue.plural_expr)

    def gettext(self, message: str) -> str:
        """Return ``message`` in this language."""
        return self._one.get(message) or message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """Return the form of ``msgid1``/``msgid2`` that the number ``n`` needs."""
        forms = self._many.get(msgid1)
        if not forms or not all(forms):
            return msgid1 if n == 1 else msgid2
        return forms[self._form(n)]


@cache
def translator(language: str) -> Translator:
    """Return the translator of ``language``; an unknown language is English."""
    return Translator(language if language in LANGUAGES else FALLBACK)


def block_words(language: str) -> dict[str, str]:
    """Return the words of ours that stand among an editor's."""
    _ = translator(language).gettext
    return {"sponsor": _("Advertisement"), "more": _("Read more")}


def read_catalogue(language: str) -> Catalog:
    """Read one language's .po file."""
    path = HERE / "locale" / language / "LC_MESSAGES" / "krets.po"
    with path.open("rb") as file:
        return read_po(file, locale=language)


def _messages(catalogue: Catalog) -> Iterator[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Yield (ids, translations) of every message; both are longer than one for plurals."""
    for message in catalogue:
        if not message.id or message.fuzzy:
            continue
        ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
        text = message.string
        strings = (text or "",) if isinstance(text, str) or text is None else tuple(text)
        yield ids, tuple(str(one or "") for one in strings)
