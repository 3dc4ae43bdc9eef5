"""Examine once a day, and mail the operator only what has changed since.

``changes`` is pure: what is new among what is wrong, and what is no more. Figures in the words
do not make a finding new. Whoever operates it is named by ``listserv.operator``; without a name,
or without a list to write in the name of, nothing is examined.
"""

import json
import re
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from listserv.doctor import examination
from listserv.doctor.diagnosis import Diagnosis, Health
from listserv.letters import operator_mail
from listserv.wiring.app import App
from listserv.wiring.listserv_tables import Examined

EVERY = 86400.0  # seconds
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_ELSEWHERE = "Krets is not running"  # by a worker on a machine without doors


def waiting(session: Session, app: App, now: float) -> bool:
    """Tell whether the last examination is a day old, and anybody would read of the next."""
    if not app.settings.listserv.operator:
        return False
    last = session.scalar(select(Examined.at))
    return last is None or now - last >= EVERY


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
            before = _kept(session.scalar(select(Examined.found)) or "[]")
        found = [one for one in examination.examine(app, now) if _counts(one)]
        worse, better = changes(before, found)
        with app.store.write() as session:
            session.merge(Examined(id=1, at=now, found=json.dumps([one.shown for one in found])))
            if worse or better:
                operator_mail.send(session, app, "operator-health", now, worse=worse, better=better)
    return len(worse) + len(better)


def _counts(one: Diagnosis) -> bool:
    return one.state is not Health.OK and not one.what.startswith(_ELSEWHERE)


def _key(one: Diagnosis) -> tuple[str, str, str]:
    return one.check, one.state, _plain(one.what)


def _plain(words: str) -> str:
    return _FIGURE.sub("#", words)


def _kept(text: str) -> list[Diagnosis]:
    return [Diagnosis(**{**one, "state": Health(one["state"])}) for one in json.loads(text)]
