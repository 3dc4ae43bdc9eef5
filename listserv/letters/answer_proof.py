"""Say what shows that the owner of an address has answered.

Knows the ledger of permissions and no letter: an action needs it at every door, and starts without
the texts that we write.
"""

from dataclasses import dataclass

from subscriptions.permission.asks import Ask
from subscriptions.permission.consent import ConsentNote, Source


@dataclass(frozen=True, slots=True)
class AnswerProof:
    """Say what shows that the owner of an address has answered: a mail, or a page's button."""

    source: Source
    how: str  # reply, button, address (a standing leave address), command
    raw_sha: bytes | None = None
    ip: str | None = None
    user_agent: str | None = None
    name: str = ""

    def note(self, ask: Ask | None = None, actor: str | None = None) -> ConsentNote:
        """Return the entry's proof; what was asked, in which words, stands in ``ask``."""
        name, _, rest = ask.wording.partition("/") if ask else ("", "", "")
        version, _, language = rest.partition("/")
        return ConsentNote(
            wording=ask.question if ask else "",
            source=self.source,
            wording_version=f"{name}/{version}" if name else "",
            language=language,
            ip=self.ip,
            user_agent=self.user_agent,
            raw_sha=self.raw_sha,
            confirmed_by=self.how,
            actor=actor,
        )
