"""What to do about an error, in the words of the command line: one table by the error's key.

Whoever raises an error below knows what happened and its facts, and not at which door it is told;
here it is told as commands and options. An error that has its ``fix`` with it needs no line here.
"""

from mailer.errors import KretsError

CURES = {
    "archive-not-public": "krets list set {list} --archive public makes it so.",
    "database-exists": "Say --yes to move it aside and restore, or set mailer.data to an empty"
    " folder.",
    "file-exists": "Say --yes to replace it, or name another file.",
    "list-there": "`krets list show {list}` shows it.",
    "list-closed": "`krets list set {list} --no-closed` opens it again.",
    "no-list": "`krets list ls` shows them all.",
    "no-editor": "Make somebody one: krets member set {list} ADDRESS --role editor",
    "no-hold": "`krets queue ls` lists what is held.",
    "no-keys": "Make some with: krets dkim new {domain}",
    "no-list-yet": "krets list create LIST",
    "no-member": "`krets member ls {list}` shows who is.",
    "no-newsletter": "Write to {list}, or make a list with --kind newsletter.",
    "no-past": "Name --archive public or --archive members with --also-past.",
    "no-phrase": "Give the words with --phrase.",
    "no-readers": "`krets member add {list} ADDRESS --consent TEXT` adds one.",
    "no-yes-again": "Say how they did: --state active --consent 'asked me by phone on 3 May'.",
    "nobody-in-segment": "`krets newsletter segment show {list}` says what can be named.",
    "no-token-keys": "Name them with --keys FILE: the .keys file that was written beside the"
    " backup, or tokens.key of the old data folder. Where they are lost for ever, --new-keys goes"
    " on without: every link and address that was mailed is dead then.",
    "not-permitted": "Ask an owner of the list.",
    "not-proven": "Answer the mail that asks.",
    "not-stopped": "`krets queue decide` lists those that do.",
    "nothing-known": "`krets queue ls` lists what waits; the log of the mail server in front of"
    " Krets says whether it ever arrived.",
    "nothing-to-redact": "Give --message, --attachment, --person or --phrase.",
    "not-root": "Use sudo, or --into FOLDER to look at the files.",
    "not-scheduled": "`krets newsletter drafts` shows all.",
    "nothing-stands": "`krets member barred` shows whom something stands against.",
    "other-kind": "Leave {option} out.",
    "post-to-newsletter": "Leave --post out, or create the list with --kind discussion.",
    "red": "Say --anyway to send it all the same.",
    "said-never": "They can take that back by replying to the mail that told them so. If they told"
    " you, say how: --consent 'asked me by phone on 3 May'.",
    "which-text": "--{setting}-language needs --{setting} TEXT beside it.",
    "zone-unknown": "Name one behind the hour, such as Europe/Stockholm; or give the list another:"
    " `krets list set {list} --zone NAME`.",
}


def cure_of(error: KretsError) -> str:
    """Return the next step, "" where there is none."""
    return error.fix or CURES.get(error.key, "").format_map(error.facts)
