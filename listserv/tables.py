"""Import every room's tables, so that ``Base.metadata`` is whole (migrations, tests)."""

import archive.tables
import mailer.arrivals
import mailer.mailings
import mailer.owners
import mailer.store
import mailer.tokens
import subscriptions.consent
import subscriptions.roster
import subscriptions.suppression

__all__ = ["archive", "mailer", "subscriptions"]
