"""Orders that are put together: politeness, a verb, its negation, an ending, in six languages.

What is denied never acts, whoever reads it: a member's command, an editor's send, a moderator's
word, an owner's order about somebody.
"""

import itertools
from zoneinfo import ZoneInfo

import pytest

from listserv.answers import owner_orders
from listserv.answers.owner_order import UNCLEAR
from listserv.letters import commands
from listserv.moderation import rulings
from listserv.newsletters.editors import editor_orders
from tests.listserv.answers.test_meaning import ENDINGS, GREETINGS

NOW = 1_800_000_000.0
READING = {"settings", "data", "help", "thanks", "unclear"}  # what changes nothing
POLITE = {
    "sv": ("", "snälla ", "var snäll och ", "kan ni "), "it": ("", "per favore ", "vi prego, "),
    "ro": ("", "vă rog ", "te rog "), "ru": ("", "пожалуйста, ", "прошу, "),
    "nl": ("", "graag ", "alstublieft, ", "wilt u "),
    "en": ("", "please ", "kindly ", "could you "),
}  # fmt: skip
ASKING = ("kan ni ", "wilt u ", "could you ")  # a question sends no issue
# Each row: what is ordered, and the same denied.
MEMBER = {
    "sv": [("pausa till 1 maj", "pausa inte"), ("lämna", "jag lämnar inte"),
           ("avregistrera mig", "avregistrera mig inte"), ("ta bort mig", "ta aldrig bort mig")],
    "it": [("pausa fino al 1 maggio", "non mettere in pausa"), ("cancellatemi", "non cancellatemi"),
           ("toglietemi", "non toglietemi"), ("voglio uscire", "non voglio uscire")],
    "ro": [("pauză până la 1 mai", "nu vreau pauză"), ("ștergeți-mă", "nu mă ștergeți"),
           ("vreau să ies", "nu vreau să ies"), ("dezabonare", "nu mă dezabonați")],
    "ru": [("пауза до 1 мая", "не нужна пауза"), ("удалите меня", "не удаляйте меня"),
           ("отпишите меня", "не отписывайте меня"), ("хочу выйти", "не хочу выходить")],
    "nl": [("pauze tot 1 mei", "niet pauzeren"), ("schrijf me uit", "schrijf me niet uit"),
           ("meld me af", "meld me niet af"), ("haal me eraf", "haal me er niet af")],
    "en": [("pause until 1 May", "do not pause"), ("unsubscribe me", "don't unsubscribe me"),
           ("remove me", "never remove me"),
           ("take me off the list", "do not take me off the list")],
}  # fmt: skip
EDITOR = {
    "sv": [("skicka", "skicka inte"), ("skicka nu", "skicka inte nu"),
           ("skicka imorgon 8", "skicka inte imorgon 8"), ("godkänn", "godkänn inte")],
    "it": [("invia", "non inviare"), ("invia ora", "non inviare ora"),
           ("invia domani 8", "non inviare domani 8"), ("approva", "non approvare")],
    "ro": [("trimite", "nu trimite"), ("trimite acum", "nu trimite acum"),
           ("trimite mâine 8", "nu trimite mâine 8"), ("aprobă", "nu aproba")],
    "ru": [("отправить", "не отправлять"), ("отправить сейчас", "не отправлять сейчас"),
           ("отправить завтра 8", "не отправлять завтра 8"), ("одобрить", "не одобрять")],
    "nl": [("verstuur", "verstuur niet"), ("verstuur nu", "niet nu versturen"),
           ("verstuur morgen 8", "verstuur niet morgen 8"), ("keur goed", "keur niet goed")],
    "en": [("send", "do not send"), ("send now", "don't send now"),
           ("send tomorrow 8", "don't send tomorrow 8"), ("approve", "do not approve")],
}  # fmt: skip
MODERATOR = {
    "sv": [("ok", "inte ok"), ("spärra", "spärra inte"), ("släpp", "släpp inte")],
    "it": [("ok", "non ok"), ("blocca", "non bloccare"), ("va bene", "non va bene")],
    "ro": [("ok", "nu e ok"), ("blochează", "nu bloca"), ("aprobă", "nu aproba")],
    "ru": [("ок", "не ок"), ("заблокировать", "не блокировать"), ("да", "не надо")],
    "nl": [("ok", "niet ok"), ("blokkeer", "niet blokkeren"), ("ja", "liever niet")],
    "en": [("ok", "not ok"), ("ban", "don't ban"), ("yes", "not yes")],
}  # fmt: skip
OWNER = {
    "sv": [("ta bort {}", "ta inte bort {}"), ("spärra {}", "spärra inte {}"),
           ("lägg till {}: sa ja", "lägg inte till {}: sa ja")],
    "it": [("togli {}", "non togliere {}"), ("blocca {}", "non bloccare {}"),
           ("aggiungi {}: ha detto sì", "non aggiungere {}: ha detto sì")],
    "ro": [("scoate {}", "nu scoate {}"), ("blochează {}", "nu bloca {}"),
           ("adaugă {}: a spus da", "nu adăuga {}: a spus da")],
    "ru": [("удалить {}", "не удалять {}"), ("заблокировать {}", "не блокировать {}"),
           ("добавить {}: сказала да", "не добавлять {}: сказала да")],
    "nl": [("verwijder {}", "verwijder {} niet"), ("blokkeer {}", "blokkeer {} niet"),
           ("voeg {} toe: zei ja", "voeg {} niet toe: zei ja")],
    "en": [("remove {}", "do not remove {}"), ("ban {}", "don't ban {}"),
           ("add {}: said yes", "never add {}: said yes")],
}  # fmt: skip
each = pytest.mark.parametrize("language", GREETINGS)


def made(language: str, core: str) -> list[str]:
    """Put sentences around an order: greetings, politeness before, an ending behind."""
    return [
        f"{hello}{polite}{core.format('anna@example.org')}{end}"
        for hello, polite, end in itertools.product(
            GREETINGS[language], POLITE[language], ENDINGS[language]
        )
    ]


def command(text: str) -> str:
    found = commands.command(text)
    return found.verb if found is not None else "unclear"


def order(text: str) -> str:
    found = editor_orders.read(text, NOW, ZoneInfo("UTC"))
    return found.verb.value if found is not None else "unclear"


def ruling(text: str) -> str:
    found = rulings.read(text)
    return found.word if found is not None else "unclear"


def about(text: str) -> str:
    found = {one.verb for one in owner_orders.read(text)} - {UNCLEAR}
    return ",".join(sorted(found)) or "unclear"


@each
def test_a_denied_command_changes_nothing(language: str) -> None:
    wrong = [(one, command(one)) for _, no in MEMBER[language] for one in made(language, no)]
    assert [one for one in wrong if one[1] not in READING | {"join", "resume"}] == []


@each
def test_a_denied_send_sends_nothing(language: str) -> None:
    wrong = [(one, order(one)) for _, no in EDITOR[language] for one in made(language, no)]
    assert [one for one in wrong if one[1] not in {"unclear", "cancel", "stop"}] == []


@each
def test_a_denied_word_of_a_moderator_lets_nothing_out_and_bans_nobody(language: str) -> None:
    wrong = [(one, ruling(one)) for _, no in MODERATOR[language] for one in made(language, no)]
    assert [one for one in wrong if one[1] in {"ok", "always", "ban", "edit"}] == []


@each
def test_a_denied_order_of_an_owner_moves_nobody(language: str) -> None:
    wrong = [(one, about(one)) for _, no in OWNER[language] for one in made(language, no)]
    assert [one for one in wrong if one[1] != "unclear"] == []


@each
@pytest.mark.parametrize(("core", "read"), [(MEMBER, command), (EDITOR, order), (OWNER, about)])
def test_what_is_ordered_politely_is_understood_nine_times_in_ten(
    language: str, core: dict[str, list[tuple[str, str]]], read: object
) -> None:
    assert callable(read)
    cases = [one for yes, _ in core[language] for one in made(language, yes)]
    if core is EDITOR:
        cases = [one for one in cases if not any(asks in one for asks in ASKING)]
    missed = [one for one in cases if read(one) == "unclear"]
    assert len(missed) <= 0.1 * len(cases), missed
