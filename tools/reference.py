"""Write docs/reference/commands.md and settings.md from the code that they describe.

``make docs`` writes them; tests/house fails while they differ from what this prints.
"""

import inspect
import sys
from pathlib import Path

import click

from listserv.wiring import config

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
MADE = "<!-- Made by `make docs` from {source}. Change the text there. -->\n\n"


def settings_page() -> str:
    """Return the page of every setting."""
    lines = [
        MADE.format(source="listserv/wiring/config.py") + "# Settings",
        "",
        "All are optional. They stand in `krets.toml` (in the folder you start from, or named by",
        "`KRETS_CONFIG`), in the environment as `KRETS_SECTION__KEY`, or on the command line.",
        "A flag wins over the environment, the environment over the file, the file over the",
        "default. `KRETS_SECTION__KEY_FILE` names a file to read a secret from. A list is written",
        "as JSON in the environment; a plain string is a list of one.",
    ]
    section = ""
    for name, default, meaning in config.described():
        if name.partition(".")[0] != section:
            section = name.partition(".")[0]
            lines += ["", f"## [{section}]", "", "| setting | default | meaning |", "|---|---|---|"]
        shown = f"`{default}`" if default else "empty"
        lines.append(f"| `{name}` | {shown} | {meaning} |")
    return "\n".join(lines) + "\n"


def commands_page(root: click.Group) -> str:
    """Return the page of every command and option."""
    lines = [
        MADE.format(source="the commands' own help") + "# Commands",
        "",
        "Exit codes: 0 ok, 1 refused, 2 usage, 75 temporary (try again), 78 configuration,",
        "130 interrupted by Ctrl-C.",
        "Data goes to standard output, words to standard error.",
    ]
    lines += _section("krets", root, "##")
    lines += _group("krets", root)
    return "\n".join(lines) + "\n"


def walk(name: str, group: click.Group) -> list[tuple[str, click.Command]]:
    """Return every command below ``group`` with its whole name, in order."""
    found: list[tuple[str, click.Command]] = []
    context = click.Context(group)
    for word in sorted(group.list_commands(context)):
        command = group.get_command(context, word)
        if command is None or command.hidden:
            continue
        found.append((f"{name} {word}", command))
        if isinstance(command, click.Group):
            found += walk(f"{name} {word}", command)
    return found


def _group(name: str, group: click.Group) -> list[str]:
    lines: list[str] = []
    for words, command in walk(name, group):
        lines += _section(words, command, "#" * min(words.count(" ") + 1, 3))
    return lines


def _section(name: str, command: click.Command, level: str) -> list[str]:
    lines = ["", f"{level} {name}", ""]
    arguments = " ".join(_argument(p) for p in command.params if isinstance(p, click.Argument))
    if not isinstance(command, click.Group):
        lines += [f"    {name} {arguments}".rstrip(), ""]
    lines += _text(command.help or "")
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        lines += ["", "| option | meaning |", "|---|---|"]
        lines += [f"| {_option(option)} | {_meaning(option)} |" for option in options]
    return lines


def _argument(argument: click.Argument) -> str:
    word = (argument.metavar or argument.name or "").upper().strip("[].")
    word = f"{word}..." if argument.nargs == -1 else word
    return word if argument.required else f"[{word}]"


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{word}`" for word in [*option.opts, *option.secondary_opts])
    if option.is_flag or option.count:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} " + "\\|".join(str(choice) for choice in option.type.choices)
    return f"{names} {option.metavar or option.type.name.upper()}"


def _meaning(option: click.Option) -> str:
    text = " ".join((option.help or "").split()).replace("|", "\\|")
    default = option.default
    plain = isinstance(default, (str, int, float)) and not isinstance(default, bool)
    if plain and default != "" and not option.is_flag and "efault" not in text:
        text += f" Default: {default}."
    return text.strip()


def _text(help_text: str) -> list[str]:
    """Return a command's help as Markdown; click's literal blocks become indented code."""
    lines: list[str] = []
    literal = False
    for line in inspect.cleandoc(help_text).replace("\f", "").splitlines():
        if line == "\b":
            literal = True
            continue
        literal = literal and bool(line)
        lines.append(f"    {line}" if literal else line)
    return lines


def root_command() -> click.Group:
    """Return the group that ``krets`` runs."""
    from listserv.cli import main as cli  # noqa: PLC0415 - heavy, and only this page needs it

    for value in vars(cli).values():
        if isinstance(value, click.Group) and value.name in {"krets", "main", "cli"}:
            return value
    raise LookupError("listserv.cli has no click group named krets, main or cli")


def list_settings_page() -> str:
    """Return the page of a list's settings, from the table that everything reads."""
    from subscriptions.lists.list_settings import SETTINGS  # noqa: PLC0415 - as above
    from subscriptions.lists.policies import Role  # noqa: PLC0415 - as above

    lines = [
        "# Settings of a list",
        "",
        "Made by `make docs`. `krets list set LIST --NAME VALUE` changes one, and",
        "`krets list show LIST` shows all. What widens (who may join, post, read) asks first, and",
        "an archive is opened for what comes from then on. The operator may change every setting,",
        "and so may whoever has one of the roles that are named.",
        "",
        "| setting | values | default | for | changed by | what it does |",
        "|---|---|---|---|---|---|",
    ]
    for one in SETTINGS:
        values = " ".join(word.value for word in one.words) if one.words else one.metavar
        if one.is_switch:
            values = f"`{one.option}` or `--no-{one.option[2:]}`"
        default = {True: "on", False: "off", None: "by its kind", "": "-"}.get(
            one.default, one.default
        )
        kinds = "all" if len(one.kinds) > 1 else next(iter(one.kinds)).value
        said = f"{one.help} {one.costs}".strip()
        roles = ", ".join(role for role in Role if role in one.changed_by)
        row = (f"`{one.option}`", values, str(default), kinds, roles, said)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return "\n".join([*lines, ""])


def pages() -> dict[Path, str]:
    """Return every page that is made, by its path."""
    return {
        REFERENCE / "list-settings.md": list_settings_page(),
        REFERENCE / "settings.md": settings_page(),
        REFERENCE / "commands.md": commands_page(root_command()),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"{path.relative_to(REFERENCE.parents[1])}\n")
