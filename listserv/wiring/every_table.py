"""Import every room's tables, so that ``Base.metadata`` is whole.

For what looks at all of them: migrations, backups and restores. A command that needs a few names
those, and starts in less time: here is half of what a start would load.
"""

import archive.threads.archive_tables
import archive.threads.moved_mails
import archive.threads.thread_marks  # noqa: F401 - for their tables
import listserv.wiring.listserv_tables  # noqa: F401 - for their tables
import mailer.authentication.dkim_keys
import mailer.ledger.claim_owners
import mailer.ledger.mailings
import mailer.ledger.recipient_history
import mailer.ledger.refusals
import mailer.storage.arrivals
import mailer.storage.tokens  # noqa: F401
import subscriptions.audience.segment_query
import subscriptions.lists.attributes
import subscriptions.lists.ballots
import subscriptions.lists.questions
import subscriptions.lists.series
import subscriptions.membership.bouncing
import subscriptions.membership.thread_wishes
import subscriptions.permission.asks
import subscriptions.permission.budget
import subscriptions.permission.consent
import subscriptions.permission.proofs
import subscriptions.permission.suppression
import subscriptions.permission.wording  # noqa: F401
