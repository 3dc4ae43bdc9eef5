"""An owner's own rules hold, refuse or drop what they say, name themselves, and are never slow."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from listserv.cli.main import krets as command
from listserv.reception import sorter
from listserv.wiring.listserv_tables import Hold
from mailer.errors import BadInput
from mailer.reading import message, spam_marks
from subscriptions.lists import post_rules
from subscriptions.lists.policies import SpamPolicy
from subscriptions.lists.post_rules import PostTraits, matches, met, read
from tests.cost import AFFORDABLE, cost
from tests.place import ANNA, LIST, MODERATOR, Place, make_place, text

POST = PostTraits(
    authors=["bob@spam.example"],
    subject="You won the Lottery",
    headers=lambda name: ["BulkSender 2"] if name.lower() == "x-mailer" else [],
    files=["invoice.PDF.exe"],
    language="ru",
    size=300_000,
    score=7.5,
)


@pytest.fixture
def place(tmp_path: Path, database_url: str) -> Iterator[Place]:
    """Make a list with a member."""
    made = make_place(tmp_path, database_url)
    yield made
    made.end()


@pytest.mark.parametrize(
    ("line", "hits"),
    [
        ("drop from *@spam.example", True),
        ("drop from *@example", False),
        ("drop from bob@spam.example", True),
        ("hold subject *lottery*", True),
        ("hold subject lottery*", False),
        ("hold header X-Mailer: bulk*", True),
        ("hold header X-Other: *", False),
        ("refuse file *.exe", True),
        ("hold file *.pdf", False),
        ("hold language ru", True),
        ("hold larger 200000", True),
        ("hold larger 400000", False),
        ("hold score 7.5", True),
        ("hold score 8", False),
    ],
)
def test_a_rule_meets_what_it_says(line: str, hits: bool) -> None:  # noqa: FBT001
    assert [one.text for one in met(read(line), POST)] == ([line] if hits else [])


@pytest.mark.parametrize(
    "line", ["burn from *", "hold", "hold subject", "hold larger many", "hold header X", "hold x y"]
)
def test_a_line_that_is_no_rule_is_named(line: str) -> None:
    with pytest.raises(BadInput, match=line.split(maxsplit=1)[0]):
        read(f"hold subject x\n{line}")


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
def test_stars_stand_for_anything_and_nothing_else_does(pattern: str, value: str) -> None:
    import re  # noqa: PLC0415 - the slow way to say the same

    slow = ".*".join(map(re.escape, pattern.split("*")))
    assert matches(pattern, value) == bool(re.fullmatch(slow, value))


@pytest.mark.no_cover
def test_no_pattern_makes_a_post_slow() -> None:
    pattern, value = "*a" * 90 + "b", "a" * 1_000_000
    assert cost(lambda: [matches(pattern, value) for _ in range(50)]) < AFFORDABLE


def test_a_post_is_held_by_the_owners_line_which_the_moderators_mail_and_the_queue_name(
    place: Place,
) -> None:
    place.change(rules="hold subject *news*; drop from *@bad.example")
    place.post(ANNA)
    hold: Hold = place.hold()
    assert json.loads(hold.rules) == ["hold subject *news*"]
    place.later(0)
    assert "hold subject *news*" in text(place.mails(MODERATOR)[-1])


def test_a_domain_that_an_owner_drops_gets_nothing_through(place: Place) -> None:
    place.change(rules="drop from *@example.net")
    place.post(ANNA)
    assert place.decisions() == ["discard"]


@pytest.mark.parametrize(
    ("field", "marked", "score"),
    [
        ("X-Spam-Flag: YES", True, None),
        ("X-Spam: Yes", True, None),
        ("X-Spam-Status: Yes, score=9.1 required=5.0 tests=X", True, 9.1),
        ("X-Spam-Status: No, score=-1.2 required=5.0", False, -1.2),
        ("X-Spamd-Result: default: True [17.30 / 15.00];", True, 17.3),
        ("X-Spamd-Result: default: False [2.30 / 15.00];", False, 2.3),
        ("X-Spam-Score: 6.5 (++++++)", False, 6.5),
        ("Subject: X-Spam-Flag: YES", False, None),
    ],
)
def test_a_filters_marks_are_read(field: str, marked: bool, score: float | None) -> None:  # noqa: FBT001
    found = spam_marks.read(message.head(f"{field}\r\n\r\nHi\r\n".encode()))
    assert (found.marked, found.score) == (marked, score)


@pytest.mark.parametrize(
    ("policy", "decision"),
    [(SpamPolicy.HOLD, []), (SpamPolicy.DROP, ["discard"]), (SpamPolicy.TAG, ["accept"])],
)
def test_what_a_front_calls_spam_goes_as_the_list_says(
    place: Place, policy: SpamPolicy, decision: list[str]
) -> None:
    place.change(spam=policy)
    place.post(ANNA, more="X-Spam-Flag: YES\r\n", fronted=True)
    assert place.decisions() == decision
    if not decision:
        assert json.loads(place.hold().rules) == ["spam"]


def test_what_a_client_says_of_its_own_mail_is_heard_nowhere(place: Place) -> None:
    place.app.settings.mailer.__dict__["front"] = ("192.0.2.0/24",)
    place.change(spam=SpamPolicy.DROP, rules="refuse score 1")
    place.post(ANNA, more="X-Spam-Flag: YES\r\nX-Spam-Score: 99\r\n")
    assert place.decisions() == ["accept"]


def test_rules_are_kept_one_a_line_and_not_without_end() -> None:
    assert post_rules.check("HOLD Subject *x* ; drop from a@b.example") == (
        "hold subject *x*\ndrop from a@b.example"
    )
    with pytest.raises(BadInput):
        read("hold subject x\n" * 60)


def test_all_that_a_rule_holds_is_released_or_dropped_at_once(place: Place) -> None:
    place.change(rules="hold subject *news*\nhold subject *other*")
    for _ in range(3):
        place.post(ANNA)
    place.write(ANNA, LIST, "Hello all.", subject="Other things")
    assert place.decisions() == []
    krets(place, "queue", "drop", "--list", LIST, "--rule", "hold subject *other*", "--yes")
    assert place.decisions() == []
    krets(place, "queue", "release", "--rule", "hold subject *news*", "--yes")
    sorter.sort(place.app, lambda: False)
    assert place.decisions() == ["accept"] * 3


def test_nothing_is_decided_about_everything_by_mistake(place: Place) -> None:
    place.change(emergency=True)
    place.post(ANNA)
    assert CliRunner().invoke(command, ["queue", "drop", "--yes"], env=env(place)).exit_code == 2


def env(place: Place) -> dict[str, str]:
    settings = place.app.settings
    return {
        "KRETS_MAILER__DATA": str(settings.mailer.data),
        "KRETS_MAILER__DATABASE": settings.mailer.database,
        "KRETS_LISTSERV__DOMAIN": "example.org",
    }


def krets(place: Place, *words: str) -> None:
    done = CliRunner().invoke(command, words, env=env(place))
    assert done.exit_code == 0, done.output
