"""What a site wrote into Postfix and Exim stays when Krets comes."""

import pytest

from listserv.quickstart import merging

SITE = """\
# our own
myhostname = mail.example.org
relay_domains = other.example,
    more.example
transport_maps = hash:/etc/postfix/transport
smtpd_recipient_restrictions =
    permit_mynetworks,
    reject_unauth_destination
address_verify_poll_delay = 2s
"""


def test_the_sites_values_stay_and_ours_are_beside_them() -> None:
    made = merging.postfix(SITE, "lists.example.org")
    assert made.startswith("# our own\nmyhostname = mail.example.org\n")
    found = {
        name: merging.value_of(made, name)
        for name in (
            "relay_domains",
            "transport_maps",
            "smtpd_recipient_restrictions",
            "address_verify_poll_delay",
            "unverified_recipient_reject_code",
        )
    }
    assert found == {
        "relay_domains": "other.example, more.example, lists.example.org",
        "transport_maps": f"{merging.TRANSPORT}, hash:/etc/postfix/transport",
        "smtpd_recipient_restrictions": f"{merging.RECIPIENTS}, permit_mynetworks,"
        " reject_unauth_destination",
        "address_verify_poll_delay": "2s",
        "unverified_recipient_reject_code": "550",
    }


@pytest.mark.parametrize("before", ["", SITE, "mynetworks = 127.0.0.0/8"])
def test_merged_twice_is_the_same_as_once(before: str) -> None:
    once = merging.postfix(before, "lists.example.org")
    assert merging.postfix(once, "lists.example.org") == once


@pytest.mark.parametrize(
    ("main_cf", "size"),
    [("", 10_240_000), ("message_size_limit = 0\n", 0), ("message_size_limit=3000000\n", 3000000)],
)  # fmt: skip
def test_the_size_that_postfix_takes_is_read_with_its_default(main_cf: str, size: int) -> None:
    assert merging.size_limit(main_cf) == size


def test_a_comment_that_looks_like_a_parameter_is_none() -> None:
    assert merging.value_of("# relay_domains = no.example\n", "relay_domains") is None


EXIM = """\
domainlist relay_to_domains = other.example

acl_smtp_rcpt = acl_check_rcpt
begin acl
acl_check_rcpt:
  accept hosts = :

begin routers
local:
  driver = accept

begin transports
remote_smtp:
  driver = smtp
"""


def test_exims_sections_get_our_pieces_first_and_keep_what_they_have() -> None:
    pieces = {name: f"ours in {name}\n" for name in ("main", "acl", "routers", "transports")}
    made = merging.exim(EXIM, pieces)
    theirs = [line for line in EXIM.splitlines() if line]
    rest = iter(made.splitlines())
    assert all(line in rest for line in theirs), "each line of theirs, in their order"
    assert made.index("ours in main") < made.index("relay_to_domains")
    assert made.index("acl_check_rcpt:") < made.index("ours in acl") < made.index("accept hosts")
    assert made.index("begin routers") < made.index("ours in routers") < made.index("local:")
    assert made.index("begin transports") < made.index("ours in transports")
    assert merging.exim(made, pieces) == made
