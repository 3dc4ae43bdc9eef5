"""``krets queue mailing``: where one mailing stands, and what became of each recipient."""

import json

import click
from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.app import App
from listserv.terminal import print_json_array, print_table, say
from mailer import mailings
from mailer.mailings import Mailing, Recipient, State

COUNTS = ("audience", *(state.name.lower() for state in State))
SHOWN = 200  # recipients in a table; --json has all of them


@click.command("mailing")
@click.argument("mailing_id", metavar="[MAILING]", type=int, required=False)
@click.option(
    "--only", type=click.Choice([state.name.lower() for state in State]), help="Only this state."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON value.")
@click.pass_obj
def mailing(app: App, mailing_id: int | None, only: str | None, *, as_json: bool) -> None:
    """Show the newest mailings, or what became of each recipient of one.

    \b
    Examples:
      krets queue mailing
      krets queue mailing 12 --only refused --json
    """
    with app.store.read() as session:
        if mailing_id is None:
            _newest(session, as_json=as_json)
            return
        counts = mailings.status(session, mailing_id)
        chosen = select(Recipient).where(Recipient.mailing_id == mailing_id)
        if only is not None:
            chosen = chosen.where(Recipient.state == State[only.upper()])
        found = session.scalars(chosen.order_by(Recipient.id).execution_options(yield_per=1000))
        if as_json:
            print_json_array(_recipient(row) for row in found)
            return
        say(", ".join(f"{name} {getattr(counts, name)}" for name in COUNTS) + f" ({counts.state})")
        rows = [_recipient(row) for row, _ in zip(found, range(SHOWN), strict=False)]
    print_table(
        ("address", "state", "code", "reason"),
        [[str(row[name]) for name in ("address", "state", "code", "reason")] for row in rows],
    )


def _recipient(row: Recipient) -> dict[str, object]:
    return {
        "address": row.address,
        "state": State(row.state).name.lower(),
        "code": row.code or None,
        "reason": row.reason,
        "attempts": row.attempts,
    }


def _newest(session: Session, *, as_json: bool) -> None:
    newest = session.scalars(select(Mailing).order_by(Mailing.id.desc()).limit(20)).all()
    rows = []
    for one in newest:
        counts = mailings.status(session, one.id)
        rows.append(
            {"id": one.id, "list": one.list_address, "kind": one.kind, "state": str(counts.state)}
            | {name: getattr(counts, name) for name in COUNTS}
        )
    if as_json:
        click.echo(json.dumps(rows))
        return
    shown = ("id", "list", "kind", "state", "audience", "accepted", "refused", "deferred", "unsure")
    print_table(shown, [[str(row[name]) for name in shown] for row in rows])
