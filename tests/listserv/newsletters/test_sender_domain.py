"""What an editor is told of DKIM, SPF and DMARC, by the command that proves a draft too."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from listserv.cli.newsletter import newsletter
from listserv.mailings.signing import Signer
from listserv.newsletters.checks import sender_domain
from listserv.wiring.app import App
from listserv.wiring.config import load
from mailer.authentication import dkim_keys
from mailer.authentication.alignment import DomainPolicy, DomainRecords, Enquiries, Published, Spf
from mailer.reading.addresses import parse
from mailer.storage.store import Store
from subscriptions.lists.roster import ListKind, Role, create_list
from subscriptions.membership.members import Candidate, add_member
from subscriptions.permission.consent import ConsentNote, Source

YES, NO = {"k": Published.YES}, {"k": Published.NO}
KRETS, RELAY = Signer.KRETS, Signer.RELAY


@pytest.mark.parametrize(
    ("signer", "found", "keys"),
    [
        (KRETS, DomainRecords(Spf.NAMES, DomainPolicy.NONE, YES), []),
        (KRETS, DomainRecords(Spf.NONE, DomainPolicy.REJECT, YES), ["spf-none"]),
        (KRETS, DomainRecords(Spf.NAMES, DomainPolicy.REJECT, NO), ["dkim-unpublished"]),
        (KRETS, DomainRecords(Spf.NOBODY, DomainPolicy.REJECT, NO),
         ["dkim-unpublished", "spf-nobody", "unaligned"]),
        (KRETS, DomainRecords(Spf.SEVERAL, DomainPolicy.ABSENT, {}),
         ["spf-several", "dmarc-none", "unaligned"]),
        (KRETS, DomainRecords(Spf.NAMES, DomainPolicy.NONE, {"k": Published.OTHER}),
         ["dkim-other"]),
        (KRETS, DomainRecords(), ["dns-unasked"]),
        (KRETS, DomainRecords(Spf.NONE, DomainPolicy.NONE, {"k": Published.UNKNOWN}),
         ["spf-none", "dns-unasked"]),
        (RELAY, DomainRecords(Spf.NONE, DomainPolicy.NONE), ["spf-none", "dkim-relay"]),
        (Signer.NOBODY, DomainRecords(Spf.NONE, DomainPolicy.QUARANTINE),
         ["spf-none", "unaligned"]),
    ],
)  # fmt: skip
def test_what_dns_says_is_told_and_none_of_it_is_red(
    signer: Signer, found: DomainRecords, keys: list[str]
) -> None:
    told = list(sender_domain.judge("garden.se", signer, found))
    assert [one.key for one in told] == keys
    assert not any(one.red for one in told)


def test_a_proof_says_what_dns_says_of_the_keys_that_sign(store: Store, tmp_path: Path) -> None:
    app = App(load({"KRETS_MAILER__DATA": str(tmp_path)}))
    app.__dict__["store"] = store
    with store.write() as session:
        lst = create_list(session, "news@garden.se", kind=ListKind.NEWSLETTER, now=1.0)
        olga = Candidate(
            parse("olga@x.example"), role=Role.EDITOR, consent=ConsentNote("a", Source.CLI)
        )
        add_member(session, lst, olga, keyring=app.keyring, now=1.0)
        dkim_keys.new_keys(session, "garden.se", selector="k", now=1.0, starts=1.0)
        one = dkim_keys.views(session, 2.0)[0].record.encode()
    here: Mapping[str, tuple[bytes, ...]] = {
        "k-r._domainkey.garden.se": (one,),
        "k-e._domainkey.garden.se": (one,),
        "garden.se": (b"v=spf1 mx -all",),
    }
    asked: list[str] = []

    def texts(name: str, _seconds: float) -> tuple[bytes, ...]:
        asked.append(name)
        return here.get(name, ())

    app.__dict__["enquiries"] = Enquiries(texts)
    words = ["proof", "news@garden.se", "-", "--dry-run"]
    for _ in range(2):
        done = CliRunner().invoke(newsletter, words, input="---\nsubject: x\n---\nTODO\n", obj=app)
        assert 'red: something is left to fill in: "TODO"' in done.stderr
        assert done.exit_code == 0, done.output
        assert (
            "look at: copies are signed with another key than DNS has: k-e._domainkey.garden.se"
            in done.stderr
        )
        assert "garden.se has no DMARC policy" in done.stderr
        assert "k-r._domainkey" not in done.stderr
    assert sorted(asked) == sorted([*here, "_dmarc.garden.se", "_dmarc.se"])
    off = App(load({"KRETS_MAILER__DATA": str(tmp_path), "KRETS_LISTSERV__CHECK_DNS": "false"}))
    off.__dict__["store"] = store
    answer = CliRunner().invoke(
        newsletter, ["send", *words[1:], "--json"], input="---\nsubject: x\n---\nHi.\n", obj=off
    )
    assert "was not looked at: listserv.check_dns is off" in answer.stderr, json.dumps(
        answer.output
    )
