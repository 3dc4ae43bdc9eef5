"""Enrolling, changing, asking who is mailed, showing and forgetting."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from mailer.errors import BadInput, Refused
from mailer.reading import addresses
from mailer.storage.store import Store
from mailer.storage.tokens import Keyring
from subscriptions.audience.audience import audience_select, still_wanted
from subscriptions.lists.rhythms import by_itself, waits
from subscriptions.lists.roster import (
    Address,
    MailList,
    Membership,
    MembershipState,
    Person,
    Rhythm,
    Role,
    membership_of,
)
from subscriptions.membership import personal_data
from subscriptions.membership.changes import ChangeContext, change_role, change_state, leave
from subscriptions.membership.members import Candidate, Fate, Known, decide, enrol
from subscriptions.permission import consent, suppression
from subscriptions.permission.consent import Act, Consent, ConsentNote, Source
from subscriptions.permission.suppression import Reason, Suppression

Add = Callable[..., Fate]
NOTE = ConsentNote("by phone", Source.CLI, ip="192.0.2.1", actor="olga@example.org")


def test_one_person_however_spelled(store: Store, add: Add) -> None:
    assert add("Anna@B\u00fccher.example") is Fate.ADDED
    assert add("anna@xn--bcher-kva.example") is Fate.ALREADY
    assert add("ANNA@BU\u0308CHER.EXAMPLE") is Fate.ALREADY
    with store.read() as session:
        assert session.scalars(select(Address.given)).all() == ["Anna@B\u00fccher.example"]


@given(st.sampled_from(["anna@example.org", "åsa@bücher.example", "Иван@почта.example"]))
def test_spelling_never_makes_a_second_person(email: str) -> None:
    first = addresses.parse(email)
    for other in (email.upper(), email.lower(), f" {email} ", first.wire):
        assert addresses.parse(other).key == first.key


def test_a_file_of_people_reads_no_table_whole(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    """PostgreSQL kept a plan made when there was one person, and read all people for each."""
    if store.sqlite:
        pytest.skip("SQLite plans by indexes alone.")
    add("anna@example.org")
    with store.write() as session:
        session.execute(text("ANALYZE"))
    read = 0
    for start in range(0, 600, 100):
        some = [
            Candidate(addresses.parse(f"p{at}@example.org"), consent=NOTE)
            for at in range(start, start + 100)
        ]
        with store.write() as session:
            enrol(session, lst, some, keyring=keyring, now=5.0)
            counted = text(
                "SELECT sum(seq_tup_read) FROM pg_stat_xact_user_tables"
                " WHERE relname IN ('person', 'address', 'membership')"
            )
            read += session.scalar(counted) or 0
    assert read == 0


def test_without_consent_they_are_pending_and_not_mailed(
    store: Store, lst: MailList, add: Add
) -> None:
    assert add("anna@example.org", None) is Fate.ASKED
    assert add("anna@example.org", None) is Fate.ALREADY
    with store.read() as session:
        assert session.execute(audience_select(lst.id, now=20.0)).all() == []
    assert add("anna@example.org") is Fate.ADDED
    with store.read() as session:
        assert len(session.execute(audience_select(lst.id, now=20.0)).all()) == 1


def test_who_left_does_not_come_back_by_being_added(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    add("anna@example.org")
    with store.write() as session:
        member = membership_of(session, lst.id, "anna@example.org")
        assert member
        assert leave(ChangeContext(session, lst, keyring, NOTE, 20.0), member)
        assert not leave(ChangeContext(session, lst, keyring, NOTE, 21.0), member)
    assert add("anna@example.org") is Fate.LEFT
    with store.write() as session:
        member = membership_of(session, lst.id, "anna@example.org")
        assert member
        silent = ConsentNote("", Source.CLI)
        with pytest.raises(Refused):
            change_state(
                ChangeContext(session, lst, keyring, silent, 3.0), member, MembershipState.ACTIVE
            )
        assert change_state(
            ChangeContext(session, lst, keyring, NOTE, 30.0), member, MembershipState.ACTIVE
        )
        assert (member.state, member.left_at) == (MembershipState.ACTIVE, None)


def test_nobody_is_made_pending_by_hand(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    add("anna@example.org")
    with store.write() as session:
        member = membership_of(session, lst.id, "anna@example.org")
        assert member
        with pytest.raises(BadInput):
            change_state(
                ChangeContext(session, lst, keyring, NOTE, 3.0), member, MembershipState.PENDING
            )


@pytest.mark.parametrize("reason", [Reason.DEAD, Reason.COMPLAINT, Reason.NEVER])
def test_a_suppressed_address_is_not_added(store: Store, add: Add, reason: Reason) -> None:
    with store.write() as session:
        suppression.suppress(session, "anna@example.org", reason, 1.0)
        suppression.suppress(session, "anna@example.org", reason, 2.0)
    assert add("anna@example.org") is Fate.SUPPRESSED


@pytest.mark.parametrize("email", ["friends@example.org", "friends-join@example.org"])
def test_a_list_is_not_its_own_member(add: Add, email: str) -> None:
    assert add(email) is Fate.OWN_ADDRESS


def test_a_file_names_somebody_twice(store: Store, lst: MailList, keyring: Keyring) -> None:
    people = [
        Candidate(addresses.parse(email), consent=NOTE)
        for email in ("a@example.org", "A@example.org", "b@example.org")
    ]
    with store.write() as session:
        dry = enrol(session, lst, people, keyring=keyring, now=1.0, dry_run=True)
        wet = enrol(session, lst, people, keyring=keyring, now=1.0)
    assert [o.fate for o in wet] == [Fate.ADDED, Fate.DUPLICATE, Fate.ADDED]
    assert dry == wet


def test_what_is_known_about_a_person_is_filled_in_and_never_overwritten(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    add("anna@example.org", None)
    add("anna@example.org", name="Anna", language="sv")
    with store.read() as session:
        person = session.scalars(select(Person)).one()
        assert (person.name, person.language) == ("Anna", "sv")


def test_two_addresses_of_one_person_are_one_member(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    add("anna@example.org")
    with store.write() as session:
        person_id = session.scalars(select(Person.id)).one()
        session.add(
            Address(
                person_id=person_id,
                given="anna@work.example",
                key="anna@work.example",
                domain="work.example",
                created=1.0,
            )
        )
    assert add("anna@work.example") is Fate.ALREADY
    with store.read() as session:
        assert membership_of(session, lst.id, "anna@work.example")


def _audience(store: Store, lst: MailList, **more: object) -> Sequence[tuple[object, ...]]:
    with store.read() as session:
        return [tuple(row) for row in session.execute(audience_select(lst.id, now=100.0, **more))]


def test_the_audience_is_who_is_awake_and_wants_each_mail(
    store: Store, lst: MailList, add: Add
) -> None:
    for name in ("a", "b", "c", "d", "e", "f", "g"):
        add(f"{name}@example.org", language="sv")
    add("daily@example.org", rhythm=Rhythm.DAILY)
    add("pending@example.org", None)
    with store.write() as session:
        find = {n: membership_of(session, lst.id, f"{n}@example.org") for n in "abcdefg"}
        find["b"].rhythm = Rhythm.PAUSED  # type: ignore[union-attr]
        find["c"].state = MembershipState.LEFT  # type: ignore[union-attr]
        find["d"].state, find["d"].paused_until = MembershipState.PAUSED, 200.0  # type: ignore[union-attr]
        find["e"].state, find["e"].paused_until = MembershipState.PAUSED, 50.0  # type: ignore[union-attr]
        suppression.suppress(session, "f@example.org", Reason.DEAD, 1.0)
        suppression.suppress(session, "f@example.org", Reason.NEVER, 1.0)
        ids = {name: member.id for name, member in find.items() if member}
    each = by_itself(100.0, first=False)
    rows = _audience(store, lst, how=each)
    assert rows == [
        (ids[name], f"{name}@example.org", "example.org", "sv", False) for name in ("a", "e", "g")
    ]
    assert _audience(store, lst, after=ids["a"], limit=1, how=each) == rows[1:2]
    others = [row[1] for row in _audience(store, lst, how=waits(100.0))]
    assert others == ["daily@example.org"]
    with store.read() as session:
        unwanted = still_wanted(session, [*ids.values(), 9999], 100.0)
    assert unwanted == {
        ids["b"]: "paused",
        ids["c"]: "left",
        ids["d"]: "paused",
        ids["f"]: unwanted[ids["f"]],
        9999: "erased",
    }
    assert unwanted[ids["f"]] in {"dead", "never-mail-me"}


def test_the_audience_feeds_an_insert_from_select(store: Store, lst: MailList, add: Add) -> None:
    from sqlalchemy import column, insert, table  # noqa: PLC0415 - only this test needs them

    add("a@example.org")
    with store.write() as session:
        target = table("suppression", column("address"), column("reason"), column("since"))
        chosen = audience_select(lst.id, now=1.0, limit=10).subquery()
        session.execute(
            insert(target).from_select(
                ["address", "reason", "since"],
                select(chosen.c.given, chosen.c.domain, chosen.c.id),
            )
        )
        assert session.scalar(select(func.count()).select_from(Suppression)) == 1


def test_roles_and_leaving_stand_in_the_ledger(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    add("anna@example.org")
    with store.write() as session:
        member = membership_of(session, lst.id, "anna@example.org")
        assert member
        desk = ChangeContext(session, lst, keyring, NOTE, 11.0)
        assert change_role(desk, member, Role.OWNER)
        assert not change_role(desk, member, Role.OWNER)
        leave(desk, member)
        entries = consent.history(session, keyring, ["anna@example.org"])
        assert [(e.act, e.detail) for e in entries] == [
            (Act.CONSENTED, ""),
            (Act.ROLE, "member -> owner"),
            (Act.LEFT, "active -> left"),
        ]


def test_a_dossier_shows_everything_and_forgetting_leaves_no_plain_word(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    add("Anna@example.org", NOTE, name="Anna Andersson")
    add("boris@example.org", ConsentNote("asked in person", Source.CLI, actor="anna@example.org"))
    with store.write() as session:
        suppression.suppress(session, "anna@example.org", Reason.DEAD, 5.0)
    with store.read() as session:
        shown = personal_data.open_dossier(session, keyring, "anna@example.org", 20.0)
    assert shown.name == "Anna Andersson"
    assert shown.memberships[0].list == "friends@example.org"
    assert (shown.consent[0].wording, shown.consent[0].ip) == ("by phone", "192.0.2.1")
    assert shown.suppression[0].reason == "dead"

    told = []
    with store.write() as session:
        gone = personal_data.forget(
            session,
            keyring,
            "anna@example.org",
            note=ConsentNote("", Source.CLI),
            now=30.0,
            also=[lambda _session, forgotten: told.append(forgotten)],
        )
    assert told == [gone]
    assert (len(gone.membership_ids), gone.lists) == (1, ("friends@example.org",))
    with store.read() as session:
        text = str(
            [
                row
                for table in (Person, Address, Membership, Suppression, Consent)
                for row in session.execute(select(table.__table__)).all()
            ]
        )
        assert "anna" not in text.lower()
        assert "192.0.2.1" not in text
        assert "boris@example.org" in text
        after = personal_data.open_dossier(session, keyring, "anna@example.org", 40.0)
    assert [entry.act for entry in after.consent] == ["consented", "erased"]
    assert after.suppression[0].reason == "erased"
    assert add("anna@example.org") is Fate.ERASED


def test_an_erased_membership_id_is_never_used_again(
    store: Store, lst: MailList, keyring: Keyring, add: Add
) -> None:
    add("anna@example.org")
    with store.write() as session:
        gone = personal_data.forget(
            session, keyring, "anna@example.org", note=ConsentNote("", Source.CLI), now=3.0
        )
    add("boris@example.org")
    with store.read() as session:
        assert session.scalars(select(Membership.id)).one() > gone.membership_ids[0]


_keys = st.sampled_from([f"{c}@example.org" for c in "abcd"])


@given(st.lists(_keys, max_size=8), st.booleans())
def test_deciding_twice_adds_nobody_twice(
    emails: list[str],
    asked: bool,  # noqa: FBT001 - hypothesis gives by position
) -> None:
    note = None if asked else NOTE
    lst = MailList(name="friends", domain="example.org")
    people = {f"{c}@example.org": (i, i) for i, c in enumerate("ab", 1)}
    known = Known(people=people)
    chosen = [Candidate(addresses.parse(email), consent=note) for email in emails]
    added = [
        c.address.key for c in chosen if decide(c, known, lst.owns).fate in (Fate.ADDED, Fate.ASKED)
    ]
    assert sorted(added) == sorted(set(emails))
