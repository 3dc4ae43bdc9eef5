"""Questions that one answer settles, and the bounds of mail that nobody asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from mailer.reading.addresses import MailAddress, parse
from mailer.storage.store import Store
from subscriptions.lists import roster
from subscriptions.lists.roster import Address as AddressRow
from subscriptions.membership import optin
from subscriptions.permission import asks, budget
from subscriptions.permission.asks import Ask, AskPurpose, Trouble
from subscriptions.permission.budget import Familiarity, Spent

ANNA = parse("anna@example.net")
NOW = 1_800_000_000.0


@pytest.fixture
def lst(store: Store) -> int:
    with store.write() as session:
        return roster.create_list(session, "friends@example.org", now=1.0).id


def ask(store: Store, lst: int, to: MailAddress = ANNA, **more: int) -> str:
    with store.write() as session:
        return asks.open_ask(session, AskPurpose.CONFIRM, list_id=lst, to=to, now=NOW, **more)


def trouble(store: Store, lst: int, token: str, now: float = NOW, **more: int) -> Trouble | None:
    with store.read() as session:
        return asks.look(session, token, AskPurpose.CONFIRM, list_id=lst, now=now, **more).trouble


def test_looking_any_number_of_times_changes_nothing(store: Store, lst: int) -> None:
    token = ask(store, lst)
    for _ in range(3):
        assert trouble(store, lst, token) is None
        assert trouble(store, lst, token.upper()) is None


def test_a_token_is_spent_once_and_known_as_used_afterwards(store: Store, lst: int) -> None:
    token = ask(store, lst)
    with store.write() as session:
        number = session.scalars(select(Ask.id)).one()
        assert asks.spend(session, number, how="reply", now=NOW)
        assert not asks.spend(session, number, how="button", now=NOW)
    assert trouble(store, lst, token) is Trouble.USED


def test_a_token_for_another_list_purpose_or_revision_is_refused(store: Store, lst: int) -> None:
    token = ask(store, lst, revision=1)
    assert trouble(store, lst + 1, token) is Trouble.UNKNOWN
    assert trouble(store, lst, token, revision=2) is Trouble.SUPERSEDED
    assert trouble(store, lst, token, revision=1) is None
    with store.read() as session:
        found = asks.look(session, token, AskPurpose.MODERATE, list_id=lst, now=NOW)
    assert found.trouble is Trouble.UNKNOWN
    assert found.ask is None


def test_a_token_expires(store: Store, lst: int) -> None:
    token = ask(store, lst)
    assert trouble(store, lst, token, NOW + 7 * 86400 - 1) is None
    assert trouble(store, lst, token, NOW + 7 * 86400) is Trouble.EXPIRED


def test_no_bent_token_is_known(store: Store, lst: int) -> None:
    token = ask(store, lst)
    for place in range(len(token)):
        bent = token[:place] + ("a" if token[place] != "a" else "b") + token[place + 1 :]
        assert trouble(store, lst, bent) is Trouble.UNKNOWN
    for odd in ("", token[:-1], token + "a", "ä" * 26):
        assert trouble(store, lst, odd) is Trouble.UNKNOWN


def test_the_database_holds_no_token(store: Store, lst: int) -> None:
    token = ask(store, lst)
    with store.read() as session:
        row = session.scalars(select(Ask)).one()
    assert token not in repr([getattr(row, c.name) for c in Ask.__table__.columns])


def test_superseding_closes_all_questions_about_one_thing(store: Store, lst: int) -> None:
    tokens = [ask(store, lst, ref=7), ask(store, lst, ref=7), ask(store, lst, ref=8)]
    with store.write() as session:
        assert len(asks.supersede(session, AskPurpose.CONFIRM, 7, now=NOW)) == 2
    assert [trouble(store, lst, token) for token in tokens] == [
        Trouble.SUPERSEDED,
        Trouble.SUPERSEDED,
        None,
    ]


def test_a_stranger_gets_one_mail_a_day_of_whatever_kind(store: Store) -> None:
    with store.write() as session:
        said = [
            budget.allow(session, ANNA.key, kind=kind, now=NOW + number)
            for number, kind in enumerate(["join", "help", "join", "leave", "invitation"] * 8)
        ]
        assert said == [True] + [False] * 39
        assert budget.allow(session, ANNA.key, kind="join", now=NOW + 86400 + 40)


def test_a_source_that_asks_for_many_strangers_is_bounded(store: Store) -> None:
    with store.write() as session:
        said = [
            budget.allow(
                session, f"a{number}@d{number}.example", kind="join", now=NOW, source="192.0.2.1"
            )
            for number in range(60)
        ]
        assert sum(said) == budget.SOURCE
        assert budget.allow(session, "b@example.com", kind="join", now=NOW)


def ask_for(session: Session, number: int, source: str, **more: int) -> bool:
    who = f"a{number}@d{number}.example"
    return budget.allow(session, who, kind="join", now=NOW, source=source, **more)


def test_a_neighbourhood_of_sources_is_bounded_too(store: Store) -> None:
    with store.write() as session:
        said = [ask_for(session, n, f"192.0.2.{n % 100}", in_all=999) for n in range(200)]
        assert sum(said) == budget.NETWORK
        assert ask_for(session, 900, "198.51.100.1", in_all=999)
        said = [ask_for(session, 1000 + n, f"2001:db8:1:{n}::/64", in_all=999) for n in range(200)]
        assert sum(said) == budget.NETWORK
        assert ask_for(session, 901, "2001:db8:2::/64", in_all=999)


def test_a_minute_has_room_for_so_many_strangers_whoever_asks(store: Store) -> None:
    with store.write() as session:
        said = [ask_for(session, n, f"192.0.{n}.1", in_all=20) for n in range(40)]
        assert sum(said) == 20
        assert budget.is_full(session, NOW, 20)
        assert ask_for(session, 50, "198.51.100.1", in_all=20, vouched=True)
        assert ask_for(session, 51, "198.51.100.1", in_all=20, wave=False)
        assert ask_for(session, 52, "", in_all=20)
        assert not budget.is_full(session, NOW + 61, 20)
        assert {name: row.times for name, row in budget.barred(session).items()} == {"minute": 20}


@pytest.mark.parametrize(
    ("spellings", "mailboxes"),
    [
        (["anna+a@x.example", "anna+b@x.example", "anna@x.example"], 1),
        (["an.na@gmail.com", "anna+x@googlemail.com", "anna@gmail.com", "a.n.n.a@gmail.com"], 1),
        (["an.na@x.example", "anna@x.example"], 2),
        (["+a@x.example", "+b@x.example"], 2),
    ],
)
def test_spellings_of_one_mailbox_share_one_mail(
    store: Store, spellings: list[str], mailboxes: int
) -> None:
    with store.write() as session:
        said = [budget.allow(session, key, kind="join", now=NOW) for key in spellings]
        assert sum(said) == mailboxes
        budget.forget(session, spellings)
        assert budget.allow(session, spellings[0], kind="join", now=NOW)


def test_domains_of_one_organisation_share_a_bound(store: Store) -> None:
    with store.write() as session:
        said = [
            budget.allow(session, f"a@d{n}.example.org", kind="join", now=NOW)
            for n in range(budget.DOMAIN + 9)
        ]
        assert sum(said) == budget.DOMAIN


def test_letters_to_owners_are_bounded_by_source_and_by_list(store: Store) -> None:
    with store.write() as session:
        one = [budget.allow_letter(session, "192.0.2.1", "l@x.example", NOW) for _ in range(30)]
        assert sum(one) == budget.LETTERS_FROM
        many = [budget.allow_letter(session, f"10.0.2.{n}", "l@x.example", NOW) for n in range(300)]
        assert sum(one) + sum(many) == budget.LETTERS_TO
        assert budget.allow_letter(session, "10.0.2.99", "other@x.example", NOW)


def test_a_proven_address_has_twenty_a_day(store: Store, lst: int) -> None:
    with store.write() as session:
        person = roster.Person(created=NOW)
        session.add(person)
        session.flush()
        session.add(
            AddressRow(
                person_id=person.id, given=ANNA.given, key=ANNA.key, domain=ANNA.domain,
                created=NOW,
            )
        )  # fmt: skip
        session.flush()
        assert not budget.familiarity_of(session, ANNA.key).proven
        optin.prove(session, ANNA, NOW)
        said = [budget.allow(session, ANNA.key, kind="help", now=NOW) for _ in range(30)]
        assert sum(said) == budget.PROVEN
        session.execute(update(AddressRow).values(proven_at=None))


@given(st.sampled_from(["proven", "member"]), st.integers(0, 30), st.integers(0, 30))
def test_whoever_is_known_better_never_gets_less(known: str, in_all: int, of_kind: int) -> None:
    spent = Spent(in_all=in_all, of_kind=min(of_kind, in_all))
    if not budget.decide(Familiarity(proven=False, member=False), spent):
        better = Familiarity(proven=known == "proven", member=known == "member")
        assert not budget.decide(better, spent)
