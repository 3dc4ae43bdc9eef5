"""The commands about threads: see them, mute or follow one for a member, arrange them."""

from datetime import UTC, datetime

import click

from listserv.actions import threads as actions
from listserv.actions.threads import (
    LISTED,
    ListThreads,
    MergeThreads,
    OneThread,
    SolveThread,
    SplitThread,
    ThreadArranged,
    ThreadSolved,
    WishHeard,
    WishOfThread,
)
from listserv.cli.terminal import (
    asked,
    plain,
    print_json,
    print_json_array,
    print_letter,
    print_table,
    say,
)
from listserv.conversations.thread_list import ListedThread
from listserv.wiring.app import App


@click.group("thread")
def threads() -> None:
    """See threads, mute or follow one for a member, split, merge, close and solve them."""


_list = click.argument("list_address", metavar="LIST")
_thread = click.argument("thread", metavar="THREAD")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@threads.command("ls")
@_list
@click.option("--most", type=click.IntRange(1), default=LISTED, show_default=True, help="How many.")
@_json
@click.pass_obj
def ls(app: App, list_address: str, most: int, *, as_json: bool) -> None:
    """List the threads of LIST, the one that was written to last first.

    \b
    Examples:
      krets thread ls friends@example.org
      krets thread ls friends@example.org --json
    """
    found = actions.ls(asked(app), ListThreads(list_address, most))
    if as_json:
        print_json_array(_shown(one) for one in found)
        return
    print_table(
        ("thread", "messages", "state", "subject"),
        [(one.hash[:10], str(one.messages), one.state.value, plain(one.subject)) for one in found],
    )


@threads.command("show")
@_list
@_thread
@_json
@click.pass_obj
def show(app: App, list_address: str, thread: str, *, as_json: bool) -> None:
    """Show THREAD: the hash in its address in the archive, or the first ten letters of that.

    \b
    Example:
      krets thread show friends@example.org k7f3q2abcd
    """
    found = actions.show(asked(app), list_address, thread)
    if as_json:
        mails = [
            {"hash": one.hash, "id": one.id, "author": one.author, "date": _iso(one.at)}
            for one in found.mails
        ]
        print_json({**_shown(found.thread), "mails": mails})
        return
    lines = [("messages", str(found.thread.messages)), ("state", found.thread.state.value)]
    lines += [(_minute(one.at), plain(one.author) or "-") for one in found.mails]
    print_letter(plain(found.thread.subject), lines)


_address = click.argument("address")
_off = click.option("--off", is_flag=True, help="Take it back.")


@threads.command("mute")
@_list
@_thread
@_address
@_off
@click.option("--unless-named", is_flag=True, help="Until somebody writes their name: @Anna.")
@_json
@click.pass_obj
def mute(
    app: App,
    /,
    list_address: str,
    thread: str,
    address: str,
    *,
    off: bool,
    unless_named: bool,
    as_json: bool,
) -> None:
    """Let nothing more of THREAD come to ADDRESS; no mail tells them.

    \b
    Example:
      krets thread mute friends@example.org k7f3q2abcd anna@example.net --unless-named
    """
    wanted = WishOfThread(list_address, thread, address, off=off, named=unless_named)
    _told(actions.mute(asked(app), wanted), "mute", address, off=off, as_json=as_json)


@threads.command("follow")
@_list
@_thread
@_address
@_off
@_json
@click.pass_obj
def follow(
    app: App, /, list_address: str, thread: str, address: str, *, off: bool, as_json: bool
) -> None:
    """Let all of THREAD come to ADDRESS at once, whatever their rhythm; no mail tells them.

    \b
    Example:
      krets thread follow friends@example.org k7f3q2abcd anna@example.net
    """
    wanted = WishOfThread(list_address, thread, address, off=off)
    _told(actions.follow(asked(app), wanted), "follow", address, off=off, as_json=as_json)


_answer = click.argument("answer", metavar="MAIL")


@threads.command("solve")
@_list
@_thread
@_off
@_json
@click.pass_obj
def solve(app: App, list_address: str, thread: str, *, off: bool, as_json: bool) -> None:
    """Mark THREAD as solved; the mail that THREAD names is the answer, unless it is the question.

    \b
    Examples:
      krets thread solve friends@example.org k7f3q2abcd
      krets thread solve friends@example.org k7f3q2abcd --off
    """
    done = actions.solve(asked(app), SolveThread(list_address, thread, off=off))
    _solved(done, off=off, as_json=as_json)


@threads.command("answer")
@_list
@_answer
@_json
@click.pass_obj
def answer(app: App, list_address: str, answer: str, *, as_json: bool) -> None:
    """Accept MAIL (the hash in its address, or ten letters of it) as the answer to its question.

    \b
    Example:
      krets thread answer friends@example.org m4d2q7efgh
    """
    done = actions.answer(asked(app), SolveThread(list_address, answer))
    _solved(done, off=False, as_json=as_json)


_mail = click.argument("mail", metavar="MAIL")


@threads.command("split")
@_list
@_mail
@click.option("--subject", default="", help="What the new thread is called.")
@_off
@_json
@click.pass_obj
def split(
    app: App, list_address: str, mail: str, subject: str, *, off: bool, as_json: bool
) -> None:
    """Let MAIL (its hash, or ten letters of it) and its answers be a thread of their own.

    \b
    Examples:
      krets thread split friends@example.org m4d2q7efgh --subject 'Tools'
      krets thread split friends@example.org m4d2q7efgh --off
    """
    done = actions.split(asked(app), SplitThread(list_address, mail, subject, off=off))
    _arranged(done, "stands where it was" if off else "begins a thread of its own", as_json=as_json)


@threads.command("merge")
@_list
@_thread
@click.argument("into", required=False, default="")
@_off
@_json
@click.pass_obj
def merge(app: App, list_address: str, thread: str, into: str, *, off: bool, as_json: bool) -> None:
    """Let THREAD go on below INTO, a mail of another thread.

    \b
    Examples:
      krets thread merge friends@example.org m4d2q7efgh k7f3q2abcd
      krets thread merge friends@example.org m4d2q7efgh --off
    """
    if not into and not off:
        raise click.UsageError("Name the thread that it goes into.")
    done = actions.merge(asked(app), MergeThreads(list_address, thread, into, off=off))
    _arranged(done, "stands where it was" if off else "goes on in the other", as_json=as_json)


@threads.command("close")
@_list
@_thread
@_json
@click.pass_obj
def close(app: App, list_address: str, thread: str, *, as_json: bool) -> None:
    """Let THREAD take no more answers; whoever answers is told.

    \b
    Example:
      krets thread close friends@example.org k7f3q2abcd
    """
    done = actions.close(asked(app), OneThread(list_address, thread))
    _arranged(done, "is closed", as_json=as_json)


@threads.command("reopen")
@_list
@_thread
@_json
@click.pass_obj
def reopen(app: App, list_address: str, thread: str, *, as_json: bool) -> None:
    """Let THREAD take answers again.

    \b
    Example:
      krets thread reopen friends@example.org k7f3q2abcd
    """
    done = actions.reopen(asked(app), OneThread(list_address, thread))
    _arranged(done, "is open again", as_json=as_json)


def _arranged(done: ThreadArranged, deed: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"list": done.list, "mail": done.undo.arranged, "thread": done.page})
        return
    say(f"{plain(done.thread.subject)!r} {deed}: {done.page[:10]}.")


def _solved(done: ThreadSolved, *, off: bool, as_json: bool) -> None:
    if as_json:
        print_json({"list": done.list, "thread": done.thread.hash, "solved": not off})
        return
    say(f"{plain(done.thread.subject)!r} is {'no longer ' if off else ''}solved.")


def _told(heard: WishHeard, wish: str, address: str, *, off: bool, as_json: bool) -> None:
    if as_json:
        told = {"list": heard.list, "email": address, "thread": heard.thread.hash}
        print_json({**told, "wish": None if off else wish})
        return
    says = {"mute": "mutes", "follow": "follows"}[wish]
    say(f"{address} {'no longer ' if off else ''}{says} {plain(heard.thread.subject)!r}.")


def _shown(one: ListedThread) -> dict[str, object]:
    return {
        "hash": one.hash,
        "subject": one.subject,
        "messages": one.messages,
        "state": one.state.value,
        "answer": one.answer,
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _minute(at: float) -> str:
    return _iso(at)[:16].replace("T", " ")
