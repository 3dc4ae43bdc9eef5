"""Find what stands on this machine before it is set up: mail server, web server, their files.

    found = on_machine(Path("/"))

Knows where Debian keeps them. Only looks; what is read is theirs and stays as it is.
"""

import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from listserv.quickstart.plan import FrontServer, WebProxy

_MERGED = ("etc/postfix/main.cf", "etc/exim4/exim4.conf.template")


@dataclass(frozen=True, slots=True)
class FoundMachine:
    """Hold what was found; ``there`` are the files that are merged into, by path."""

    name: str
    front: FrontServer
    proxy: WebProxy
    program: str  # the krets of this very installation
    packaged: bool  # a Debian package has brought us (tools/deb)
    there: Mapping[str, str]


def on_machine(root: Path) -> FoundMachine:
    """Return what stands below ``root``, and the program that asks."""
    return FoundMachine(
        name=socket.gethostname().lower(),
        front=_front(root),
        proxy=_proxy(root),
        program=_program(),
        packaged=_packaged(),
        there=_there(root),
    )


def _program() -> str:
    if _packaged():
        return "/usr/bin/krets"
    beside = Path(sys.prefix) / "bin" / "krets"
    return str(beside if beside.exists() else f"{sys.executable} -m listserv")


def _packaged() -> bool:
    return Path(__file__).resolve().parents[2] == Path("/usr/lib/krets")


def _front(root: Path) -> FrontServer:
    if (root / "etc/postfix/main.cf").exists():
        return FrontServer.POSTFIX
    return FrontServer.EXIM if (root / "etc/exim4").is_dir() else FrontServer.NONE


def _proxy(root: Path) -> WebProxy:
    if (root / "etc/nginx").is_dir():
        return WebProxy.NGINX
    return WebProxy.CADDY if (root / "etc/caddy").is_dir() else WebProxy.NONE


def _there(root: Path) -> Mapping[str, str]:
    found = [root / name for name in _MERGED]
    if "dc_use_split_config='true'" in _read(root / "etc/exim4/update-exim4.conf.conf"):
        found += sorted((root / "etc/exim4/conf.d/acl").glob("*"))
    texts = {path: _read(path) for path in found if path.is_file()}
    return {f"/{path.relative_to(root).as_posix()}": text for path, text in texts.items()}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
