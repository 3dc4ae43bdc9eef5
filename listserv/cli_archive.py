"""The commands about archives and about moving one in."""

import click

archives = click.Group("archive")
imports = click.Group("import")
