"""What people answer, in six languages: given phrases, and sentences that are put together."""

import itertools
import json
from pathlib import Path

import pytest

from listserv.answers import meaning
from listserv.answers.meaning import Meaning
from listserv.answers.own_words import OwnWords
from tests.cost import AFFORDABLE, cost

PHRASES = json.loads((Path(__file__).parent / "phrases.json").read_text(encoding="utf-8"))
ASKED = {
    "confirm-join": meaning.confirm,
    "confirm-leave": meaning.leave,
    "after-leaving": meaning.undo,
    "join-request": meaning.admit,
}
OURS = {"admit": "yes", "refuse": "no"}
GREETINGS = {
    "sv": ("", "Hej! ", "Hej,\n\n"), "it": ("", "Buongiorno, ", "Gentili signori,\n\n"),
    "ro": ("", "Bună ziua! ", "Stimați domni,\n\n"),
    "ru": ("", "Здравствуйте! ", "Добрый день,\n\n"),
    "nl": ("", "Hallo, ", "Geachte heer,\n\n"), "en": ("", "Hi, ", "Dear all,\n\n"),
}  # fmt: skip
ENDINGS = {
    "sv": ("", " tack", ", tack!\n\nMvh\nKarin"), "it": ("", " grazie", ". Grazie,\nPaolo"),
    "ro": ("", " vă rog", ", mulțumesc.\nIon"), "ru": ("", ", пожалуйста", ". Спасибо!\nАнна"),
    "nl": ("", " aub", ". Bedankt!\nGroet, Jan"),
    "en": ("", " please", ". Thanks!\nBest wishes, Tom"),
}  # fmt: skip
JOINING = {
    "sv": ("jag vill vara med", "skriv in mig", "lägg till mig"),
    "it": ("voglio iscrivermi", "iscrivetemi", "aggiungetemi"),
    "ro": ("vreau să mă înscriu", "înscrieți-mă", "adăugați-mă"),
    "ru": ("я хочу подписаться", "подпишите меня", "добавьте меня"),
    "nl": ("ik wil lid worden", "schrijf me in", "meld me aan"),
    "en": ("I want to join", "sign me up", "add me to the list"),
}
NOT_JOINING = {
    "sv": ("jag vill inte vara med", "skriv inte in mig", "lägg inte till mig"),
    "it": ("non voglio iscrivermi", "non iscrivetemi", "non aggiungetemi"),
    "ro": ("nu vreau să mă înscriu", "nu mă înscrieți", "nu mă adăugați"),
    "ru": ("я не хочу подписаться", "не подписывайте меня", "не добавляйте меня"),
    "nl": ("ik wil geen lid worden", "schrijf me niet in", "meld me niet aan"),
    "en": ("I don't want to join", "don't sign me up", "do not add me to the list"),
}
LEAVING = {
    "sv": ("jag vill lämna listan", "ta bort mig", "avregistrera mig"),
    "it": ("voglio uscire", "cancellatemi", "toglietemi dalla lista"),
    "ro": ("vreau să ies", "ștergeți-mă", "scoateți-mă de pe listă"),
    "ru": ("я хочу выйти", "удалите меня", "отпишите меня"),
    "nl": ("ik wil eraf", "schrijf me uit", "meld me af"),
    "en": ("I want to leave", "remove me", "take me off the list"),
}
STAYING = {
    "sv": ("jag vill inte lämna listan", "ta inte bort mig", "avregistrera mig inte"),
    "it": ("non voglio uscire", "non cancellatemi", "non toglietemi dalla lista"),
    "ro": ("nu vreau să ies", "nu mă ștergeți", "nu mă scoateți de pe listă"),
    "ru": ("я не хочу выйти", "не удаляйте меня", "не отписывайте меня"),
    "nl": ("ik wil er niet uit", "schrijf me niet uit", "meld me niet af"),
    "en": ("I don't want to leave", "don't remove me", "do not take me off the list"),
}
each = pytest.mark.parametrize("language", GREETINGS)


def made(language: str, core: dict[str, tuple[str, ...]]) -> list[str]:
    """Put sentences together: a greeting, what is said, and an ending."""
    return [
        f"{hello}{said}{end}"
        for hello, said, end in itertools.product(
            GREETINGS[language], core[language], ENDINGS[language]
        )
    ]


@pytest.mark.parametrize("asked", ASKED)
def test_the_given_phrases_mean_what_they_mean(asked: str) -> None:
    read = ASKED[asked]
    wrong = []
    for phrase in PHRASES:
        if phrase["asked"] == asked:
            found = read(OwnWords(phrase["text"])).means
            expected = OURS.get(phrase["means"], phrase["means"])
            if found != expected and {found, expected} != {"no", "never"}:
                wrong.append((phrase["text"], found))
    assert wrong == []


def lines_of(name: str) -> list[tuple[str, str, str]]:
    """Return (question, what a phrase may mean, the phrase) of a file beside this one."""
    found, asked = [], ""
    for line in (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            asked = line[3:]
        elif "|" in line:
            found.append((asked, *line.split("|", 1)))
    return [(asked, means, text) for asked, means, text in found]


def test_phrases_that_look_like_a_yes_and_are_none_do_nothing() -> None:
    done = [
        text
        for asked, _, text in lines_of("never_a_yes.txt")
        if ASKED[asked](OwnWords(text)).means in {"yes", "undo"}
    ]
    assert done == []


def test_of_fresh_phrases_nearly_all_are_understood_and_none_is_taken_for_a_yes() -> None:
    wrong = []
    for asked, means, text in (cases := lines_of("fresh.txt")):
        found = ASKED[asked](OwnWords(text)).means
        if found != OURS.get(means, means) and {found, means} != {"no", "never"}:
            assert found not in {"yes", "undo"}, text
            wrong.append(text)
    assert len(wrong) < len(cases) * 0.03


def test_what_natives_write_is_understood_and_nothing_is_taken_for_a_yes() -> None:
    cases = [case for case in lines_of("natives.txt") if case[0] in ASKED]
    wrong = []
    for asked, means, text in cases:
        found = ASKED[asked](OwnWords(text)).means
        if found != means and {found, means} != {"no", "never"}:
            assert found not in {"yes", "undo"}, text
            wrong.append(text)
    assert len(wrong) < len(cases) * 0.01


@pytest.mark.parametrize("asked", ASKED)
def test_a_farewell_or_thanks_are_a_yes_to_nothing(asked: str) -> None:
    said = [text for kind, _, text in lines_of("natives.txt") if kind == "farewells"]
    done = [text for text in said if ASKED[asked](OwnWords(text)).means in {"yes", "undo"}]
    assert done == []


@pytest.mark.parametrize(
    "text",
    [
        "OK. Bye.", "Ok! Hej då", "Va bene. Ciao", "Хорошо. Пока", "Prima. Doei", "OK, see you",
        "Yes, Minister", "Yes dear", "Ja du", "Sì, signor Rossi", "Да, товарищ", "Ja, schat",
        "Da, domnule", "Agreed - lunch on Friday", "What a lovely newsletter", "Vad kul",
        "Your order 7731 is confirmed", "Che bello", "Il suo ordine n. 7731 è confermato",
    ],
)  # fmt: skip
def test_a_nod_that_parts_a_yes_to_somebody_and_praise_join_nobody(text: str) -> None:
    assert meaning.confirm(OwnWords(text)).means == "unclear"


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("y", "yes"), ("J", "yes"), ("д", "yes"), ("s", "yes"), ("n", "no"), ("Н", "no"),
        ("✅", "yes"), ("J\nTom likes pizza", "unclear"), ("Thanks\nJ", "unclear"),
        ("what a day, d", "unclear"),
    ],
)  # fmt: skip
def test_one_letter_answers_where_nothing_else_is_said(text: str, means: str) -> None:
    assert meaning.confirm(OwnWords(text)).means == means


def test_russian_in_latin_letters_is_russian() -> None:
    assert meaning.confirm(OwnWords("podtverzhdayu")).means == "yes"
    assert meaning.confirm(OwnWords("ne podpisyvaite menya")).means == "no"
    assert meaning.leave(OwnWords("otpishite menya pozhaluista")).means == "yes"
    assert meaning.leave(OwnWords("ne udalyaite menya")).means == "stay"


@pytest.mark.parametrize(
    "text", ["Yes, goodbye", "Ja, hej då", "Sì, addio", "Да, прощайте", "Ja, tot ziens"]
)
def test_a_farewell_behind_a_yes_leaves_and_joins_nobody(text: str) -> None:
    assert meaning.leave(OwnWords(text)).means == "yes"
    assert meaning.confirm(OwnWords(text)).means == "unclear"


@each
def test_a_made_yes_is_a_yes_and_its_negation_never_is(language: str) -> None:
    assert {meaning.confirm(OwnWords(one)).means for one in made(language, JOINING)} == {"yes"}
    assert {meaning.confirm(OwnWords(one)).means for one in made(language, NOT_JOINING)} == {"no"}


@each
def test_a_made_departure_is_one_and_its_negation_never_is(language: str) -> None:
    assert {meaning.leave(OwnWords(one)).means for one in made(language, LEAVING)} == {"yes"}
    assert "yes" not in {meaning.leave(OwnWords(one)).means for one in made(language, STAYING)}


@each
def test_what_asks_to_leave_never_joins_and_is_no_undo(language: str) -> None:
    for one in made(language, LEAVING):
        assert meaning.confirm(OwnWords(one)).means == "no", one
        assert meaning.undo(OwnWords(one)).means == "no", one


@pytest.mark.parametrize(
    "text",
    [
        "Yes, but only if it is free", "Yes? Who is this?", "Yeah right", "Ja, men vad kostar det?",
        "Sì, ma quanto costa?", "Да, но не сейчас", "Ja maar niet nu", "Da, dar mai târziu",
        "Please add my sister instead, her address is eva@example.org", "Can I join later?",
        "Yes, this is spam", "Thanks, bye", "Hello", "Ok, I'll think about it",
    ],
)  # fmt: skip
def test_a_yes_with_a_doubt_a_question_or_somebody_else_in_it_joins_nobody(text: str) -> None:
    assert meaning.confirm(OwnWords(text)).means in {"unclear", "no"}


@pytest.mark.parametrize(
    "text",
    [
        "I confirm receipt of your message", "We confirm that your request has been received",
        "Vi bekräftar att vi mottagit ditt meddelande", "Jag bekräftar mottagandet",
        "Confermiamo la ricezione della sua richiesta", "Confirmăm primirea mesajului",
        "Подтверждаем получение вашего письма", "Wij bevestigen de ontvangst van uw bericht",
        "ontvangen",
    ],
)  # fmt: skip
def test_who_confirms_that_a_mail_came_joins_nothing(text: str) -> None:
    assert meaning.confirm(OwnWords(text)).means not in {"yes", "empty"}


@pytest.mark.parametrize(
    "text",
    [
        "Do I have to confirm", "Måste jag bekräfta", "Bisogna confermare", "Trebuie să confirm",
        "Нужно подтвердить", "Moet ik bevestigen", "join what", "I want to join another list",
        "yes, for my colleague", "ja, för min kollega", "sì, per mia moglie", "да, для жены",
        "Da, pentru soțul meu", "ja, voor mijn collega", "yes - on behalf of my boss",
        "yes: off the list please", "ja, av med mig", "ja ni är spammare", "да пошли вы",
        "ага, щас", "да ну", "da de unde", "sì, vabbè", "I'm good, thanks", "det är bra tack",
        "Yes, after you tell me who runs it", "ja, från och med januari", "sono già iscritto",
        "sunt deja abonat", "y/n", "👍👎",
    ],
)  # fmt: skip
def test_an_unmarked_question_another_s_yes_and_mockery_join_nobody(text: str) -> None:
    assert meaning.confirm(OwnWords(text)).means in {"unclear", "no"}


@pytest.mark.parametrize(
    "text",
    [
        "Yes Minister", "Yes Prime Minister", "OK Computer", "Super Mario", "Ja Morant", "yes x",
        "yes 7", "ok for Bo", "ja för Anna", "да для Анны", "jo hej du", "jo tjena", "ja hej då",
        "ja hoor, dag", "ja doei", "sì ciao", "ага, привет", "da, pa", "ok, bye", "nou ja",
        "Accepted: Lunch", "Accepterat: Lunch", "Accettato: Pranzo", "Geaccepteerd: Lunch",
        "Acceptat: Prânz", "Accepted: list meeting", "Accepted Lunch", "Yes Man",
        "Perfect Storm", "ok ciao", "ok doei", "ok till Bo", "ok åt Bo", "ok bye then",
        "yes 🙄", "ok 🤡",
    ],
)  # fmt: skip
def test_a_yes_that_goes_on_as_a_title_or_sends_us_off_joins_nobody(text: str) -> None:
    assert meaning.confirm(OwnWords(text)).means == "unclear"


@pytest.mark.parametrize(
    "text",
    [
        "Yes\nTom", "Yes, Tom", "Ja tack Anna Berg", "Ja /Anna", "👍 Tom", "Ja!\nHej då",
        "Ja tack, hej då", "Hej! Ja.", "sì, grazie mille", "Yes, I'd like to join Circle",
        "Ja visst, vad roligt", "Da, Ion", "I confirm: my name is Tom", "ja 😊", "Yes please Bob",
        "YES PLEASE", "Ja ok", "Confirmed, thank you Tom", "Yes I do", "Ja Det vill jag",
    ],
)  # fmt: skip
def test_a_yes_with_a_name_a_farewell_or_joy_behind_it_is_one(text: str) -> None:
    assert meaning.confirm(OwnWords(text)).means == "yes"


@pytest.mark.parametrize("hint", ["sv", "it", "nl"])
def test_a_yes_of_another_language_that_is_a_small_word_of_ones_own_joins_nobody(hint: str) -> None:
    assert meaning.confirm(OwnWords("da"), hint).means == "unclear"
    assert meaning.confirm(OwnWords("da"), "ro").means == "yes"


@pytest.mark.parametrize("text", ["Yes, for my part", "Ja, för min del", "Ja, wat mij betreft"])
def test_a_yes_for_one_s_own_part_is_a_yes(text: str) -> None:
    assert meaning.confirm(OwnWords(text)).means == "yes"


@pytest.mark.parametrize(
    "text",
    [
        "Remove anna@example.net", "Please remove my wife, not me", "Ta bort Anna Svensson",
        "I will leave on Monday, if I can", "Can I stay?", "Thanks, bye", "Yes but not now",
        "What happens to my data if I leave?", "Forse più avanti", "Waarom krijg ik dit?",
    ],
)  # fmt: skip
def test_words_about_others_questions_and_conditions_remove_nobody(text: str) -> None:
    assert meaning.leave(OwnWords(text)).means != "yes"


def test_a_signature_and_a_changed_subject_take_a_yes_away_and_are_no_yes_by_accident() -> None:
    assert meaning.confirm(OwnWords("", "I do not want this.")).means == "no"
    assert meaning.confirm(OwnWords("Yes", "I do not want this.")).means == "unclear"
    assert meaning.confirm(OwnWords("Yes", "Live simply and laugh often.")).means == "yes"
    assert meaning.confirm(OwnWords("", "Live simply and laugh often.")).means == "unclear"
    assert meaning.confirm(OwnWords("", subject="Unsubscribe")).means == "no"
    assert meaning.confirm(OwnWords("", subject="Who is this")).means == "unclear"
    assert meaning.confirm(OwnWords("", subject="your mail", replied=True)).means == "empty"
    assert meaning.confirm(OwnWords("", subject="NO, not me", replied=True)).means == "no"
    assert meaning.confirm(OwnWords("Yes", subject="Hello")).means == "yes"


def test_struck_words_take_a_yes_away_and_leave_a_no() -> None:
    assert meaning.confirm(OwnWords("", unseen="yes")).means == "unclear"
    assert meaning.confirm(OwnWords("yes", unseen="no yes")).means == "unclear"
    assert meaning.confirm(OwnWords("no", unseen="yes no")).means == "no"
    assert meaning.leave(OwnWords("", unseen="yes")).means == "unclear"


def test_a_firms_disclaimer_is_no_word_beside_a_yes_and_a_word_where_nothing_else_is() -> None:
    notice = "This mail is confidential. If you are not the intended recipient, do not read it."
    assert meaning.confirm(OwnWords(f"Yes, please.\n\n{notice}")).means == "yes"
    assert meaning.confirm(OwnWords(notice)).means == "unclear"


def test_an_empty_answer_joins_and_leaves_and_undoes_nothing() -> None:
    assert meaning.confirm(OwnWords("")).means == "empty"
    assert meaning.leave(OwnWords("")) == Meaning("yes", 0.9)
    assert meaning.undo(OwnWords("")).means == "unclear"
    assert meaning.admit(OwnWords("")).means == "empty"


@pytest.mark.no_cover
def test_the_longest_answer_that_is_read_costs_little() -> None:
    text = "Dear all, please take me off this list, thank you very much for everything. " * 4
    meaning.confirm(OwnWords(text))  # the lexicon is read once
    fifty = cost(lambda: [meaning.confirm(OwnWords(text)) for _ in range(50)])
    assert fifty < 25  # 5 ms each on a desk where a unit is 25 ms are 10; growth costs hundreds
    hostile = cost(lambda: meaning.confirm(OwnWords("ta ... bort, ja " * 100_000)))
    assert hostile < AFFORDABLE
