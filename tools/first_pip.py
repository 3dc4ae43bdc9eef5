"""Fetch the locked pip for a Python that came without one, and print where it lies.

Knows: the pin of pip in requirements-build.lock and the pages of a package index (PEP 503).
Refuses to know: how to install; the wheel of pip runs as it is.
SECURITY: what was fetched is kept only when its SHA-256 is one of the lock's.

    first_pip.py FOLDER
"""

import hashlib
import html
import os
import re
import sys
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

LOCK = Path(__file__).resolve().parents[1] / "requirements-build.lock"
INDEX = "https://pypi.org/simple"


def pinned(lock: str) -> tuple[str, set[str]]:
    """Return the name of pip's wheel and the hashes that the lock allows."""
    block = re.search(r"^pip==(\S+) \\\n((?:    --hash=.*\n)+)", lock, re.MULTILINE)
    if block is None:
        raise SystemExit(f"{LOCK.name} pins no pip: run `make lock`.")
    return f"pip-{block[1]}-py3-none-any.whl", set(re.findall("sha256:([0-9a-f]{64})", block[2]))


def fetch(index: str, lock: str) -> tuple[str, bytes]:
    """Fetch the wheel that the lock names from an index; refuse any other content."""
    wheel, hashes = pinned(lock)
    page = f"{index.rstrip('/')}/pip/"
    links = re.findall(r'href="([^"]*)"', _get(page).decode())
    link = next((html.unescape(link) for link in links if f"/{wheel}" in f"/{link}"), None)
    if link is None:
        raise SystemExit(f"{page} has no {wheel}.")
    content = _get(urljoin(page, link))
    if hashlib.sha256(content).hexdigest() not in hashes:
        raise SystemExit(f"{wheel} from {page} is not what {LOCK.name} says; nothing was kept.")
    return wheel, content


def _get(url: str) -> bytes:
    if not url.startswith(("https://", "http://")):
        raise SystemExit(f"{url} is no address of an index.")
    try:
        with urlopen(url, timeout=60) as answer:  # noqa: S310 - its scheme was read above
            found: bytes = answer.read()
    except OSError as error:
        raise SystemExit(f"{url} could not be read: {error}") from error
    return found


if __name__ == "__main__":
    name, read = fetch(os.environ.get("PIP_INDEX_URL") or INDEX, LOCK.read_text(encoding="utf-8"))
    place = Path(sys.argv[1], name)
    place.write_bytes(read)
    sys.stdout.write(f"{place}\n")
