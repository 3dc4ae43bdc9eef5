"""Every setting of a list, in one table: what may stand in it, for which lists, and what it costs.

    checked = list_settings.check(lst.kind, {"title": "Friends", "cap": "2/7"})

A setting is written here once. The command's options, its help, the object that ``--json`` prints
and the reference page are made from this table; the column stands in roster.py, and a test fails
where nothing reads it. Refuses to know how a setting is stored or who asks.
"""

import difflib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import available_timezones

from mailer.errors import BadInput
from subscriptions.lists import file_policy, post_rules, terms
from subscriptions.lists.naming import read_list_address
from subscriptions.lists.policies import (
    LANGUAGES,
    ArchivePolicy,
    Copies,
    HtmlPolicy,
    Join,
    ListKind,
    PostPolicy,
    Role,
    SpamPolicy,
)

MAX_TITLE = 200  # characters; a title stands in headers and on one line of a page
MAX_TEXT = 4000  # characters of a description or a footer
MAX_TAG = 40
MAX_LISTS = 20  # that one list may name as its siblings or parts
MAX_SIZE = 2**31 - 1  # bytes: what the column holds
LEAST_SIZE = 1000  # bytes: less holds no mail's header
DEFAULT_MAX_SIZE = 10_000_000  # bytes of one post


@dataclass(frozen=True, slots=True)
class ListSetting:
    """Describe one setting of a list.

    ``words`` are the values of a choice; a setting whose ``default`` is True or False is a switch,
    one whose default is a number takes a number, any other takes text and "" is its default.
    """

    name: str  # of the column; --name-with-dashes on the command line
    help: str
    check: Callable[[str], object] = str
    words: type[StrEnum] | None = None
    default: bool | int | str | None = ""  # None: the kind of list decides
    metavar: str = "TEXT"
    kinds: frozenset[ListKind] = frozenset(ListKind)
    costs: str = ""  # what it costs, said where it is set to something else than its default
    at_creation: bool = False  # ``krets list create`` takes it too
    widens: bool = False  # it can let more people in, and so asks and counts from then on
    changed_by: frozenset[Role] = frozenset({Role.OWNER})  # and by the operator

    @property
    def option(self) -> str:
        """Return its name on the command line."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def is_switch(self) -> bool:
        """Tell whether it is on or off."""
        return isinstance(self.default, bool)

    @property
    def is_number(self) -> bool:
        """Tell whether it is a number."""
        return isinstance(self.default, int) and not isinstance(self.default, bool)


_MODERATORS = frozenset({Role.OWNER, Role.MODERATOR})
_EDITORS = frozenset({Role.OWNER, Role.EDITOR})
_POSTS = frozenset({ListKind.DISCUSSION})
_ISSUES = frozenset({ListKind.NEWSLETTER})
_REJECTED = "where the author's domain is strict (p=reject, p=quarantine) From is rewritten."


_CHANGES = (
    "Where something is taken out of a post the text changes: authors' signatures break, and "
    f"{_REJECTED}"
)


def _line(longest: int, what: str) -> Callable[[str], str]:
    return lambda text: one_line(text, longest, what)


def _text(what: str) -> Callable[[str], str]:
    return lambda text: some_text(text, what)


def _term(read: Callable[[str], object]) -> Callable[[str], str]:
    def checked(text: str) -> str:
        read(text)
        return text

    return checked


def _size(value: str) -> int:
    size = int(value)
    if size < LEAST_SIZE:
        raise BadInput(f"A list's largest post must be {LEAST_SIZE} bytes or more.")
    if size > MAX_SIZE:
        raise BadInput(f"A list's largest post cannot be above {MAX_SIZE} bytes.")
    return size


def _big(value: str) -> int:
    size = int(value)
    if not (size == 0 or LEAST_SIZE <= size <= MAX_SIZE):
        raise BadInput(f"A file is large from {LEAST_SIZE} bytes on.", "Write 0 for none.")
    return size


def _hour(value: str) -> int:
    hour = int(value)
    if not 0 <= hour < 24:  # noqa: PLR2004 - of a day
        raise BadInput(f"{hour} is no hour of a day.", "Write one from 0 to 23.")
    return hour


def with_text(before: str, language: str, text: str) -> str:
    """Return texts by language as JSON, with this one; an empty one goes."""
    every = json.loads(before) if before else {}
    every |= {language: text}
    kept = {key: said for key, said in every.items() if said}
    return json.dumps(kept, ensure_ascii=False, sort_keys=True) if kept else ""


def _colour(text: str) -> str:
    colour = text.strip().lower()
    if colour and not re.fullmatch("#[0-9a-f]{6}", colour):
        raise BadInput(f"{text[:20]!r} is no colour.", "Write one as #7a2e1d.")
    return colour


def _picture(text: str) -> str:
    address = one_line(text, 500, "logo's address")
    if address and not re.fullmatch(r"https://[^\s<>\"']+", address):
        raise BadInput("A logo is the https:// address of a picture.", "Put it on your own page.")
    return address


def _replies(text: str) -> str:
    said = text.strip().casefold()
    if said in {terms.EDITORS, terms.THREAD}:
        return said
    try:
        return str(read_list_address(text))
    except BadInput:
        what = f"{text[:40]!r} is no place for readers' answers."
        raise BadInput(what, "Write editors, thread, or the address of a list.") from None


def read_lists(text: str) -> list[str]:
    """Return the addresses of lists that stand between commas or blanks, each once."""
    found = (str(read_list_address(one)) for one in re.split(r"[\s,;]+", text) if one)
    return list(dict.fromkeys(found))


def _lists(text: str) -> str:
    found = read_lists(text)
    if len(found) > MAX_LISTS:
        raise BadInput(f"A list can name {MAX_LISTS} others here, and these are {len(found)}.")
    return ", ".join(found)


def _zone(text: str) -> str:
    name = text.strip()
    known = available_timezones() if name else {""}
    if name not in known:
        near = difflib.get_close_matches(name.title(), known, n=1)
        raise BadInput(
            f"{name[:40]!r} is no time zone that this machine knows.",
            f"Did you mean {near[0]}?" if near else "Write one as Europe/Stockholm.",
        )
    return name


def check_language(language: str) -> str:
    """Return the two-letter language; raise BadInput where Krets does not speak it."""
    short = language.strip().lower().replace("_", "-").partition("-")[0]
    if short not in LANGUAGES:
        raise BadInput(
            f"Krets does not speak {language[:20]!r}.", f"It speaks {', '.join(LANGUAGES)}."
        )
    return short


def one_line(text: str, longest: int, what: str) -> str:
    """Return ``text`` for one line of a header or page; raise BadInput where it has more."""
    line = unicodedata.normalize("NFC", text.strip())
    if len(line) > longest:
        raise BadInput(f"The {what} is too long.", f"Use at most {longest} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") for c in line):
        raise BadInput(f"The {what} must be one line without control characters.")
    return line


def some_text(text: str, what: str) -> str:
    """Return ``text`` with plain line ends; raise BadInput where it is too long or not text."""
    lines = unicodedata.normalize("NFC", text.replace("\r\n", "\n").strip())
    if len(lines) > MAX_TEXT:
        raise BadInput(f"The {what} is too long.", f"Use at most {MAX_TEXT} characters.")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t" for c in lines):
        raise BadInput(f"The {what} has control characters.")
    return lines


SETTINGS: tuple[ListSetting, ...] = (
    ListSetting("title", "The name people read.", _line(MAX_TITLE, "title"), at_creation=True),
    ListSetting(
        "description",
        "One paragraph about what the list is for.",
        _text("description"),
        at_creation=True,
    ),
    ListSetting(
        "welcome",
        "Own words in the mail to new members, instead of the description.",
        _text("welcome"),
    ),
    ListSetting(
        "language",
        "sv, it, ro, ru, nl or en.",
        check_language,
        default="en",
        metavar="CODE",
        at_creation=True,
    ),
    ListSetting("join", "Who may join.", words=Join, default="open", at_creation=True, widens=True),
    ListSetting(
        "post", "Who may post.", words=PostPolicy, default=None, at_creation=True, widens=True
    ),
    ListSetting(
        "archive",
        "Who may read the archive.",
        words=ArchivePolicy,
        default="public",
        at_creation=True,
        widens=True,
    ),
    ListSetting(
        "first_posts_moderated",
        "Hold a new member's first post.",
        default=False,
        changed_by=_MODERATORS,
    ),
    ListSetting(
        "first_posts_welcomed",
        "Mail a newcomer, once, when their first post has gone out.",
        default=False,
        kinds=frozenset({ListKind.DISCUSSION}),
    ),
    ListSetting(
        "answers_suggested",
        "Name up to three solved questions to whoever asks one like them.",
        default=False,
        kinds=frozenset({ListKind.DISCUSSION}),
    ),
    ListSetting(
        "closed", "Take no posts, issues and new members; the archive stays.", default=False
    ),
    ListSetting("emergency", "Hold every post.", default=False, changed_by=_MODERATORS),
    ListSetting(
        "rules",
        "Own rules about posts, one a line: hold subject *lottery*, drop from *@spam.example.",
        post_rules.check,
        kinds=_POSTS,
        changed_by=_MODERATORS,
    ),
    ListSetting(
        "spam",
        "What becomes of a post that the filter of mailer.front calls spam.",
        words=SpamPolicy,
        default="hold",
        changed_by=_MODERATORS,
    ),
    ListSetting(
        "siblings",
        "Lists whose members may post here like members; '' for none.",
        _lists,
        metavar="LISTS",
        kinds=_POSTS,
    ),
    ListSetting(
        "parts",
        "An umbrella's lists, which get what is posted here; their members may post; '' for none.",
        _lists,
        metavar="LISTS",
        kinds=_POSTS,
    ),
    ListSetting(
        "reply_to_list",
        "Point Reply-To at the list (costly).",
        default=False,
        kinds=_POSTS,
        costs="Private answers will go to everybody, and about one author's signature in three"
        f" breaks: {_REJECTED}",
    ),
    ListSetting(
        "subject_tag",
        "Put TEXT before subjects (costly).",
        _line(MAX_TAG, "tag"),
        kinds=_POSTS,
        costs=f"A tag changes the Subject: authors' signatures break, and {_REJECTED}",
    ),
    ListSetting(
        "footer",
        "Put TEXT under every post (costly).",
        _text("footer"),
        kinds=_POSTS,
        costs=f"A footer changes the text: authors' signatures break, and {_REJECTED}",
    ),
    ListSetting(
        "copies",
        "Own copies, or one for many (costly).",
        words=Copies,
        default="personal",
        costs="Nobody has a way out of their own in the mail, only the list's address and page,"
        " and a bounce counts only where it names its recipient.",
    ),
    ListSetting(
        "files",
        "Files that a post may carry: pictures, documents, pdf, none; '' for any. Others are taken"
        " out.",
        file_policy.check,
        metavar="KINDS",
        kinds=_POSTS,
        costs=_CHANGES,
    ),
    ListSetting(
        "big_files",
        "Larger files go as a link to the archive; 0 for none.",
        _big,
        default=0,
        metavar="BYTES",
        kinds=_POSTS,
        costs=_CHANGES,
    ),
    ListSetting(
        "html",
        "HTML in posts: keep it, reduce it, or plain text alone.",
        words=HtmlPolicy,
        default="keep",
        kinds=_POSTS,
        costs=_CHANGES,
    ),
    ListSetting("max_size", "The largest post.", _size, default=DEFAULT_MAX_SIZE, metavar="BYTES"),
    ListSetting(
        "four_eyes", "An issue needs the word of two editors.", default=False, kinds=_ISSUES
    ),
    ListSetting(
        "cap",
        "So many issues to a person: 2/7; '' for any.",
        _term(terms.read_cap),
        metavar="ISSUES/DAYS",
        kinds=_ISSUES,
    ),
    ListSetting(
        "quiet_hours",
        "No issue begins then, in readers' own time: 22-7.",
        _term(terms.read_quiet),
        metavar="FROM-TO",
        kinds=_ISSUES,
    ),
    ListSetting(
        "replies",
        "Where answers to an issue go: its editors, its page in the archive, another list.",
        _replies,
        default=terms.EDITORS,
        metavar="editors|thread|LIST",
        kinds=_ISSUES,
    ),
    ListSetting(
        "canary",
        "Some readers first; stop when so many are refused: 200/30/5.",
        _term(terms.read_canary),
        metavar="READERS/MINUTES/PERCENT",
        kinds=_ISSUES,
    ),
    ListSetting(
        "digest_hour",
        "The hour, in the list's time zone, at which digests go out.",
        _hour,
        default=7,
        metavar="0-23",
        kinds=_POSTS,
        changed_by=_MODERATORS,
    ),
    ListSetting("theme", "How issues look.", metavar="NAME", kinds=_ISSUES, changed_by=_EDITORS),
    ListSetting(
        "accent",
        "The list's own colour in its issues.",
        _colour,
        metavar="#RRGGBB",
        kinds=_ISSUES,
        changed_by=_EDITORS,
    ),
    ListSetting(
        "logo",
        "A picture on top of issues, at an https:// address.",
        _picture,
        metavar="URL",
        kinds=_ISSUES,
        changed_by=_EDITORS,
    ),
    ListSetting(
        "postal_address",
        "Who sends issues, if not the service.",
        _line(MAX_TITLE, "postal address"),
        kinds=_ISSUES,
    ),
    ListSetting(
        "zone",
        "Time zone of hours that people name, and of those in mails (UTC).",
        _zone,
        metavar="NAME",
    ),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
BY_LANGUAGE = {"footer": "footers", "welcome": "welcomes"}  # and the column of each language's text


def check(kind: ListKind, wanted: Mapping[str, object]) -> dict[str, object]:
    """Return the values to store for those of ``wanted`` that are not None.

    Raise BadInput where a value may not stand in a header or a page, or where a setting means
    nothing for this kind of list; its default may always be set. KeyError for an unknown name.
    """
    checked = {}
    for name, value in wanted.items():
        if value is None:
            continue
        setting = BY_NAME[name]
        if kind not in setting.kinds and value != setting.default:
            other = (
                "an issue, and this list has posts"
                if setting.kinds == _ISSUES
                else ("posts, and a newsletter has none")
            )
            what = f"The setting {setting.name.replace('_', ' ')} is for {other}."
            raise BadInput(what, key="other-kind", option=setting.option)
        if name == "post" and kind is ListKind.NEWSLETTER and value is not PostPolicy.EDITORS:
            raise BadInput(
                f"A newsletter is written by its editors; {value} is for discussion lists.",
                key="post-to-newsletter",
            )
        plain = setting.words is not None or setting.is_switch
        checked[name] = value if plain else setting.check(str(value))
    return checked
