"""Settings: what they are called, what they mean, where they come from.

One optional ``krets.toml``, each key also as ``KRETS_<SECTION>__<KEY>``, secrets also as
``..._FILE``. A flag wins over the environment, the environment over the file, the file over
the default. Only this file reads the environment; rooms get values as arguments. The
descriptions below are the reference documentation.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
)

from listserv.wiring.settings_sources import explain, from_environment, from_flags, read_file
from mailer.authentication.resolver import read_server
from mailer.client.relay import read_relay
from mailer.door.callers import networks
from mailer.errors import BadInput, Misconfigured
from mailer.ledger.pace import read_rates
from mailer.ledger.warmup import read_calendar
from mailer.reading.addresses import domain_key, parse

_EVER = 36_500  # days: what fits into every date
_PLAIN = re.compile(r"[@/#?\s\[\]]|%(?![0-9A-Fa-f]{2})")  # what no login of a URL may hold
EMPTY = '""'  # how TOML writes nothing


def _listed(value: object) -> object:
    """Read a plain string as a list of one, and a JSON array as what it is."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError:
            raise ValueError("looks like a JSON list but is not one") from None
    return [text] if text else []


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]


def split_door(text: str) -> tuple[str, int]:
    """Read ``HOST:PORT`` (``[::1]:25`` for IPv6); raise ValueError that says the form."""
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or not port.isdecimal() or int(port) > 65535:  # noqa: PLR2004 - TCP
        raise ValueError(f"{text!r} is not HOST:PORT, such as 127.0.0.1:8025")
    return bare, int(port)


def quoted_login(url: str) -> str:
    """Return a URL whose user and password are percent-encoded, if they were written plainly.

    A password may hold ``@``, ``/``, ``#`` or ``?``, at which a URL would be cut, in silence.
    """
    scheme, split, rest = url.partition("://")
    query = re.search(r"\?[A-Za-z_]+=", rest)
    body, tail = (rest[: query.start()], rest[query.start() :]) if query else (rest, "")
    login, at, host = body.rpartition("@")
    if not split or not at or scheme == "unix" or not _PLAIN.search(login):
        return url
    user, colon, password = login.partition(":")
    return f"{scheme}://{quote(user, safe='')}{colon}{quote(password, safe='')}@{host}{tail}"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ListservSettings(_Section):
    """Hold the settings of the list server itself and its web door."""

    domain: str = Field(
        "localhost", description="The service's own domain: HELO name, postmaster@."
    )
    base_url: str = Field(
        "http://127.0.0.1:8080",
        description="What links in mails and pages begin with. May be https behind a proxy.",
    )
    http: str = Field("127.0.0.1:8080", description="HOST:PORT of the web door.")
    proxies: Words = Field((), description="Addresses or networks of reverse proxies to believe.")
    operator: str = Field(
        "",
        description="Who looks after this installation: gets a mail when what `krets doctor` finds"
        " has changed, and one when strangers_per_minute holds mail back, each at most once a day.",
    )
    controller: str = Field(
        "", description="Who answers for the members' data: a person or an association, by name."
    )
    postal_address: str = Field("", description="Their postal address, on one line.")
    privacy: str = Field("", description="https:// address of their page about privacy.")
    log: Literal["info", "warning"] = Field(
        "info", description="What the running parts write to stderr: info, or warning for troubles."
    )
    log_format: Literal["text", "json"] = Field(
        "text", description="How a line of the log is written: text, or json for machines."
    )
    keep_pending: int = Field(
        90,
        ge=0,
        le=_EVER,
        description="Days that a request to join waits for its answer, and a question is"
        " remembered after its time; then both are forgotten. 0 is for ever.",
    )
    keep_consent_ips: int = Field(
        1095,
        ge=0,
        le=_EVER,
        description="Days that the ledger of permissions keeps IP addresses and browsers."
        " 0 is for ever.",
    )
    check_links: bool = Field(
        False,
        description="Ask the links of a draft whether they lead anywhere, before it is proved and"
        " sent: public web servers alone, thirty at most, for a second and a half.",
    )
    check_dns: bool = Field(
        True,
        description="Ask DNS whether DKIM, SPF and DMARC speak for a newsletter's domain, before an"
        " issue is proved and sent: ten names at most, for 0.9 seconds, once in ten minutes.",
    )
    screenshots: str = Field(
        "auto",
        description="Chromium that takes pictures of a proof, which its editor gets by a second"
        " mail: auto (one that is there, unless root runs krets), off, or its path.",
    )
    strangers_per_minute: int = Field(
        100,
        ge=1,
        description="Automatic mails (confirmations, help) a minute, at most, to addresses that"
        " nothing has proven; what the writer's own domain vouches for is not counted.",
    )
    cross_post_wait: float = Field(
        60.0,
        ge=0,
        le=600,
        description="Seconds that a copy waits for the post of a list that To or Cc names before"
        " this one, so that whoever is on both gets it by that list.",
    )
    metrics_token: str = Field(
        "", description="Who sends it as a Bearer token may GET /metrics; without it, this machine."
    )

    @field_validator("proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        networks(value, "listserv.proxies")
        return value

    @field_validator("domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        try:
            return domain_key(value)
        except BadInput as error:
            raise ValueError(error.what) from None

    @field_validator("operator")
    @classmethod
    def _operator(cls, value: str) -> str:
        try:
            return parse(value).given if value else ""
        except BadInput as error:
            raise ValueError(error.what) from None

    @field_validator("base_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")) or any(c.isspace() for c in value):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    @field_validator("screenshots")
    @classmethod
    def _screenshots(cls, value: str) -> str:
        if value not in {"auto", "off"} and not value.startswith("/"):
            raise ValueError("must be auto, off or a path that begins with /")
        return value

    @field_validator("privacy")
    @classmethod
    def _privacy(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value

    @field_validator("http")
    @classmethod
    def _http(cls, value: str) -> str:
        split_door(value)
        return value


class MailerSettings(_Section):
    """Mail in, the store, mail out."""

    data: Path = Field(Path("krets-data"), description="The folder that holds everything we keep.")
    database: str = Field(
        "", description="postgresql://USER:PASSWORD@HOST/NAME; empty means SQLite in mailer.data."
    )
    redis: str = Field(
        "", description="redis:// or unix:// URL of the doorbell; empty means an embedded Valkey."
    )
    smtp: str = Field("127.0.0.1:8025", description="HOST:PORT where mail comes in; empty is off.")
    lmtp: str = Field("", description="HOST:PORT or /PATH of the LMTP door; empty is off.")
    front: Words = Field(
        (), description="Addresses or networks of mail servers in front of us, which we trust."
    )
    source_messages: int = Field(
        300,
        ge=0,
        description="Messages a minute from one address (IPv6: one /64), at most; then it is asked"
        " to come later. 127.0.0.1 and fronts are not counted, the clients they name are."
        " 0 is no limit.",
    )
    source_megabytes: int = Field(
        200, ge=0, description="The same for megabytes a minute. 0 is no limit."
    )
    list_messages: int = Field(
        600,
        ge=0,
        description="Messages a minute to one list, at most; then whoever has brought ten of them"
        " is asked to come later. 0 is no limit.",
    )
    front_results: str = Field(
        "",
        description="The name (authserv-id) under which a server of mailer.front writes"
        " Authentication-Results that we believe; it must remove what others write under it."
        " Empty: we ask DNS ourselves.",
    )
    disowned: Literal["hold", "refuse", "tag"] = Field(
        "hold",
        description="What becomes of a post of which the From's own domain says that it is not"
        " theirs (DMARC): hold it for moderators, refuse it at SMTP (where a front has taken it"
        " already it is held), or tag its subject and let it pass.",
    )
    resolver: Words = Field(
        (),
        description="HOST:PORT of name servers that are asked about the mail that comes in (SPF,"
        " DKIM, DMARC) and about our own domains; empty is the system's.",
    )
    relays: Words = Field(
        ("smtp://127.0.0.1:25",),
        description="Where mail goes out: smtp:// or smtps:// URLs, with options such as"
        " ?weight=2&connections=5&rate=50 (docs/how-to/several-relays.md).",
    )
    workers: int = Field(2, ge=1, le=64, description="Worker processes of krets serve.")
    rates: Words = Field(
        (),
        description="Recipients a second, at most: 'gmail.com 20' for a receiving domain,"
        " 'news@example.org 50' for a list. What a receiver asks for is learnt besides.",
    )
    warm_up: str = Field(
        "",
        description="A new sender's calendar: 'FIRST-DAY RECIPIENTS LAST', as in '2026-12-01 500"
        " 20000'. Each day has twice the day before; from LAST (50,000) on nothing limits.",
    )
    connections: int = Field(10, ge=1, le=500, description="Open connections to a relay, at most.")
    intent_window: int = Field(
        64,
        ge=1,
        le=1000,
        description="Recipients a connection that a power cut may leave unsure; five times as"
        " many while one copy goes to many.",
    )
    grace: float = Field(
        10, ge=0, le=600, description="Seconds that a stop waits for answers under way."
    )
    max_size: int = Field(
        25_000_000, ge=10_000, le=200_000_000, description="Bytes of the largest message we accept."
    )
    sign: Literal["krets", "relay", "nobody"] = Field(
        "krets",
        description="Who signs with DKIM: krets (domains that `krets dkim new` made keys for),"
        " relay (it covers List-Unsubscribe and List-Unsubscribe-Post too) or nobody.",
    )
    keep_ledger: int = Field(
        180,
        ge=0,
        le=_EVER,
        description="Days that each recipient of a mailing is kept after its end, longer while"
        " a frequency cap counts it; its totals are for ever. 0 is for ever.",
    )
    keep_envelopes: int = Field(
        30,
        ge=0,
        le=_EVER,
        description="Days that the IP address which brought a mail is kept. 0 is for ever.",
    )
    keep_mail: int = Field(
        90,
        ge=0,
        le=_EVER,
        description="Days that mail is kept which became neither a post nor a proof: commands,"
        " bounces, what was refused or dropped. 0 is for ever.",
    )
    tls_cert: str = Field("", description="Certificate file (PEM): STARTTLS is offered with it.")
    tls_key: str = Field("", description="Private key file (PEM) of tls_cert.")

    @field_validator("smtp")
    @classmethod
    def _smtp(cls, value: str) -> str:
        if value:
            split_door(value)
        return value

    @field_validator("lmtp")
    @classmethod
    def _lmtp(cls, value: str) -> str:
        if value and not value.startswith("/"):
            split_door(value)
        return value

    @field_validator("resolver")
    @classmethod
    def _resolver(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for server in value:
            read_server(server)
        return value

    @field_validator("database")
    @classmethod
    def _database(cls, value: str) -> str:
        return quoted_login(value)

    @field_validator("relays")
    @classmethod
    def _relays(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        value = tuple(map(quoted_login, value))
        if not value:
            raise ValueError("needs at least one relay, such as smtp://127.0.0.1:25")
        for url in value:
            read_relay(url)
        return value

    @field_validator("rates")
    @classmethod
    def _rates(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        read_rates(value)
        return value

    @field_validator("warm_up")
    @classmethod
    def _warm_up(cls, value: str) -> str:
        read_calendar(value)
        return value

    @field_validator("front")
    @classmethod
    def _front(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        networks(value)
        return value

    @field_validator("redis")
    @classmethod
    def _redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must begin with redis://, rediss:// or unix://")
        return quoted_login(value)


class ArchiveSettings(_Section):
    """Hold the settings of the web archive."""

    path: Path | None = Field(
        None, description="The folder of the archive's pages; empty means mailer.data/archive."
    )

    @field_validator("path", mode="before")
    @classmethod
    def _empty(cls, value: object) -> object:
        return value or None


class Settings(_Section):
    """Hold every setting, by section."""

    listserv: ListservSettings = Field(default_factory=ListservSettings)
    mailer: MailerSettings = Field(default_factory=MailerSettings)
    archive: ArchiveSettings = Field(default_factory=ArchiveSettings)

    @property
    def archive_path(self) -> Path:
        """Return the folder of the archive's pages."""
        return self.archive.path or self.mailer.data / "archive"


SECRETS = frozenset({"listserv.metrics_token", "mailer.database", "mailer.redis", "mailer.relays"})
_SECTIONS: dict[str, type[BaseModel]] = {
    "listserv": ListservSettings,
    "mailer": MailerSettings,
    "archive": ArchiveSettings,
}


def load(
    environ: Mapping[str, str] | None = None,
    *,
    file: str | None = None,
    flags: Sequence[str] = (),
) -> Settings:
    """Gather the settings; raise Misconfigured (or BadInput for a flag) that says what to change.

    ``file`` is the path given by a flag; without it ``KRETS_CONFIG``, else ``./krets.toml``
    where there is one. ``flags`` are ``section.key=value`` strings.
    """
    env = os.environ if environ is None else environ
    path, values = read_file(file or env.get("KRETS_CONFIG") or None, _SECTIONS)
    for source in (from_environment(env, _SECTIONS), from_flags(flags, _SECTIONS)):
        for section, keys in source.items():
            values.setdefault(section, {}).update(keys)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise Misconfigured(*explain(error, path, _SECTIONS)) from None


def file_in_use(environ: Mapping[str, str] | None = None, named: str | None = None) -> Path | None:
    """Return the settings file that ``load`` reads, None where there is none."""
    env = os.environ if environ is None else environ
    chosen = named or env.get("KRETS_CONFIG") or ""
    path = Path(chosen or "krets.toml")
    return path if chosen or path.exists() else None


def described() -> list[tuple[str, str, str]]:
    """Return (name, default, meaning) of every setting, in order: the reference's source."""
    rows = []
    for section, model in _SECTIONS.items():
        for key, field in model.model_fields.items():
            default = json.dumps(field.get_default(call_default_factory=False), default=str)
            rows.append(
                (f"{section}.{key}", "" if default == "null" else default, field.description or "")
            )
    return rows


def example() -> str:
    """Return a whole krets.toml in which every line is a comment with the default."""
    lines = ["# krets.toml: every setting with its default; take away the # to change one."]
    current = ""
    for name, default, meaning in described():
        section, _, key = name.partition(".")
        if section != current:
            lines += ["", f"[{section}]"]
            current = section
        lines += [f"# {meaning}", f"# {key} = {default or EMPTY}"]
    return "\n".join(lines) + "\n"
