"""The command ``krets``: nouns, then verbs. A door: it turns errors into words and exit codes.

Words go to stderr, data to stdout. Exit codes: 0 ok, 1 refused, 2 usage, 75 try again later,
78 a setting or the machine must change (sysexits.h), 130 interrupted by Ctrl-C.
"""

import importlib
import os
import sys
from typing import Any, cast

import click

from listserv.cli.cures import cure_of
from listserv.wiring.app import App
from listserv.wiring.config import file_in_use, load
from mailer.errors import KretsError

VERSION = "0.1.0"
INTERRUPTED = 130  # 128 and SIGINT, as a shell has it


# Loaded when they are asked for: a command should not wait for what it does not use.
_COMMANDS = {
    "archive": "archive:archives",
    "backup": "backup:back_up",
    "clock": "parts:clock_alone",
    "config": "settings:config",
    "digest": "digest:digest",
    "dkim": "dkim:dkim",
    "doctor": "doctor:doctor",
    "event": "events:events",
    "explain": "explain:explain",
    "import": "archive:imports",
    "keys": "keys:keys",
    "list": "lists:lists",
    "member": "members:members",
    "newsletter": "newsletter:newsletter",
    "poll": "polls:polls",
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
            from listserv.cli.terminal import plain  # noqa: PLC0415 - as in _COMMANDS

            click.secho("\n".join(map(plain, error.what.splitlines())), err=True, fg="red")
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


def main() -> None:
    """Run the command and exit."""
    krets(prog_name="krets")
