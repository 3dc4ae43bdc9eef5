"""Try what the settings name, for ``krets config check``: nothing is said to work untried."""

import time
from collections.abc import Iterator

from listserv.doctor import examination
from listserv.doctor.diagnosis import Health
from listserv.run.serve import bind
from listserv.wiring.app import App
from mailer.errors import Misconfigured

_MUST = {"database", "redis", "tls"}  # without which nothing begins


def try_settings(app: App) -> Iterator[str]:
    """Yield what should be looked at; raise Misconfigured for what cannot be used."""
    found, heard = examination.tried(app, time.time())
    for one in found:
        if one.state is Health.FAIL and one.check in _MUST:
            raise Misconfigured(f"{one.what}. {one.why}", one.cure)
        if one.state is Health.FAIL:
            yield f"{one.what}. {one.cure}"
    settings = app.settings
    for setting, door, answers in (
        ("mailer.smtp", settings.mailer.smtp, heard.smtp),
        ("mailer.lmtp", settings.mailer.lmtp, heard.lmtp),
        ("listserv.http", settings.listserv.http, heard.http),
    ):
        ours = setting == "listserv.http" or "Krets" in answers
        if door and not (answers and ours):
            bind(door, setting).close()
