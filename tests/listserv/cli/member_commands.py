"""A way to say the member commands to a list of one's own, in this process."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from click.testing import CliRunner, Result

from listserv.cli.members import members
from listserv.wiring.config import Settings
from mailer.errors import KretsError
from mailer.storage.store import Store
from mailer.storage.tokens import Keyring, load_keyring
from subscriptions.lists import roster

LIST = "friends@example.org"
Run = Callable[..., Result]


@dataclass
class Application:
    """Stand in for the roof's application, at the same seam."""

    store: Store
    keyring: Keyring
    settings: Settings = field(default_factory=Settings)
    rung: list[str] = field(default_factory=list)

    def ring(self, bell: str) -> None:
        self.rung.append(bell)


@pytest.fixture
def run(store: Store) -> Run:
    with store.write() as session:
        roster.create_list(session, LIST, now=1.0, language="sv")
        roster.create_list(session, "others@example.org", now=1.0)
        keyring = load_keyring(session)
    assert keyring is not None
    app = Application(store, keyring)

    def ran(*words: str, typed: bytes | None = None) -> Result:
        result = CliRunner().invoke(members, words, obj=app, input=typed)
        if isinstance(result.exception, KretsError):
            result.exit_code = result.exception.exit_code
        elif result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return ran
