"""Examine once a day, and mail the operator only what has changed since; all of it when asked.

``changes`` is pure: what is new among what is wrong, and what is no more. Figures in the words
do not make a finding new. Whoever operates it is named by ``listserv.operator``; without a name,
or without a list to write in the name of, nothing is examined. SECURITY: whoever holds the token
of such a mail can have the operator mailed, once a minute, and nobody else; From says nothing.
"""

import json
import re
from collections.abc import Sequence

from sqlalchemy.orm import Session

from listserv.doctor import examination
from listserv.doctor.diagnosis import Diagnosis, Health
from listserv.letters import operator_mail
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Examined

EVERY = 86400.0  # seconds
SOON = 60.0  # seconds between two that are asked for
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_ELSEWHERE = "Krets is not running"  # by a worker on a machine without doors


def waiting(session: Session, app: App, now: float) -> bool:
    """Tell whether the last examination is a day old, and anybody would read of the next."""
    if not app.settings.listserv.operator:
        return False
    last = session.get(Examined, 1)
    return last is None or now - last.at >= (SOON if last.asked else EVERY)


def changes(
    before: Sequence[Diagnosis], after: Sequence[Diagnosis]
) -> tuple[list[Diagnosis], list[Diagnosis]]:
    """Return what is wrong now and was not (or was less so), and what was and is not any more."""
    old, new = {_key(one) for one in before}, {_key(one) for one in after}
    worse = [one for one in after if _key(one) not in old]
    touched = {(one.check, _plain(one.what)) for one in after}
    better = [
        one
        for one in before
        if _key(one) not in new and (one.check, _plain(one.what)) not in touched
    ]
    return worse, better


def carry_out(app: App, now: float) -> int:
    """Examine, keep what was found, and tell the operator of changes; return how many."""
    with app.store.alone("examine") as ours:
        if not ours:
            return 0
        with app.store.read() as session:
            if not waiting(session, app, now):
                return 0
            last = session.get(Examined, 1)
            before, asked = (_kept(last.found), last.asked) if last else ([], False)
        everything = examination.examine(app, now)
        found = [one for one in everything if _counts(one)]
        worse, better = changes(before, found)
        with app.store.write() as session:
            session.merge(
                Examined(id=1, at=now, found=json.dumps([one.shown for one in found]), asked=False)
            )
            if asked:
                _tell_all(session, app, everything, now)
            elif worse or better:
                operator_mail.send(session, app, "operator-health", now, worse=worse, better=better)
    return len(everything) if asked else len(worse) + len(better)


def tell(app: App, found: Sequence[Diagnosis], now: float) -> bool:
    """Mail the operator what was found just now; tell if there is anybody to mail."""
    with app.store.write() as session:
        return _tell_all(session, app, found, now)


def _tell_all(session: Session, app: App, found: Sequence[Diagnosis], now: float) -> bool:
    return operator_mail.send(
        session,
        app,
        "operator-examined",
        now,
        must_mend=[one for one in found if one.state is Health.FAIL],
        should_mend=[one for one in found if one.state is Health.WARN],
        well=sorted({one.check for one in found if one.state is Health.OK}),
    )


def _counts(one: Diagnosis) -> bool:
    return one.state is not Health.OK and not one.what.startswith(_ELSEWHERE)


def _key(one: Diagnosis) -> tuple[str, str, str]:
    return one.check, one.state, _plain(one.what)


def _plain(words: str) -> str:
    return _FIGURE.sub("#", words)


def _kept(text: str) -> list[Diagnosis]:
    return [Diagnosis(**{**one, "state": Health(one["state"])}) for one in json.loads(text)]
