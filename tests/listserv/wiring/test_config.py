"""Settings come from flags, the environment, a file and defaults, in this order of strength."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from listserv.wiring.config import described, example, load, quoted_login
from mailer.client.relay import read_relay
from mailer.errors import BadInput, Misconfigured
from mailer.storage.store import Store


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a folder without a krets.toml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_defaults_suffice() -> None:
    settings = load({})
    assert settings.mailer.relays == ("smtp://127.0.0.1:25",)
    assert settings.listserv.http == "127.0.0.1:8080"
    assert settings.archive_path == Path("krets-data/archive")


def test_a_flag_wins_over_the_environment_over_the_file(elsewhere: Path) -> None:
    file = elsewhere / "krets.toml"
    file.write_text(
        '[mailer]\nworkers = 3\nconnections = 4\ngrace = 1\n[listserv]\ndomain = "Ä.se"\n'
    )
    settings = load(
        {"KRETS_MAILER__WORKERS": "5", "KRETS_MAILER__CONNECTIONS": "6"},
        flags=["mailer.workers=7"],
    )
    assert settings.mailer.workers == 7
    assert settings.mailer.connections == 6
    assert settings.mailer.grace == 1
    assert settings.listserv.domain == "xn--4ca.se"


def test_a_plain_string_is_a_list_of_one_and_json_is_a_list() -> None:
    env = {"KRETS_MAILER__RELAYS": "smtp://a", "KRETS_MAILER__FRONT": '["10.0.0.1", "10.1.0.0/16"]'}
    settings = load(env)
    assert settings.mailer.relays == ("smtp://a",)
    assert settings.mailer.front == ("10.0.0.1", "10.1.0.0/16")


def test_a_secret_may_stand_in_a_file(elsewhere: Path) -> None:
    secret = elsewhere / "secret"
    secret.write_text("postgresql://u:p@h/n\n")
    assert load({"KRETS_MAILER__DATABASE_FILE": str(secret)}).mailer.database.endswith("@h/n")
    with pytest.raises(Misconfigured, match="cannot be read"):
        load({"KRETS_MAILER__DATABASE_FILE": str(elsewhere / "gone")})


def test_other_names_in_the_environment_are_left_alone() -> None:
    load({"KRETS_SHARED": "/x", "KRETS_TEST_DATABASE": "sqlite", "KRETS_OTHER__KEY": "1"})


@pytest.mark.parametrize(
    ("env", "file", "words"),
    [
        ({"KRETS_MAILER__WORKER": "2"}, "", "Did you mean workers"),
        ({"KRETS_MAILER__WORKERS": "many"}, "", "mailer.workers cannot be used"),
        ({"KRETS_MAILER__SMTP": "here"}, "", "HOST:PORT"),
        ({"KRETS_MAILER__FRONT": "[1,"}, "", "JSON list"),
        ({"KRETS_LISTSERV__BASE_URL": "ftp://x"}, "", "http"),
        ({"KRETS_LISTSERV__DOMAIN": "a b"}, "", "domain name"),
        ({"KRETS_CONFIG": "gone.toml"}, "", "is not there"),
        ({}, "[mailer]\nworkerz = 2\n", "Did you mean workers"),
        ({}, "[mailr]\nworkers = 2\n", "Did you mean mailer"),
        ({}, "mailer = 2\n", r"written \[mailer\]"),
        ({}, "[mailer\n", "not valid TOML"),
        ({}, "[mailer]\nrelays = []\n", "at least one relay"),
    ],
)
def test_what_cannot_be_used_says_what_and_what_to_do(
    env: dict[str, str], file: str, words: str, elsewhere: Path
) -> None:
    if file:
        (elsewhere / "krets.toml").write_text(file)
    with pytest.raises(Misconfigured, match=words):
        load(env)


@pytest.mark.parametrize("flag", ["mailer.workers", "workers=2", "mailr.workers=2"])
def test_a_flag_of_another_form_is_refused(flag: str) -> None:
    with pytest.raises(BadInput, match="--set"):
        load({}, flags=[flag])


def test_the_example_is_all_defaults_and_names_every_setting(elsewhere: Path) -> None:
    text = example()
    for name, _, meaning in described():
        assert meaning, name
        assert f"# {name.partition('.')[2]} = " in text
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    (elsewhere / "krets.toml").write_text("\n".join(lines))
    assert load({}) == load({}, file=str(elsewhere / "krets.toml"))


@pytest.mark.parametrize(
    "password", ["p@ss", "a/b", "a#b", "a?b", "50%", "a b", "[x]", "p@s/s#w?d:e"]
)
@pytest.mark.parametrize("scheme", ["postgresql", "redis"])
def test_a_password_written_plainly_is_the_password(password: str, scheme: str) -> None:
    url = urlsplit(
        quoted_login(f"{scheme}://krets:{password}@db.example:5432/krets?sslmode=require")
    )
    assert (url.username, unquote(url.password or "")) == ("krets", password)
    assert (url.hostname, url.port, url.path, url.query) == (
        "db.example", 5432, "/krets", "sslmode=require"
    )  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://krets:p%40ss@db.example/krets",
        "postgresql://db.example/krets?options=a@b",
        "redis://db.example/0",
        "unix:///run/@valkey.sock",
        "smtp://127.0.0.1:25",
        "",
    ],
)
def test_a_url_that_is_right_stays_as_it_is(url: str) -> None:
    assert quoted_login(url) == url


def test_the_settings_have_urls_that_every_library_reads_alike() -> None:
    read = load(
        {
            "KRETS_MAILER__DATABASE": "postgresql://krets:p@s/s@db.example/krets",
            "KRETS_MAILER__REDIS": "redis://:p#ss@doorbell.example",
            "KRETS_MAILER__RELAYS": "smtps://krets:p/s@s@relay.example",
        }
    )
    assert Store(read.mailer.database, Path()).url.password == "p@s/s"
    assert read_relay(read.mailer.relays[0]).password == "p/s@s"
    assert urlsplit(read.mailer.redis).hostname == "doorbell.example"
