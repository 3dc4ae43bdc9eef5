"""Import every room's tables, so that ``Base.metadata`` is whole (migrations, tests)."""

import mailer.store
import mailer.tokens

__all__ = ["mailer"]
