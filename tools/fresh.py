"""Set up a fresh clone, in an empty home, against the package index of a later day.

Knows: the index that stands upstream, whose pages it hands on with one link more: an empty newer
release of whatever is locked. What set-up installs must be the locked all the same.
Refuses to know: how set-up works; it runs tools/prepare of the clone.

    fresh.py [COMMIT]      HEAD, if none is named; PYTHON=... as for `make`
"""

import hashlib
import html
import io
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[1]
UPSTREAM = os.environ.get("PIP_INDEX_URL") or "https://pypi.org/simple"
NEWER = "99999.0"
DIFFERENT = """
import sys
from importlib import metadata
sys.path.insert(0, "tools")
import locks
pins = {p.name: p for n in (locks.BUILD, locks.RUN, locks.TEST) for p in locks.lock(n)}
for name, pin in sorted(pins.items()):
    if pin.asked.marker is None or pin.asked.marker.evaluate():
        found = metadata.version(name)
        if found != pin.version:
            print(f"{name} {found} is installed, {pin.version} is locked")
print(f"{len(pins)} pins, as locked", file=sys.stderr)
"""


def newer(name: str) -> tuple[str, bytes]:
    """Make an empty release of a package that no lock can know yet."""
    stem = f"{name.replace('-', '_')}-{NEWER}"
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as wheel:
        about = f"{stem}.dist-info"
        wheel.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {NEWER}\n"
        )
        wheel.writestr(
            f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{about}/RECORD", "")
    return f"{stem}-py3-none-any.whl", made.getvalue()


def page_of_a_later_day(name: str, page: str, base: str) -> str:
    """Return an index page whose links hold from anywhere, with the newer release in it."""
    wheel, content = newer(name)
    link = f"{wheel}#sha256={hashlib.sha256(content).hexdigest()}"
    whole = re.sub(
        r'href="([^"]*)"',
        lambda found: f'href="{html.escape(urljoin(base, html.unescape(found[1])))}"',
        page,
    )
    return f'{whole}\n<a href="{link}">{wheel}</a>\n'


class Later(BaseHTTPRequestHandler):
    """Hand on the pages of the index upstream, each with a newer release."""

    def do_GET(self) -> None:
        """Answer with a package's page, or with its newer release."""
        name, _, file = self.path.strip("/").partition("/")
        if file:
            self._answer(200, "application/zip", newer(name)[1])
            return
        base = f"{UPSTREAM.rstrip('/')}/{name}/"
        asked = Request(base, headers={"Accept": "text/html"})  # noqa: S310 - the index's address
        try:
            with urlopen(asked, timeout=60) as found:  # noqa: S310
                page = page_of_a_later_day(name, found.read().decode(), found.url)
        except HTTPError as error:
            self._answer(error.code, "text/plain", b"")
        else:
            self._answer(200, "text/html", page.encode())

    def _answer(self, code: int, kind: str, content: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: set-up speaks for itself."""


def set_up(commit: str, index: str, folder: Path) -> int:
    """Clone, set up as for tests, and compare what is there with the locks."""
    clone = folder / "krets"
    subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
    subprocess.run(["git", "checkout", "-q", "--detach", commit], cwd=clone, check=True)
    home = folder / "home"
    home.mkdir()
    cache = subprocess.run(
        [sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True, check=False
    ).stdout.strip()
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PIP_") or k == "PIP_CERT"}
    env = {**kept, "HOME": str(home), "PIP_INDEX_URL": index, "PIP_CONFIG_FILE": os.devnull}
    env |= {"PIP_CACHE_DIR": cache} if cache else {}
    for what in ("run", "test"):
        began = time.monotonic()
        code = subprocess.run(["tools/prepare", what], cwd=clone, env=env, check=False).returncode
        sys.stderr.write(f"tools/prepare {what}: {code}, {time.monotonic() - began:.0f} s\n")
        if code:
            return code
    found = subprocess.run(
        [clone / ".venv/bin/python", "-c", DIFFERENT], cwd=clone, stdout=subprocess.PIPE, check=True
    ).stdout
    sys.stderr.write(found.decode())
    return 1 if found else 0


def main() -> int:
    """Serve the index, set up against it, and return what set-up returned."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Later)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        commit = sys.argv[1] if len(sys.argv) > 1 else "HEAD"
        code = set_up(commit, f"http://127.0.0.1:{server.server_port}/", Path(folder))
    server.shutdown()
    return code


if __name__ == "__main__":
    sys.exit(main())
