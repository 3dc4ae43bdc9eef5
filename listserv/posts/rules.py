"""Rules: pure functions that look at the facts of one post and name themselves when they hit.

A rule sees ``PostFacts`` and nothing else (no database, no clock), so a decision can be explained
and repeated. The strongest hit decides: discard over refuse over hold; no hit is accept. Reasons
are keys; the words for people stand in the catalogues under ``rule-<name>``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

MAX_RECEIVED = 50  # more hops than this is a loop (STANDARDS; RFC 5321 section 6.3 asks for >= 100
# only where nothing better is known; our own marks catch our own loops long before)


class Decision(IntEnum):
    """Order the answers by strength."""

    ACCEPT = 0
    HOLD = 1
    REFUSE = 2
    DISCARD = 3

    @property
    def word(self) -> str:
        """Return the word of the public contract."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class PostFacts:
    """Hold all that the rules may know about one post to one list."""

    list_address: str
    list_kind: str = "discussion"
    post_policy: str = "members"
    max_size: int = 25_000_000
    emergency: bool = False
    closed: bool = False
    thread_closed: bool = False  # it answers a thread that a moderator has closed
    deleted: bool = False
    first_posts_moderated: bool = False
    envelope_sender: str = ""
    authors: tuple[str, ...] = ()  # address keys in From
    author_state: str = ""  # of the author's membership; "" where there is none
    author_role: str = ""
    author_moderated: bool | None = None  # None: as the list says
    author_banned: bool = False
    author_posts: int = 0  # accepted before
    from_is_ours: bool = False  # From or Sender names a domain that our name would vouch for
    from_not_theirs: bool = False  # DMARC of From's domain: this mail is not from there
    spam: str = ""  # what the list does with what a filter in front calls spam; "" for none
    met: tuple[tuple[str, str], ...] = ()  # the owner's own rules it meets: line, verb
    disowned: str = "hold"  # what mailer.disowned says about such a post: hold, refuse or tag
    size: int = 0
    trouble: str = ""  # why the message must not be parsed (mailer.reading.message limits)
    sealed_file: bool = False  # a signed or encrypted whole holds a file that may not come
    list_ids: tuple[str, ...] = ()  # List-Id and X-Original-List-Id, lower case, without brackets
    own_list_ids: tuple[str, ...] = ()  # of the list, by whichever of its names; () for its address
    own_received: bool = False  # a Received line of ours for this very list
    received: int = 0
    automatic: str = ""  # what a machine's mail it is (answers/automatic.py); "" for a person's
    automatic_sure: bool = False  # it says so itself
    leave_wish: bool = False  # it says nothing but "unsubscribe me" (answers/leave_wish.py)
    same_message: bool = False  # same Message-ID and content accepted here within 7 days
    same_id_other_content: bool = False


@dataclass(frozen=True, slots=True)
class RuleHit:
    """Hold what one rule asks for, and its name."""

    rule: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class RuleVerdict:
    """Hold the decision and every rule that hit, strongest first."""

    decision: Decision
    hits: tuple[RuleHit, ...]

    @property
    def rules(self) -> list[str]:
        """Return the names of the rules that hit."""
        return [hit.rule for hit in self.hits]


def loop(facts: PostFacts) -> Decision | None:
    """Discard what this list has already sent: its own List-Id, or its own trace."""
    own = facts.own_list_ids or (facts.list_address.replace("@", ".", 1),)
    return Decision.DISCARD if {*own} & {*facts.list_ids} or facts.own_received else None


def hop_count(facts: PostFacts) -> Decision | None:
    """Discard what has passed more than ``MAX_RECEIVED`` servers."""
    return Decision.DISCARD if facts.received > MAX_RECEIVED else None


def null_sender(facts: PostFacts) -> Decision | None:
    """Discard reports: ``<>`` never posts (RFC 5321 section 4.5.5)."""
    return Decision.DISCARD if facts.envelope_sender == "" else None


def auto_reply(facts: PostFacts) -> Decision | None:
    """Discard what says that it is an automatic answer, hold what only reads like one.

    List-* fields and Precedence: list or bulk never make a post automatic: a member may well
    post what a list once sent.
    """
    if not facts.automatic:
        return None
    return Decision.DISCARD if facts.automatic_sure else Decision.HOLD


def leave_wish(facts: PostFacts) -> Decision | None:
    """Hold a wish to leave that was posted to all: its writer is sent the way out instead."""
    return Decision.HOLD if facts.leave_wish else None


def duplicate(facts: PostFacts) -> Decision | None:
    """Discard a message that came again after a lost reply (RFC 1047): it is on its way."""
    return Decision.DISCARD if facts.same_message else None


def banned(facts: PostFacts) -> Decision | None:
    """Discard what an address sends whose posts a moderator wants no more of."""
    return Decision.DISCARD if facts.author_banned else None


def same_id(facts: PostFacts) -> Decision | None:
    """Hold a known Message-ID with other content: one of the two would be swallowed."""
    return Decision.HOLD if facts.same_id_other_content else None


def broken(facts: PostFacts) -> Decision | None:
    """Hold what is too nested, too many-parted or too long-headed to be read safely."""
    return Decision.HOLD if facts.trouble else None


def size(facts: PostFacts) -> Decision | None:
    """Hold what is larger than the list wants."""
    return Decision.HOLD if facts.size > facts.max_size else None


def files(facts: PostFacts) -> Decision | None:
    """Hold a signed mail with a file that the list does not take: taking it out breaks the seal."""
    return Decision.HOLD if facts.sealed_file else None


def author(facts: PostFacts) -> Decision | None:
    """Hold a post whose From names nobody, or several people."""
    return Decision.HOLD if len(facts.authors) != 1 else None


def from_is_ours(facts: PostFacts) -> Decision | None:
    """Hold a post in the name of our own domains: what we send on would make it believed."""
    return Decision.HOLD if facts.from_is_ours else None


def from_not_theirs(facts: PostFacts) -> Decision | None:
    """Hold a post of which the writer's own domain says that it is not theirs (DMARC).

    By a setting it is refused where it comes in, or tagged and let through.
    """
    if not facts.from_not_theirs or facts.disowned == "tag":
        return None
    return Decision.REFUSE if facts.disowned == "refuse" else Decision.HOLD


def newsletter_address(facts: PostFacts) -> Decision | None:
    """Hold mail to a newsletter's own address: it reaches the editors and never the readers."""
    return Decision.HOLD if facts.list_kind == "newsletter" else None


def membership(facts: PostFacts) -> Decision | None:
    """Hold posts of people who are not members where only members post."""
    if facts.post_policy != "members" or facts.author_state in {"active", "paused"}:
        return None
    return Decision.HOLD


def editors_only(facts: PostFacts) -> Decision | None:
    """Hold every post of an editors' list: an editor's right needs more proof than a From line."""
    return Decision.HOLD if facts.post_policy == "editors" else None


def moderated_list(facts: PostFacts) -> Decision | None:
    """Hold every post of a moderated list."""
    return Decision.HOLD if facts.post_policy == "moderated" else None


def moderated_member(facts: PostFacts) -> Decision | None:
    """Hold the posts of a member whom a moderator wants to read first."""
    return Decision.HOLD if facts.author_moderated is True else None


def first_post(facts: PostFacts) -> Decision | None:
    """Hold a member's first post where the list asks for that."""
    asked = facts.first_posts_moderated and facts.author_moderated is None
    return Decision.HOLD if asked and facts.author_posts == 0 else None


def emergency(facts: PostFacts) -> Decision | None:
    """Hold everything while the owner has pulled the brake."""
    return Decision.HOLD if facts.emergency else None


def closed(facts: PostFacts) -> Decision | None:
    """Hold what came to a closed list because a server in front had taken it already."""
    return Decision.HOLD if facts.closed else None


def thread_closed(facts: PostFacts) -> Decision | None:
    """Refuse an answer to a thread that a moderator has closed; they may still write in it."""
    staff = facts.author_role in {"moderator", "owner"}
    return Decision.REFUSE if facts.thread_closed and not staff else None


def deleted(facts: PostFacts) -> Decision | None:
    """Refuse what comes to a deleted list: its writer is told, and nobody waits for a moderator."""
    return Decision.REFUSE if facts.deleted else None


def spam(facts: PostFacts) -> Decision | None:
    """Do with what a filter in front calls spam as the list says; a tag is only named."""
    return _SPAM.get(facts.spam)


_SPAM = {"hold": Decision.HOLD, "drop": Decision.DISCARD, "tag": Decision.ACCEPT}
_OWN = {"hold": Decision.HOLD, "refuse": Decision.REFUSE, "drop": Decision.DISCARD}
RULES: dict[str, Callable[[PostFacts], Decision | None]] = {
    "loop": loop,
    "hop-count": hop_count,
    "null-sender": null_sender,
    "auto-reply": auto_reply,
    "leave-wish": leave_wish,
    "duplicate": duplicate,
    "banned": banned,
    "same-id": same_id,
    "broken": broken,
    "size": size,
    "files": files,
    "author": author,
    "from-is-ours": from_is_ours,
    "from-not-theirs": from_not_theirs,
    "newsletter-address": newsletter_address,
    "membership": membership,
    "editors-only": editors_only,
    "moderated-list": moderated_list,
    "moderated-member": moderated_member,
    "first-post": first_post,
    "emergency": emergency,
    "closed": closed,
    "thread-closed": thread_closed,
    "deleted": deleted,
    "spam": spam,
}


def judge(facts: PostFacts) -> RuleVerdict:
    """Ask every rule and return the strongest decision with all that hit."""
    answers = ((name, rule(facts)) for name, rule in RULES.items())
    hits = [RuleHit(name, answer) for name, answer in answers if answer is not None]
    hits += [RuleHit(line, _OWN[verb]) for line, verb in facts.met]
    hits.sort(key=lambda hit: -hit.decision)  # stable: RULES' order within one strength
    return RuleVerdict(hits[0].decision if hits else Decision.ACCEPT, tuple(hits))
