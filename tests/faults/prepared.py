"""Two lists with their members, made once and copied for each scenario."""

import itertools
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests import cluster, warm
from tests.cluster import Cluster
from tests.faults import disk
from tests.faults.disk import Disk
from tests.faults.posting import AUTHOR
from tests.tree import Krets

# A commit must be in the log before it is answered for; the machine itself is not to die here.
HONEST = {
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "autovacuum": "on",
    "log_min_duration_statement": "150",
}
SMALL, LARGE, NEWS = "friends@example.org", "crowd@example.org", "news@example.org"
ISSUE = """---
subject: Issue {number}
---
# The same for everybody

Dear {{{{ name }}}}, this goes to {{{{ email }}}} only once, or it says so.
"""
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Measure:
    """Say how large a scenario is."""

    small: int = 30  # members of the list that is posted to without end
    large: int = 10_000  # recipients of an issue, or of a post to the large list
    pace: float = 0.35  # seconds between posts
    thought: float = 0.03  # seconds that the relay thinks about a dot, at most


@dataclass(frozen=True, slots=True)
class Prepared:
    """Hold what a scenario begins with."""

    members: dict[str, list[str]]
    template: Path
    cluster: Cluster | None
    cluster_disk: Disk | None
    small_disk: bool  # whether the data folder may have a disk of its own, to be filled

    def install(self, data: Path) -> str:
        """Make a data folder and a database; return ``mailer.database``."""
        shutil.copytree(self.template, data, dirs_exist_ok=True)
        if self.cluster is None:
            return ""
        name = f"chaos_{next(_numbers)}"
        folder = str(self.cluster.folder)
        cluster.run(folder, "CREATE DATABASE {} TEMPLATE {}", name, "prepared")
        return cluster.url(folder, name)

    def discard(self, database: str) -> None:
        """Drop a scenario's database."""
        if self.cluster is not None:
            name = database.partition("@/")[2].partition("?")[0]
            cluster.run(str(self.cluster.folder), "DROP DATABASE {} WITH (FORCE)", name)


@contextmanager
def prepared(folder: Path, database: str, measure: Measure) -> Iterator[Prepared]:
    """Make the lists and, where asked for, a PostgreSQL to be stopped and started."""
    server_disk = None
    server = Cluster(cluster.SETTINGS | HONEST) if database == "postgresql" else None
    try:
        url = ""
        if server is not None:
            if disk.fits():
                server_disk = Disk(server.folder)
            server.make()
            server.start()
            cluster.run(str(server.folder), "CREATE DATABASE {}", "prepared")
            url = cluster.url(str(server.folder), "prepared")
        warm.stove()  # lit now, so that the first start takes no longer than the others
        krets = Krets(folder / "prepared", database=url)
        krets.folder.mkdir()
        many = _people(measure.large)
        members = {SMALL: many[: measure.small], LARGE: many, NEWS: many}
        for address, people in members.items():
            kind = "newsletter" if address == NEWS else "discussion"
            krets.krets("list", "create", address, "--kind", kind)
            words = ("member", "import", address, "-", "--consent", "for the test", "--yes")
            krets.krets(*words, stdin="\n".join(people))
        yield Prepared(members, krets.folder / "data", server, server_disk, disk.fits())
    finally:
        if server is not None:
            server.stop(signal.SIGQUIT)
            if server_disk is not None:
                server_disk.remove()
            server.remove()


def _people(count: int) -> list[str]:
    return [AUTHOR, *(f"m{n}@d{n % 50}.example.com" for n in range(count - 1))]
