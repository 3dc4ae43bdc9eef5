"""The doctor finds each of many faults by its name, and nothing where nothing is wrong."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailer.rehearsal.sink import Caught, Moment, SinkReply
from tests.listserv.doctor import garden as gardens
from tests.listserv.doctor.garden import DOMAIN, HERE, HOST, POINTER, Garden

Fault = Callable[[Garden], object]
FAULTS: dict[str, tuple[str, str, str, Fault]] = {}  # name: check, state, words of it, the fault


def fault(check: str, state: str, words: str) -> Callable[[Fault], Fault]:
    """Enter a fault into the table: which check must find it, how bad it is, what it must say."""

    def entered(made: Fault) -> Fault:
        FAULTS[made.__name__] = (check, state, words, made)
        return made

    return entered


@pytest.fixture
def garden(tmp_path: Path, database_url: str) -> Iterator[Garden]:
    with gardens.planted(tmp_path, database_url) as made:
        yield made


# -- where mail comes in ------------------------------------------------------------------


@fault("mx", "fail", "has no MX record")
def no_mx(garden: Garden) -> None:
    garden.zone.records[DOMAIN].remove(("MX", f"10 {HOST}."))


@fault("mx", "fail", "takes no mail")
def null_mx(garden: Garden) -> None:
    garden.zone.records[DOMAIN][0] = ("MX", "0 .")


@fault("mx", "fail", "has no address")
def mx_without_address(garden: Garden) -> None:
    garden.zone.records[DOMAIN][0] = ("MX", "10 old.garden.example.")


@fault("mx", "fail", "names an address")
def mx_is_an_address(garden: Garden) -> None:
    garden.zone.records[DOMAIN][0] = ("MX", f"10 {HERE}.")


@fault("mx", "warn", "its address stands in for one")
def address_for_mx(garden: Garden) -> None:
    garden.zone.records[DOMAIN][0] = ("A", HERE)


@fault("mx", "warn", "DNS did not answer")
def silent_mx(garden: Garden) -> None:
    garden.zone.broken.add(HOST)


# -- who may send -------------------------------------------------------------------------


@fault("spf", "fail", "has no SPF record")
def no_spf(garden: Garden) -> None:
    garden.text(DOMAIN)


@fault("spf", "fail", "something like one")
def misspelt_spf(garden: Garden) -> None:
    garden.text(DOMAIN, "v=spf mx -all")


@fault("spf", "fail", "has 2 SPF records")
def two_spf(garden: Garden) -> None:
    garden.text(DOMAIN, "v=spf1 mx -all", "v=spf1 a -all")


@fault("spf", "fail", "lets nobody send")
def spf_nobody(garden: Garden) -> None:
    garden.text(DOMAIN, "v=spf1 -all")


@fault("spf", "fail", "lets everybody send")
def spf_everybody(garden: Garden) -> None:
    garden.text(DOMAIN, "v=spf1 mx +all")


@fault("spf", "fail", f"does not cover {HERE}")
def spf_of_another(garden: Garden) -> None:
    garden.text(DOMAIN, "v=spf1 ip4:198.51.100.7 -all")


@fault("spf", "warn", "does not cover 2001:db8::5")
def spf_without_ipv6(garden: Garden) -> None:
    garden.text(DOMAIN, f"v=spf1 ip4:{HERE} -all")
    garden.zone.add(HOST, ("AAAA", "2001:db8::5"))


@fault("spf", "fail", "is broken")
def spf_syntax(garden: Garden) -> None:
    garden.text(DOMAIN, "v=spf1 ip4:203.0.113 -all")


@fault("spf", "fail", "is broken")
def spf_loop(garden: Garden) -> None:
    garden.text(DOMAIN, f"v=spf1 include:{DOMAIN} -all")


@fault("spf", "warn", "says nothing of everybody else")
def spf_open_end(garden: Garden) -> None:
    garden.text(DOMAIN, "v=spf1 mx")


# -- signatures ---------------------------------------------------------------------------


@fault("dkim", "fail", "is not in DNS")
def key_unpublished(garden: Garden) -> None:
    garden.text(garden.keys[0])


@fault("dkim", "warn", "is not in DNS")
def second_key_unpublished(garden: Garden) -> None:
    garden.text(garden.keys[1])


@fault("dkim", "fail", "DNS has another key")
def key_of_another(garden: Garden) -> None:
    garden.text(garden.keys[0], "v=DKIM1; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA")


@fault("dkim", "fail", "is withdrawn")
def key_withdrawn(garden: Garden) -> None:
    garden.text(garden.keys[0], "v=DKIM1; k=rsa; p=")


@fault("dkim", "warn", "for tests only")
def key_for_tests(garden: Garden) -> None:
    (record,) = garden.zone.records[garden.keys[0]]
    garden.text(garden.keys[0], record[1].replace("k=rsa", "t=y; k=rsa"))


@fault("dkim", "warn", "nobody signs our mail")
def nobody_signs(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__SIGN"] = "nobody"


@fault("dkim", "fail", "it has no key")
def list_without_key(garden: Garden) -> None:
    assert garden.krets("list", "create", "news@other.garden.example")[0] == 0


@fault("message", "fail", "verifies")
def signature_that_fails(garden: Garden) -> None:
    for name in garden.keys:
        garden.text(name, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")


@fault("dkim", "fail", "something else than our mail")
def key_for_another_hash(garden: Garden) -> None:
    (record,) = garden.zone.records[garden.keys[0]]
    garden.text(garden.keys[0], record[1].replace("k=rsa", "h=sha1; k=rsa"))


# -- policy -------------------------------------------------------------------------------


@fault("dmarc", "warn", "has no DMARC record")
def no_dmarc(garden: Garden) -> None:
    garden.text(f"_dmarc.{DOMAIN}")


@fault("dmarc", "fail", "has 2 DMARC records")
def two_dmarc(garden: Garden) -> None:
    garden.text(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none", "v=DMARC1; p=reject")


@fault("dmarc", "fail", "is broken")
def misspelt_dmarc(garden: Garden) -> None:
    garden.text(f"_dmarc.{DOMAIN}", "p=reject; v=DMARC1")


@fault("dmarc", "fail", "p=rejected")
def dmarc_of_no_wish(garden: Garden) -> None:
    garden.text(f"_dmarc.{DOMAIN}", "v=DMARC1; p=rejected")


@fault("dmarc", "warn", "rua=postmaster")
def dmarc_reports_to_nobody(garden: Garden) -> None:
    garden.text(f"_dmarc.{DOMAIN}", f"v=DMARC1; p=none; rua=postmaster@{DOMAIN}")


@fault("dmarc", "warn", "has not agreed")
def dmarc_reports_elsewhere(garden: Garden) -> None:
    garden.text(f"_dmarc.{DOMAIN}", "v=DMARC1; p=none; rua=mailto:reports@watch.example")


@fault("mta-sts", "warn", "has no MTA-STS policy")
def no_mta_sts(garden: Garden) -> None:
    garden.text(f"_mta-sts.{DOMAIN}")


@fault("mta-sts", "warn", "no usable id")
def mta_sts_without_id(garden: Garden) -> None:
    garden.text(f"_mta-sts.{DOMAIN}", "v=STSv1; id=")


@fault("mta-sts", "warn", "has no address")
def mta_sts_without_page(garden: Garden) -> None:
    del garden.zone.records[f"mta-sts.{DOMAIN}"]


@fault("tls-rpt", "warn", "has no TLS-RPT record")
def no_tls_rpt(garden: Garden) -> None:
    garden.text(f"_smtp._tls.{DOMAIN}")


@fault("tls-rpt", "warn", "to nobody")
def tls_rpt_to_nobody(garden: Garden) -> None:
    garden.text(f"_smtp._tls.{DOMAIN}", "v=TLSRPTv1; rua=postmaster")


@fault("ptr", "fail", "has no name")
def no_ptr(garden: Garden) -> None:
    del garden.zone.records[POINTER]


@fault("ptr", "fail", "has another address")
def ptr_of_another(garden: Garden) -> None:
    garden.zone.records[POINTER] = [("PTR", "pool-5.provider.example.")]


@fault("resolver", "fail", "does not answer")
def silent_resolver(garden: Garden) -> None:
    garden.zone.silent.add("*")


@fault("domain", "fail", "nobody outside can know localhost")
def no_domain(garden: Garden) -> None:
    garden.settings["KRETS_LISTSERV__DOMAIN"] = "localhost"
    garden.settings["KRETS_MAILER__RESOLVER"] = ""


# -- relays -------------------------------------------------------------------------------


@fault("relay", "fail", "does not answer")
def relay_away(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__RELAYS"] = f"smtp://{gardens.nobody()}"


def refusing(moment: Moment, code: int, text: str) -> Callable[[Moment, Caught], SinkReply | None]:
    return lambda now, _caught: SinkReply(code, text) if now is moment else None


@fault("relay", "fail", "turns us away")
def relay_turns_us_away(garden: Garden) -> None:
    garden.sink.script = refusing(Moment.GREETING, 554, "5.7.1 not you")


@fault("relay", "fail", "does not take our return path")
def relay_refuses_the_sender(garden: Garden) -> None:
    garden.sink.script = refusing(Moment.MAIL, 553, "5.7.1 sender rejected")


@fault("relay", "fail", "takes no mail for")
def relay_denies(garden: Garden) -> None:
    garden.sink.script = refusing(Moment.RCPT, 554, "5.7.1 Relay access denied")


@fault("relay", "warn", "puts us off")
def relay_greylists(garden: Garden) -> None:
    garden.sink.script = refusing(Moment.RCPT, 450, "4.2.0 Greylisted")


@fault("relay-tls", "fail", "offers no STARTTLS")
def relay_without_tls(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__RELAYS"] += "?tls=required"


@fault("relay-tls", "fail", "cannot be trusted")
def relay_with_a_strange_certificate(garden: Garden) -> None:
    garden.sink.tls = gardens.context(garden.folder)
    garden.settings["KRETS_MAILER__RELAYS"] += "?tls=required"


@fault("relay-login", "fail", "does not take our user")
def relay_refuses_the_password(garden: Garden) -> None:
    garden.sink.login = ("krets", "right")
    url = f"smtp://krets:tulip@127.0.0.1:{garden.sink.port}?tls=none"
    garden.settings["KRETS_MAILER__RELAYS"] = url


@fault("relay-size", "fail", "and we accept 25000000")
def relay_too_small(garden: Garden) -> None:
    garden.sink.extensions = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 25000000")


@fault("relay-8bit", "warn", "8BITMIME")
def relay_of_seven_bits(garden: Garden) -> None:
    garden.sink.extensions = ("PIPELINING", "SMTPUTF8")


@fault("relay-utf8", "warn", "SMTPUTF8")
def relay_of_ascii(garden: Garden) -> None:
    garden.sink.extensions = ("PIPELINING", "8BITMIME")


@fault("relay-speed", "warn", "PIPELINING")
def relay_of_one_at_a_time(garden: Garden) -> None:
    garden.sink.extensions = ("8BITMIME", "SMTPUTF8")


@fault("relay", "fail", "is Krets itself")
def relay_is_ourselves(garden: Garden) -> None:
    garden.sink.script = refusing(Moment.GREETING, 220, f"{DOMAIN} ESMTP Krets")


# -- doors --------------------------------------------------------------------------------


@fault("ports", "warn", "not running")
def krets_down(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__SMTP"] = gardens.nobody()


@fault("ports", "fail", "another program")
def another_program_at_the_door(garden: Garden) -> None:
    garden.banner = "220 mail.garden.example ESMTP Postfix"


@fault("ports", "fail", "worker-1 is not up")
def a_part_is_down(garden: Garden) -> None:
    garden.health = (503, {"worker-1": "not up"})


@fault("ports", "fail", "no mail door is open")
def no_mail_door(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__SMTP"] = ""


@fault("front", "warn", "which is not named")
def front_undeclared(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__FRONT"] = "[]"


@fault("front", "fail", "believes 0.0.0.0/0")
def front_everybody(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__FRONT"] = "0.0.0.0/0"


@fault("proxy", "fail", "it is not named")
def proxy_undeclared(garden: Garden) -> None:
    garden.settings["KRETS_LISTSERV__PROXIES"] = "[]"


@fault("proxy", "fail", "believes ::/0")
def proxy_everybody(garden: Garden) -> None:
    garden.settings["KRETS_LISTSERV__PROXIES"] = "::/0"


@fault("base-url", "warn", "not encrypted")
def pages_in_the_clear(garden: Garden) -> None:
    garden.settings["KRETS_LISTSERV__BASE_URL"] = f"http://{DOMAIN}"


@fault("base-url", "warn", "lead to http://127.0.0.1")
def pages_for_this_machine(garden: Garden) -> None:
    garden.settings["KRETS_LISTSERV__BASE_URL"] = "http://127.0.0.1:8080"


@fault("tls", "fail", "ended on")
def certificate_over(garden: Garden) -> None:
    _certified(garden, days=-1)


@fault("tls", "warn", "ends on")
def certificate_nearly_over(garden: Garden) -> None:
    _certified(garden, days=5)


@fault("tls", "fail", "cannot be used")
def certificate_of_another_key(garden: Garden) -> None:
    cert, _ = gardens.certificate(garden.folder, days=90)
    _, key = gardens.certificate(garden.folder, days=91)
    garden.settings |= {"KRETS_MAILER__TLS_CERT": cert, "KRETS_MAILER__TLS_KEY": key}


@fault("tls", "fail", "everybody on this machine can read")
def readable_key(garden: Garden) -> None:
    _certified(garden, days=90)
    Path(garden.settings["KRETS_MAILER__TLS_KEY"]).chmod(0o644)


def _certified(garden: Garden, *, days: int) -> None:
    cert, key = gardens.certificate(garden.folder, days=days)
    garden.settings |= {"KRETS_MAILER__TLS_CERT": cert, "KRETS_MAILER__TLS_KEY": key}


# -- machine ------------------------------------------------------------------------------


@fault("permissions", "fail", "others on this machine can read")
def open_folder(garden: Garden) -> None:
    garden.data.chmod(0o755)


@fault("permissions", "fail", "krets.toml")
def open_settings(garden: Garden) -> None:
    path = garden.folder / "krets.toml"
    path.write_text("[listserv]\nmetrics_token = 'secret'\n", encoding="utf-8")
    path.chmod(0o644)
    garden.settings["KRETS_CONFIG"] = str(path)


@fault("redis", "fail", "does not answer")
def redis_away(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__REDIS"] = f"redis://{gardens.nobody()}"


@fault("database", "fail", "cannot be used")
def database_away(garden: Garden) -> None:
    garden.settings["KRETS_MAILER__DATABASE"] = (
        f"postgresql://krets:secret@{gardens.nobody()}/krets"
    )


def test_nothing_is_wrong_with_a_right_installation(garden: Garden) -> None:
    code, found = garden.examined()
    assert [one for one in found if one["state"] != "ok"] == []
    assert code == 0
    assert {"mx", "spf", "dkim", "dmarc", "ptr", "mta-sts", "tls-rpt", "relay", "ports", "front",
            "proxy", "base-url", "clock", "disk", "memory", "permissions", "database", "redis",
            "message", "rules"} <= {one["check"] for one in found}  # fmt: skip


@pytest.mark.parametrize("name", list(FAULTS))
def test_each_fault_is_found_by_its_name_with_a_reason_and_the_line_that_mends_it(
    garden: Garden, name: str
) -> None:
    check, state, words, made = FAULTS[name]
    made(garden)
    code, found = garden.examined()
    told = [one for one in found if one["check"] == check and words in one["what"]]
    assert told, [one for one in found if one["state"] != "ok"]
    assert told[0]["state"] == state
    assert told[0]["why"]
    assert told[0]["cure"]
    assert code == (1 if any(one["state"] == "fail" for one in found) else 0)
    assert set(told[0]) == {"check", "state", "what", "why", "cure"}


def test_there_are_forty_faults_and_more() -> None:
    assert len(FAULTS) >= 40


def test_a_real_mail_is_sent_only_when_asked_and_read_as_the_relay_got_it(garden: Garden) -> None:
    garden.examined()
    assert garden.outbox == []
    code, found = garden.examined("--send", "you@example.net")
    assert code == 0
    (caught,) = garden.outbox
    assert caught.recipients == ("you@example.net",)
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in caught.raw
    assert [one["what"] for one in found if one["check"] == "sent"]
    assert [one["state"] for one in found if one["check"] == "message"] == ["ok"]


def test_a_mail_that_cannot_be_sent_is_a_finding_among_the_others(garden: Garden) -> None:
    relay_away(garden)
    code, found = garden.examined("--send", "you@example.net")
    assert code == 1
    assert [one["state"] for one in found if one["check"] == "sent"] == ["fail"]


def test_words_for_people_say_what_why_and_the_cure(garden: Garden) -> None:
    no_spf(garden)
    code, said = garden.krets("doctor")
    assert code == 1
    assert "has no SPF record" in said
    assert f'{DOMAIN}. IN TXT "v=spf1 ip4:{HERE} -all"' in said


def test_the_password_of_a_relay_is_never_told(garden: Garden) -> None:
    relay_refuses_the_password(garden)
    assert "tulip" not in garden.krets("doctor", "--all")[1]


@pytest.mark.skipif(os.getuid() != 0, reason="Only root can give a file to somebody else.")
def test_a_file_that_root_made_in_the_data_folder_is_found(garden: Garden) -> None:
    (garden.data / "run" / "strange").touch()
    os.chown(garden.data / "run" / "strange", 4711, 4711)
    _, found = garden.examined()
    assert "belongs to another user" in str(found)
