"""Back up the database, the settings and own themes into one file, and check it.

A tar in a zstd frame: ``manifest.json`` (what is in it, sizes and SHA-256, version, schema),
``krets.db`` (the database with raw mail and signing keys, always in SQLite's form, whatever it came
from), ``krets.toml`` (the settings in use) and what stands in ``themes`` (own_themes.py). Pages
are not in it: they are made from the mail. The keys of tokens are apart (backup_keys.py).
SECURITY: it holds secrets and everybody's mail, so only its owner may read it. A file to be
restored may come from anywhere: only these names are read, never more than the manifest says.
"""

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, BinaryIO

import listserv.wiring.every_table  # noqa: F401 - all of them are copied
from archive.threads.disk import sync_folder
from listserv.upkeep import backup_keys, own_themes
from listserv.upkeep.backup_keys import IN_DATABASE
from listserv.wiring import schema
from listserv.wiring.app import App
from listserv.wiring.config import Settings
from listserv.wiring.data_folder import make_data_folder
from mailer.errors import BadInput, Misconfigured, Refused, Temporary
from mailer.storage import journal
from mailer.storage.snapshot import check_file, copy_file, pour
from mailer.storage.store import Store, compressed, decompressed

FORM = 4  # of the file; a newer one is refused
OLDER = (1, 2, 3)  # without themes, without the journal, with the token keys in the database
JOURNAL = journal.NAME
DATABASE, SETTINGS, MANIFEST = "krets.db", "krets.toml", "manifest.json"
MAX_MANIFEST = 200_000  # bytes
PIECE = 1024 * 1024
_SQLITE = b"SQLite format 3\0"  # how a bare database begins
_FULL = {28, 122}  # ENOSPC, EDQUOT


@dataclass(frozen=True, slots=True)
class Content:
    """Say what one file of a backup is."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Say what a backup holds."""

    form: int
    version: str
    schema: str
    database: str  # sqlite or postgresql: where it came from
    taken: float  # seconds since 1970 UTC
    files: dict[str, Content]
    left: tuple[str, ...] = ()  # files of themes that are not in it
    keys: str = (
        IN_DATABASE  # where the token keys stood when it was taken; in the file they never do
    )

    @property
    def themes(self) -> list[str]:
        """Return the names of the own themes in it."""
        return sorted({name.split("/")[1] for name in self.files if own_themes.is_name(name)})


def write(app: App, target: Path, version: str, *, replace: bool) -> Manifest:
    """Back up while everything runs; the file is whole and on disk, or not there at all.

    Raise Refused where ``target`` exists and must not be replaced, Temporary on a full disk.
    """
    if target.exists() and not replace:
        raise Refused(f"{target} exists.", key="file-exists")
    with _disk_errors(target.parent), TemporaryDirectory(dir=target.parent, prefix=".krets-") as at:
        folder = Path(at)
        taken = time.time()
        keys = backup_keys.write(app.store, target)
        _copy_database(app.store, folder / DATABASE)
        backup_keys.strip(folder / DATABASE)
        (folder / SETTINGS).write_text(settings_file(app.settings), encoding="utf-8")
        found, left = own_themes.list_files(app.data)
        for name in found:  # a copy: somebody may be writing it
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((app.data / name).read_bytes())
        with suppress(FileNotFoundError):  # behind the database: it may only know more
            (folder / JOURNAL).write_bytes((app.data / JOURNAL).read_bytes())
        names = (SETTINGS, *found, DATABASE, *([JOURNAL] if (folder / JOURNAL).exists() else ()))
        manifest = Manifest(
            form=FORM,
            version=version,
            schema=schema.HEAD,
            database="sqlite" if app.store.sqlite else "postgresql",
            taken=taken,
            files={name: _content(folder / name) for name in names},
            left=tuple(left),
            keys=keys,
        )
        (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
        packed = folder / f"packed-{secrets.token_hex(4)}"
        with os.fdopen(os.open(packed, os.O_CREAT | os.O_WRONLY, 0o600), "wb") as raw:
            with compressed(raw) as frame, tarfile.open(fileobj=frame, mode="w|") as tar:
                for name in (MANIFEST, *names):
                    tar.add(folder / name, name, filter=_nobody)
            raw.flush()
            os.fsync(raw.fileno())
        if not replace:  # somebody may have made it meanwhile
            with suppress(FileExistsError):
                os.link(packed, target)
                packed.unlink()
        if packed.exists():
            if target.exists() and not replace:
                raise Refused(f"{target} exists.", key="file-exists")
            packed.replace(target)
        sync_folder(target.parent)
    return manifest


def unpack(source: BinaryIO, folder: Path) -> Manifest:
    """Unpack a backup into ``folder`` and check every byte; raise BadInput where it is damaged.

    What an upgrade lays aside before it migrates is a bare database, and is taken as one.
    """
    if _is_database(source):
        return _take_database(source, folder)
    try:
        with tarfile.open(fileobj=decompressed(source), mode="r|") as tar:
            first = tar.next()
            if first is None or first.name != MANIFEST or first.size > MAX_MANIFEST:
                raise BadInput("This is not a backup of Krets.")
            manifest = _read_manifest(_stream(tar, first).read())
            while member := tar.next():
                content = manifest.files.get(member.name)
                if content is None or not member.isfile() or member.size != content.size:
                    raise BadInput(f"The backup holds {member.name!r}, which it does not name.")
                (folder / member.name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _unpack_one(_stream(tar, member), folder / member.name, content)
    except tarfile.TarError as error:
        raise BadInput(f"The backup is damaged ({error}).", "Use another one.") from None
    missing = [name for name in manifest.files if not (folder / name).exists()]
    if missing:
        raise BadInput(f"The backup ends before {missing[0]}.", "Use another one.")
    check_file(folder / DATABASE)
    return manifest


def _is_database(source: BinaryIO) -> bool:
    if not isinstance(source, io.BufferedReader):
        return False
    return source.peek(len(_SQLITE))[: len(_SQLITE)] == _SQLITE


def _take_database(source: BinaryIO, folder: Path) -> Manifest:
    """Take a bare database as a backup without settings and themes."""
    target = folder / DATABASE
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        shutil.copyfileobj(source, file, PIECE)
        file.flush()
        os.fsync(file.fileno())
    check_file(target)
    return Manifest(
        form=FORM,
        version="",
        schema=schema.revision_of(target),
        database="sqlite",
        taken=_taken(str(getattr(source, "name", ""))),
        files={DATABASE: _content(target)},
    )


def _taken(name: str) -> float:
    """Return when an upgrade laid a file aside: its name says so; else when it was written."""
    if said := re.search(r"(\d{8}T\d{6})Z\.db\Z", name):
        with suppress(ValueError):
            return datetime.strptime(f"{said[1]}+0000", "%Y%m%dT%H%M%S%z").timestamp()
    with suppress(OSError):
        return Path(name).stat().st_mtime
    return time.time()


def settings_file(settings: Settings) -> str:
    """Return the settings in use as a krets.toml, secrets included."""
    lines = []
    for section, values in settings.model_dump(mode="json", exclude_defaults=True).items():
        lines.append(f"[{section}]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        lines.append("")
    return "\n".join(lines)


def _copy_database(store: Store, target: Path) -> None:
    target.touch(mode=0o600)
    if store.sqlite:
        with store.read():  # speaks of a database that cannot be read
            copy_file(store, target)
        return
    target.unlink()
    with TemporaryDirectory(dir=target.parent) as at:
        make_data_folder(Path(at))
        with closing(Store("", Path(at))) as flat:
            schema.bring_up_to_date(flat, Path(at))
            pour(store, flat)
            copy_file(flat, target)
    target.chmod(0o600)


def _content(path: Path) -> Content:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Content(path.stat().st_size, digest)


def _read_manifest(raw: bytes) -> Manifest:
    try:
        told = json.loads(raw)
        if told["form"] not in {*OLDER, FORM}:
            raise Misconfigured(
                f"The backup has the form {told['form']!r}; this Krets reads 1 to {FORM}.",
                "Restore it with the Krets that made it, or a newer one.",
            )
        files = {name: Content(**content) for name, content in told.pop("files").items()}
        themes = files.keys() - {DATABASE, SETTINGS, JOURNAL}
        few = len(themes) <= own_themes.FILES and {DATABASE, SETTINGS} <= files.keys()
        if not few or not all(map(own_themes.is_name, themes)):
            raise BadInput("The backup's manifest names other files than a backup has.")
        left = tuple(map(str, told.pop("left", ())))
        return Manifest(**told, files=files, left=left)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput("The backup's manifest cannot be read.", "Use another backup.") from None


def _unpack_one(source: IO[bytes], target: Path, content: Content) -> None:
    digest = hashlib.sha256()
    with os.fdopen(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        while piece := source.read(PIECE):
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if digest.hexdigest() != content.sha256:
        raise BadInput(
            f"{target.name} in the backup is not what its manifest says.", "Use another."
        )


def _stream(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    found = tar.extractfile(member)
    if found is None:
        raise BadInput(f"{member.name!r} in the backup is no file.")
    return found


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Temporary(
                f"The disk of {folder} is full.", "Make room; no file is left."
            ) from None
        raise Misconfigured(
            f"{folder} cannot be written to: {error.strerror}.", "Name a file in another folder."
        ) from None
