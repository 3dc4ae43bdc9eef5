"""The commands about polls: ask everybody, see how it stands, close it."""

import click

from listserv.actions import polls as actions
from listserv.actions.polls import CreatePoll, PollShown
from listserv.cli.events import iso, text_of
from listserv.cli.terminal import (
    agree,
    asked,
    plain,
    print_json,
    print_json_array,
    print_letter,
    print_table,
    say,
)
from listserv.wiring.app import App


@click.group("poll")
def polls() -> None:
    """Ask members something: a choice, a day, a proposal, who will help."""


_list = click.argument("list_address", metavar="LIST")
_poll = click.argument("number", metavar="POLL", type=click.IntRange(1))
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_yes = click.option("--yes", is_flag=True, help="Answer yes to every question.")


@polls.command("create")
@_list
@click.argument("file")
@_yes
@click.option("--dry-run", is_flag=True, help="Say what would be asked, and ask nobody.")
@_json
@click.pass_obj
def create(
    app: App, list_address: str, file: str, *, yes: bool, dry_run: bool, as_json: bool
) -> None:
    """Ask everybody on LIST what FILE says.

    FILE begins with lines between --- and ---: title, kind (choice, date, proposal or volunteers),
    until, secret; below stand the text and a line with - for each answer. "-" is standard input.

    \b
    Examples:
      krets poll create friends@example.org colour.md --dry-run
      krets poll create friends@example.org colour.md --yes
    """
    source = text_of(file)
    seen = actions.create(asked(app), CreatePoll(list_address, source, dry_run=True))
    draft = seen.draft
    say(f"{plain(draft.title)} ({draft.kind}{', secret' if draft.secret else ''})")
    say(f"{' | '.join(map(plain, draft.options))}; closes {iso(draft.until)}")
    if not dry_run:
        agree(f"Ask {seen.members} members?", yes=yes)
        seen = actions.create(asked(app), CreatePoll(list_address, source))
    if as_json:
        print_json({"poll": seen.poll or None, "members": seen.members})
        return
    say(
        f"{seen.members} members would be asked."
        if dry_run
        else f"Poll {seen.poll}: {seen.members} members are asked."
    )


@polls.command("ls")
@_list
@_json
@click.pass_obj
def ls(app: App, list_address: str, *, as_json: bool) -> None:
    """List the polls of LIST, the newest last.

    \b
    Example:
      krets poll ls friends@example.org
    """
    found = actions.ls(asked(app), list_address)
    if as_json:
        print_json_array(_told(one) for one in found)
        return
    print_table(
        ("poll", "kind", "state", "voted", "title"),
        [
            (
                str(one.poll.id),
                one.poll.kind.value,
                one.poll.state.value,
                f"{one.count.voted}/{one.count.electorate}",
                one.poll.title,
            )
            for one in found
        ],
    )


@polls.command("show")
@_poll
@_json
@click.pass_obj
def show(app: App, number: int, *, as_json: bool) -> None:
    """Show POLL: how many have chosen what; of a secret ballot not before it is closed.

    \b
    Example:
      krets poll show 4 --json
    """
    _print(actions.show(asked(app), number), as_json=as_json)


@polls.command("close")
@_poll
@_yes
@click.option("--dry-run", is_flag=True, help="Show how it stands, and close nothing.")
@_json
@click.pass_obj
def close(app: App, number: int, *, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Close POLL now; everybody gets the result.

    \b
    Example:
      krets poll close 4
    """
    seen = actions.show(asked(app), number)
    if not dry_run:
        agree(f"Close {plain(seen.poll.title)!r} and mail every member?", yes=yes)
        seen = actions.close(asked(app), number)
    _print(seen, as_json=as_json)


def _told(found: PollShown) -> dict[str, object]:
    poll, count = found.poll, found.count
    votes = count.votes or [None] * len(poll.choices)
    return {
        "poll": poll.id,
        "list": found.list,
        "title": poll.title,
        "kind": poll.kind.value,
        "state": poll.state.value,
        "secret": poll.secret,
        "closes": iso(poll.until),
        "options": [
            {"option": words, "votes": many}
            for words, many in zip(poll.choices, votes, strict=True)
        ],
        "turnout": count.voted,
        "electorate": count.electorate,
        "reasons": list(count.reasons),
    }


def _print(found: PollShown, *, as_json: bool) -> None:
    if as_json:
        print_json(_told(found))
        return
    votes = found.count.votes or ("",) * len(found.poll.choices)
    lines = [
        ("state", found.poll.state.value),
        ("closes", iso(found.poll.until) or ""),
        ("voted", f"{found.count.voted} of {found.count.electorate}"),
    ]
    lines += [
        (str(many) if many != "" else "secret", words)
        for words, many in zip(found.poll.choices, votes, strict=True)
    ]
    print_letter(found.poll.title, lines)
