"""Languages: the six are told, their neighbours are not taken for them, and code says nothing."""

import lzma
import re
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from babel.messages.pofile import read_po

from mailer.reading.bodies import read
from mailer.reading.common_words import SIX
from mailer.reading.language import language_of
from tests.cost import AFFORDABLE, cost

LOCALE = Path(__file__).resolve().parents[3] / "templates" / "locale"
ALL_AT_ONCE = 150  # characters; a longer text of ours may speak six languages
SENTENCES = [
    line.split("\t")
    for line in Path(__file__).with_name("languages.txt").read_text(encoding="utf-8").splitlines()
]
NEIGHBOURS = sorted({code for code, _ in SENTENCES} - set(SIX))
PATCH = """
---
 drivers/accessibility/speech.c | 8 ++++----
 1 file changed, 4 insertions(+), 4 deletions(-)

diff --git a/drivers/accessibility/speech.c b/drivers/accessibility/speech.c
index 1fd1f6b..2c7a2a4 100644
--- a/drivers/accessibility/speech.c
+++ b/drivers/accessibility/speech.c
@@ -81,7 +81,7 @@ static int speech_open(struct inode *inode, struct file *file)
     /* this is not the place where the buffer should be allocated */
-    if (!buffer) return -ENOMEM; /* we have to do it before the device is opened */
+    if (!buffer) goto out; /* that is what all of the others do */
     while (is_open(file) && !do_not_wait) { wait_for(it, and_then_the_next); }
"""


def own_sentences(language: str) -> list[str]:
    """Return what we say in a language ourselves, a sentence or two each."""
    path = LOCALE / language / "LC_MESSAGES" / "krets.po"
    found = []
    for message in read_po(BytesIO(path.read_bytes())):
        text = message.string if isinstance(message.string, str) else (message.string or [""])[0]
        if 60 <= len(text) < ALL_AT_ONCE:
            found.append(text)
    return found


@pytest.mark.parametrize("language", SIX)
def test_nearly_all_of_our_own_sentences_are_told(language: str) -> None:
    told = [language_of(text) for text in own_sentences(language)]
    assert told.count(language) >= 0.95 * len(told)
    wrong = [one for one in told if one not in {language, ""}]
    assert len(wrong) <= 0.01 * len(told)  # some sentences of ours list words of six languages


@pytest.mark.parametrize("language", SIX)
def test_one_short_sentence_is_enough(language: str) -> None:
    told = [language_of(text) for code, text in SENTENCES if code == language]
    assert set(told) <= {language, ""}
    assert told.count(language) >= 0.95 * len(told)


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_a_neighbour_is_not_taken_for_one_of_the_six(neighbour: str) -> None:
    taken = [text for code, text in SENTENCES if code == neighbour and language_of(text)]
    assert not taken


@pytest.mark.parametrize("language", SIX)
def test_a_patch_below_does_not_change_the_language_of_a_mail(language: str) -> None:
    texts = [text for code, text in SENTENCES if code == language]
    told = [language_of(f"{one}\n{other}\n{PATCH}") for one, other in pairwise(texts)]
    assert set(told) <= {language, ""}
    assert told.count(language) >= 0.95 * len(told)


@pytest.mark.parametrize("said", ["", "sv"])
def test_a_bare_patch_is_in_no_other_language(said: str) -> None:
    assert language_of(PATCH, said) in {"", said}


def test_real_english_mails_and_patches_are_english(corpora: Path) -> None:
    packed = corpora / "community" / "speakup.mbox.xz"
    raws = re.split(rb"(?m)^From .*\n", lzma.decompress(packed.read_bytes()))[1:]
    told = [read(raw).language for raw in raws[::4]]
    assert set(told) <= {"en", ""}
    assert told.count("en") >= 0.95 * len(told)
    patches = [read(raw).language for raw in raws if b"\n@@ -" in raw]
    assert set(patches) <= {"en", ""}
    assert patches.count("en") >= 0.95 * len(patches)


@pytest.mark.parametrize("text", ["a" * 40_000, "-by" * 15_000, "å'" * 20_000, "<" * 40_000])
def test_what_a_stranger_writes_costs_no_more_for_its_length(text: str) -> None:
    assert cost(lambda: language_of(text)) < AFFORDABLE / 100


@pytest.mark.parametrize(
    ("text", "said", "language"),
    [
        ("Yes.", "", ""),
        ("Tack!", "sv-SE", "sv"),
        ("", "x" * 1000, ""),
        ("Das ist nicht das, was ich mit der Liste wollte.", "", ""),
        ("Das ist nicht das, was ich mit der Liste wollte.", "sv", ""),
        ("Добрий день, шановні", "ru", ""),
        ("1234 5678", "en", "en"),
        ("1234 5678", "de", ""),
    ],
)
def test_few_words_leave_it_to_the_head(text: str, said: str, language: str) -> None:
    assert language_of(text, said) == language
