"""A list is one sorter's at a time: by a claim with an epoch and a lease."""

import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy import update

from listserv.posts import list_claims
from listserv.posts.list_claims import ListClaim, ListClaims
from listserv.wiring.listserv_tables import SortedList
from mailer.errors import Temporary
from mailer.ledger import claim_owners
from mailer.storage.store import Store

A, B = "a@example.org", "b@example.org"


def take(claims: ListClaims, *addresses: str) -> list[ListClaim]:
    with claims.store.write() as session:
        return claims.take(session, addresses)


def change(store: Store, **values: object) -> None:
    with store.write() as session:
        session.execute(update(SortedList).values(**values))


def test_a_list_that_somebody_has_is_nobody_elses(store: Store) -> None:
    one, other = ListClaims(store), ListClaims(store)
    assert [claim.list_address for claim in take(one, A)] == [A]
    assert [claim.list_address for claim in take(other, A, B)] == [B]
    with store.read() as session:
        assert (one.busy(session), other.busy(session)) == ({B}, {A})


def test_a_list_that_was_given_back_is_free_and_its_epoch_has_grown(store: Store) -> None:
    one, other = ListClaims(store), ListClaims(store)
    (first,) = take(one, A)
    with store.write() as session:
        one.give_back(session, [first])
    (second,) = take(other, A)
    assert second.epoch > first.epoch


def test_who_has_lost_a_list_writes_nothing(store: Store) -> None:
    one, other = ListClaims(store), ListClaims(store)
    (lost,) = take(one, A)
    change(store, until=1.0)  # its lease ran out
    (mine,) = take(other, A)
    with pytest.raises(Temporary), store.write() as session:
        list_claims.keep(store, session, lost, 5.0)
    with store.write() as session:
        one.give_back(session, [lost])  # which takes nothing from whoever has it
        list_claims.keep(store, session, mine, 5.0)
    assert take(one, A) == []


def test_each_write_lengthens_the_lease_and_says_when_the_last_post_was_decided(
    store: Store,
) -> None:
    one = ListClaims(store)
    (claim,) = take(one, A)
    change(store, until=1.0)
    with store.write() as session:
        list_claims.keep(store, session, claim, 5.0)
        list_claims.keep(store, session, claim, 4.0)  # a clock that was put back
    assert take(ListClaims(store), A) == []
    (again,) = take(one, A)
    assert again.newest == 5.0


def test_a_process_that_was_killed_here_holds_nothing(store: Store) -> None:
    words = "import os; from mailer.ledger import claim_owners; print(claim_owners.here().text())"
    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    take(ListClaims(store), A)
    change(store, holder=f"{told.stdout.strip()} 0")
    assert [claim.list_address for claim in take(ListClaims(store), A)] == [A]


def test_a_process_on_another_machine_holds_until_its_lease_runs_out(store: Store) -> None:
    elsewhere = replace(claim_owners.here(), boot="another", pid=1, started=1)
    take(ListClaims(store), A)
    change(store, holder=f"{elsewhere.text()} 0")
    assert take(ListClaims(store), A) == []
    change(store, until=1.0)
    assert [claim.list_address for claim in take(ListClaims(store), A)] == [A]
