"""Develop pictures that came with a draft: upright, small, without a word about who took them.

    darkroom.develop([data, ...])      one ``Developed`` or one ``Spoilt`` for each, in order

Knows formats, pixels and Pillow, of which this is the only file; refuses to know mail, lists and
addresses. What comes out is JPEG, PNG or GIF, because Outlook shows no WebP: at most ``WIDTH``
pixels wide, turned as EXIF says, its colours sRGB, all metadata (place, camera, comments) gone.
SECURITY: the bytes are anybody's. They are opened in a process of its own that knows no setting,
has no file open, may use ``MEMORY`` bytes and ``SECONDS`` of CPU, reads four formats and no other,
and looks at the size that a picture claims before it decodes a line. That process runs this very
file as a script, so nothing is imported here but the standard library and, there, Pillow.
"""

import json
import struct
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from PIL import Image

WIDTH = 1_200  # pixels: twice the widest theme's column, for sharp screens
TALL = 2_400
BYTES = 20_000_000  # of one picture as it came
PIXELS = 50_000_000  # that a JPEG may claim: it is decoded at an eighth, or a half, of its size
BARE_PIXELS = 16_000_000  # that the others may claim, which are decoded whole
MOVING = 1_000_000  # bytes of a GIF that moves; a larger one stands still
FRAMES = 20_000_000  # pixels of all its frames together
MEMORY = 450_000_000
SECONDS = 10
DEATHS = 5  # processes for the pictures of one draft
PATIENCE = 60.0  # seconds for all of a draft's pictures
FORMATS = ("JPEG", "PNG", "GIF", "WEBP")
_QUALITY = 82
_SMALL_PNG = 150_000  # bytes up to which a drawing stays one; above, a photograph weighs less
_FRAME = struct.Struct(">II")


@dataclass(frozen=True, slots=True)
class Developed:
    """Hold a picture ready for the web."""

    data: bytes
    ending: str  # jpg, png or gif
    width: int  # pixels
    height: int


@dataclass(frozen=True, slots=True)
class Spoilt:
    """Say why a picture cannot be used: large (bytes), pixels, kind, or broken."""

    why: str
    size: int = 0  # bytes, or pixels


Result = Developed | Spoilt


def develop(pictures: Sequence[bytes]) -> list[Result]:
    """Return what each of ``pictures`` becomes; one that kills the process spoils itself alone."""
    found: dict[int, Result] = {
        at: Spoilt("large", len(data)) for at, data in enumerate(pictures) if len(data) > BYTES
    }
    todo = [at for at in range(len(pictures)) if at not in found]
    for _ in range(DEATHS):
        if not todo:
            break
        done = _ask([pictures[at] for at in todo])
        if todo and not done:  # it died over the very first; over a later one it may be tired
            done.append(Spoilt("broken"))
        found.update(zip(todo, done, strict=False))
        todo = todo[len(done) :]
    found.update((at, Spoilt("broken")) for at in todo)
    return [found[at] for at in range(len(pictures))]


def _ask(pictures: list[bytes]) -> list[Result]:
    """Let a process of its own develop ``pictures``; return its answers until it ended."""
    sent = b"".join(_FRAME.pack(len(data), 0) + data for data in pictures)
    try:
        ran = subprocess.run(  # noqa: S603 - this interpreter, this file
            [sys.executable, "-I", str(Path(__file__))],
            input=sent,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=PATIENCE,
            check=False,
            env={},
        )
        answers = ran.stdout
    except subprocess.TimeoutExpired as late:
        answers = late.stdout or b""
    return list(_answers(answers))[: len(pictures)]


def _answers(said: bytes) -> "list[Result]":
    """Read the answers that are whole."""
    found: list[Result] = []
    at = 0
    while at + _FRAME.size <= len(said):
        about, size = _FRAME.unpack_from(said, at)
        at += _FRAME.size
        if at + about + size > len(said):
            break
        told = json.loads(said[at : at + about])
        data = said[at + about : at + about + size]
        found.append(Spoilt(**told) if "why" in told else Developed(data=data, **told))
        at += about + size
    return found


def _work(source: BinaryIO, target: BinaryIO) -> None:
    """Develop what stands in ``source``, answer by answer: the process of its own."""
    while len(head := source.read(_FRAME.size)) == _FRAME.size:
        size, _ = _FRAME.unpack(head)
        made = _develop(source.read(size))
        if isinstance(made, Spoilt):
            about, data = asdict(made), b""
        else:
            about = {"ending": made.ending, "width": made.width, "height": made.height}
            data = made.data
        told = json.dumps(about).encode()
        target.write(_FRAME.pack(len(told), len(data)) + told + data)
        target.flush()


def _develop(data: bytes) -> Result:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - in its own process alone

    Image.MAX_IMAGE_PIXELS = None  # judged below, before anything is decoded
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            pixels = picture.width * picture.height
            most = PIXELS if picture.format == "JPEG" else BARE_PIXELS
            if pixels > most or max(picture.size) > 40 * WIDTH:
                return Spoilt("pixels", pixels)
            if _moves(picture, len(data)):
                return _moving(picture)
            return _still(picture)
    except UnidentifiedImageError:
        return Spoilt("kind")
    except MemoryError:
        return Spoilt("pixels")
    except Exception:  # noqa: BLE001 - a door: Pillow raises many things over broken bytes
        return Spoilt("broken")


def _moves(picture: "Image.Image", size: int) -> bool:
    """Tell whether a GIF moves, and is small enough to go on moving."""
    frames = getattr(picture, "n_frames", 1) if picture.format == "GIF" and size <= MOVING else 1
    return frames > 1 and frames * picture.width * picture.height <= FRAMES


def _moving(picture: "Image.Image") -> Result:
    if picture.width > WIDTH:
        return _still(picture)
    out = BytesIO()
    picture.info.pop("comment", None)
    picture.save(out, "GIF", save_all=True, comment=b"")
    return Developed(out.getvalue(), "gif", picture.width, picture.height)


def _still(picture: "Image.Image") -> Result:
    from PIL import Image, ImageOps  # noqa: PLC0415

    drawn = picture.format in {"PNG", "GIF"}
    picture.draft("RGB", (WIDTH, TALL))  # a JPEG is decoded no larger than it must be
    picture.seek(0)
    upright = ImageOps.exif_transpose(picture)
    clear = "A" in upright.getbands() or "transparency" in upright.info
    made = _in_srgb(upright).convert("RGBA" if clear else "RGB")
    made.thumbnail((WIDTH, TALL), Image.Resampling.LANCZOS)
    bare = Image.new(made.mode, made.size)  # nothing of what was told beside the pixels
    bare.paste(made)
    png, jpg = BytesIO(), BytesIO()
    if clear or drawn:
        bare.save(png, "PNG", optimize=True)
    if not clear:
        bare.save(jpg, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    as_png = clear or (drawn and len(png.getvalue()) <= max(_SMALL_PNG, len(jpg.getvalue())))
    data, ending = (png.getvalue(), "png") if as_png else (jpg.getvalue(), "jpg")
    return Developed(data, ending, bare.width, bare.height)


def _in_srgb(picture: "Image.Image") -> "Image.Image":
    """Return the picture in the colours that every screen assumes; telephones use others."""
    from PIL import ImageCms  # noqa: PLC0415

    profile = picture.info.get("icc_profile")
    if not profile or picture.mode not in {"RGB", "CMYK", "L"}:
        return picture
    try:
        given = ImageCms.ImageCmsProfile(BytesIO(profile))
        ours = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(picture, given, ours, outputMode="RGB") or picture
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture


def _bound() -> None:
    """Let this process use no more than it should."""
    import resource  # noqa: PLC0415 - not on every system

    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    _bound()
    _work(sys.stdin.buffer, sys.stdout.buffer)
