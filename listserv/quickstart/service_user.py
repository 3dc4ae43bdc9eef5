"""Make the user that the service runs as, and take it back where a later step fails."""

import contextlib
import os
import pwd
import subprocess
from pathlib import Path

from listserv.quickstart.plan import DATA, Site
from listserv.quickstart.writing import Owner, Undoing
from mailer.errors import Refused


def make(site: Site, root: Path, undoing: Undoing) -> Owner | None:
    """Return whom our files belong to, making the service user on this machine if need be.

    None below another folder than ``/``, which is only looked at. Raise Refused for whoever is
    not root, and where the user cannot be made.
    """
    if root != Path("/"):
        return None
    if os.geteuid() != 0:
        raise Refused("Only root can set up a service.", key="not-root")
    with contextlib.suppress(KeyError):
        known = pwd.getpwnam(site.user)
        return known.pw_uid, known.pw_gid
    words = ["adduser", "--system", "--group", "--no-create-home", "--home", DATA, site.user]
    try:
        subprocess.run(words, check=True, capture_output=True)  # noqa: S603 - our own words
    except (OSError, subprocess.CalledProcessError):
        raise Refused(
            f"The user {site.user} cannot be made.", f"Make it yourself: {' '.join(words)}"
        ) from None
    undoing.then(lambda: subprocess.run(["deluser", "--system", site.user], check=False))  # noqa: S603, S607
    known = pwd.getpwnam(site.user)
    return known.pw_uid, known.pw_gid
