"""``krets config``: the settings in use, a trial of them, and a file with every default."""

import json

import click

from listserv.actions.machine import health, settings
from listserv.cli.terminal import asked
from listserv.wiring.app import App
from listserv.wiring.config import example


@click.group()
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
    found = settings.show(asked(app))
    if as_json:
        click.echo(json.dumps({one.name: one.value for one in found}, default=str))
        return
    for one in found:
        if every or one.changed:
            click.echo(f"{one.name} = {json.dumps(one.value, default=str, ensure_ascii=False)}")


@config.command("check")
@click.pass_obj
def config_check(app: App) -> None:
    """Read the settings and try them: database, Redis, doors, certificate, relays.

    A relay that does not answer now is told, and is no fault of the settings.

    \b
    Example:
      KRETS_CONFIG=/etc/krets.toml krets config check
    """
    for line in health.try_settings(asked(app)):
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
