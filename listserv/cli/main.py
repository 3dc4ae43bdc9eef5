"""The command ``krets``: nouns, then verbs. A door: it turns errors into words and exit codes.

Words go to stderr, data to stdout. Exit codes: 0 ok, 1 refused, 2 usage, 75 try again later,
78 a setting or the machine must change (sysexits.h), 130 interrupted by Ctrl-C.
"""

import importlib
import json
import os
import sys
from typing import Any, cast

import click

from listserv.cli.cures import cure_of
from listserv.wiring.app import App
from listserv.wiring.config import SECRETS, Settings, described, example, file_in_use, load
from mailer.errors import KretsError

VERSION = "0.1.0"
INTERRUPTED = 130  # 128 and SIGINT, as a shell has it


# Loaded when they are asked for: a command should not wait for what it does not use.
_COMMANDS = {
    "archive": "archive:archives",
    "backup": "backup:back_up",
    "clock": "parts:clock_alone",
    "digest": "digest:digest",
    "dkim": "dkim:dkim",
    "doctor": "doctor:doctor",
    "explain": "explain:explain",
    "import": "archive:imports",
    "keys": "keys:keys",
    "list": "lists:lists",
    "member": "members:members",
    "newsletter": "newsletter:newsletter",
    "queue": "queue:queue",
    "quickstart": "quickstart:quickstart",
    "restore": "backup:restore_from",
    "serve": "parts:serve",
    "sink": "sink:sink",
    "smtp": "parts:smtp",
    "thread": "threads:threads",
    "try": "try_out:try_out",
    "web": "parts:web_door",
    "worker": "parts:worker",
}


class Door(click.Group):
    """Report every error of ours as what happened and what to do next."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted([*super().list_commands(ctx), *_COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, importing its module now."""
        if cmd_name not in _COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"listserv.cli.{module}"), name)
        return cast("click.Command", command)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own signature
        """Run the command; exit with the code of the error it met."""
        try:
            return super().invoke(ctx)
        except KretsError as error:
            click.secho(error.what, err=True, fg="red")
            if cure := cure_of(error):
                click.echo(cure, err=True)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            click.echo(err=True)
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)


@click.group(
    cls=Door,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with: krets list create friends@example.org, then krets serve.",
)
@click.option("--config", metavar="FILE", help="Read settings from FILE instead of ./krets.toml.")
@click.option(
    "--set", "flags", multiple=True, metavar="SECTION.KEY=VALUE", help="Set one setting, just now."
)
@click.version_option(VERSION, prog_name="krets")
@click.pass_context
def krets(ctx: click.Context, config: str | None, flags: tuple[str, ...]) -> None:
    """Newsletters and discussion lists, by permission, by email."""
    ctx.obj = App(load(file=config, flags=flags), file_in_use(named=config))
    ctx.call_on_close(ctx.obj.close)


@krets.group()
def config() -> None:
    """See and check the settings."""


@config.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--all", "every", is_flag=True, help="Also what stands at its default.")
@click.pass_obj
def config_show(app: App, *, as_json: bool, every: bool) -> None:
    """Print the settings in use; without --all only what differs from the default.

    \b
    Example:
      krets config show --all
    """
    values = {name: _value(app.settings, name) for name, _, _ in described()}
    if as_json:
        click.echo(json.dumps(values, default=str))
        return
    for name, default, _ in described():
        shown = json.dumps(values[name], default=str, ensure_ascii=False)
        if every or shown != (default or '""'):
            click.echo(f"{name} = {shown}")


@config.command("check")
@click.pass_obj
def config_check(app: App) -> None:
    """Read the settings and try them: database, Redis, doors, certificate, relays.

    A relay that does not answer now is told, and is no fault of the settings.

    \b
    Example:
      KRETS_CONFIG=/etc/krets.toml krets config check
    """
    from listserv.cli.settings_trial import try_settings  # noqa: PLC0415 - as in _COMMANDS

    for line in try_settings(app):
        click.echo(line, err=True)
    click.echo("The settings can be used.", err=True)


@config.command("example")
def config_example() -> None:
    """Print a whole krets.toml with every default.

    \b
    Example:
      krets config example > krets.toml
    """
    click.echo(example(), nl=False)


def _value(settings: Settings, name: str) -> object:
    section, _, key = name.partition(".")
    value = getattr(getattr(settings, section), key)
    if name in SECRETS and value:
        return _hidden(value)
    return "" if value is None else value


def _hidden(value: object) -> object:
    """Return URLs without their passwords, and nothing of other secrets."""
    if isinstance(value, tuple):
        return [_hidden(one) for one in value]
    if "://" not in str(value):
        return "***"
    scheme, split, rest = str(value).partition("://")
    user, at, host = rest.rpartition("@")
    return f"{scheme}{split}{user.partition(':')[0]}:***{at}{host}" if ":" in user else str(value)


def main() -> None:
    """Run the command and exit."""
    krets(prog_name="krets")
