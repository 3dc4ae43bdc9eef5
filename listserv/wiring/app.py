"""Put settings, database, keys and bells together, once per process.

Every door begins here. Opening the store creates the data folder and the database on first need
and migrates an older one; a newer one is refused. Nothing opened here may cross a fork.
"""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from listserv.wiring import journals, schema
from listserv.wiring.config import Settings
from listserv.wiring.data_folder import make_data_folder
from mailer.authentication.alignment import Enquiries
from mailer.authentication.resolver import Resolver
from mailer.errors import Misconfigured
from mailer.storage import tokens
from mailer.storage.store import Store

if TYPE_CHECKING:
    from listserv.wiring.bells import Bells


class App:
    """Hold what one process needs; everything opens when it is first asked for."""

    def __init__(self, settings: Settings, file: Path | None = None) -> None:
        self.settings = settings
        self.file = file  # where they were read from
        self.data = settings.mailer.data

    @cached_property
    def enquiries(self) -> Enquiries:
        """Return who asks DNS about our own domains, and remembers for a while."""
        return Enquiries(self.resolver.texts)

    @cached_property
    def resolver(self) -> Resolver:
        """Return who asks DNS in this process; what it learns ends with the process."""
        return Resolver(self.settings.mailer.resolver)

    @cached_property
    def store(self) -> Store:
        """Return the database, created or migrated if need be."""
        make_data_folder(self.data)
        store = Store(self.settings.mailer.database, self.data)
        try:
            schema.bring_up_to_date(store, self.data)
            journals.attach(store, self.data)
        except BaseException:
            store.close()
            raise
        return store

    @cached_property
    def keyring(self) -> tokens.Keyring:
        """Return the token keys of this database."""
        with self.store.read() as session:
            keyring = tokens.load_keyring(session)
        if keyring is None:
            raise Misconfigured("The database has no token key.", "Restore it from a backup.")
        return keyring

    @cached_property
    def bells(self) -> "Bells":
        """Return the doorbell."""
        from listserv.wiring import bells, valkey  # noqa: PLC0415 - most commands never ring

        named = self.settings.mailer.redis
        return bells.Bells(bells.connect(named or valkey.url(self.data)), own=not named)

    def ring(self, bell: str) -> None:
        """Ring ``bell``; a bell that nobody hears is no loss, the clock rings again."""
        self.bells.ring(bell)

    def close(self) -> None:
        """Close what was opened, so that a fork inherits nothing."""
        if "store" in self.__dict__:
            self.store.close()
        if "bells" in self.__dict__:
            self.bells.client.close()
        for name in ("store", "bells", "keyring"):
            self.__dict__.pop(name, None)
