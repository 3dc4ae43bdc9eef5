"""Set an issue in a theme: a folder that an editor with no Python can copy and change.

    theme.toml    title, about, and the accent for lists that have chosen none
    issue.mjml    the sheet, in MJML and Jinja2 (docs/how-to/make-a-theme.md)
    issue.css     what is written into each tag of the text, because mail programs drop style sheets

Own themes stand in the data folder and win over those of the same name; a change is seen with the
next rendering. The only file that imports MJML. SECURITY: a theme runs in templates/sandbox.py;
what it is given of an issue is escaped, or made by manuscript_blocks.py; nothing is
fetched.
"""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from pathlib import Path
from xml.parsers import expat

import css_inline
import mjml
from babel import Locale
from jinja2 import TemplateError, TemplateSyntaxError

from templates.brand import Brand, is_colour
from templates.catalogue import FALLBACK, LANGUAGES, translator
from templates.sandbox import LimitError, Sandbox

HERE = Path(__file__).parent / "themes"
DEFAULT = "letter"
MAX_NAME = 40
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_KEYS = {"title", "about", "accent"}
_ELEMENT = re.compile(r"<(mj-[a-z-]+|mjml)\b")
_IMG = re.compile(r"<img [^>]*>")
_SRC = re.compile(r' src="([^"]*)"')
_WIDE = re.compile(r' width="(\d+)"')
_LOOSE = re.compile(r"\s*;?\s*(})\s*|\s*([{;,!])\s*|(:)\s+")
_STYLE = re.compile(r"(<style\b[^<>]*>)([^<]*)(?=</style>)")
_MIDDLE = re.compile(r"(<td [^<>]*?) vertical-align=")  # so MRML writes it; HTML has another name
_PADDED = re.compile(r"<mj-(?:image|divider)\b[^<>]*>")
_PADDING = re.compile(r"""\spadding=["']([^"']*)["']""")
_SIDES = ("padding-top", "padding-right", "padding-bottom", "padding-left")
_MEANT = ((0, 0, 0, 0), (0, 1, 0, 1), (0, 1, 2, 1), (0, 1, 2, 3))  # by one, two, three, four values
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#\d+|#x[0-9a-fA-F]+);)\w+;")
KNOWN = re.compile(
    r"mjml|mj-(?:head|body|title|preview|attributes|all|class|breakpoint|font|style|raw|section|hero"
    r"|wrapper|column|group|text|image|button|divider|spacer|table|social(?:-element)?"
    r"|navbar(?:-link)?|accordion(?:-element|-title|-text)?|carousel(?:-image)?)"
)


class BrokenThemeError(ValueError):
    """Say why a theme cannot be used: ``what`` names the file and the line, ``fix`` the cure.

    ``key`` is how templates say it in the editor's language, with ``values``; what a library
    has said stands in ``values`` as it came, in English.
    """

    def __init__(self, what: str, fix: str = "", *, key: str = "other", **values: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.key = key
        self.values = values


@dataclass(frozen=True, slots=True)
class Theme:
    """Name a theme and where it stands."""

    name: str
    folder: Path
    title: str
    about: str
    accent: str


def theme_names(own: Path | None = None) -> list[str]:
    """Return the names of all themes, ours and those in the folder ``own``."""
    folders = [HERE, *([own] if own is not None and own.is_dir() else [])]
    found = (path.parent.name for folder in folders for path in folder.glob("*/issue.mjml"))
    return sorted({name for name in found if _NAME.fullmatch(name)})


def find_theme(name: str = DEFAULT, own: Path | None = None) -> Theme:
    """Return the theme ``name``; raise BrokenThemeError where there is none or it says nonsense."""
    known = theme_names(own)
    if name not in known:
        raise BrokenThemeError(
            f"There is no theme {name[:MAX_NAME]!r}.",
            f"Known are {', '.join(known)}.",
            key="theme",
            said=name[:MAX_NAME],
            known=", ".join(known),
        )
    mine = own / name if own is not None else HERE / name
    folder = mine if (mine / "issue.mjml").is_file() else HERE / name
    values = _describe(folder)
    accent = values.get("accent", "#1f4b3f").lower()
    if not is_colour(accent):
        raise BrokenThemeError(
            f"{folder.name}/theme.toml: accent {accent[:20]!r} is no colour.",
            'Write one as accent = "#7a2e1d".',
            key="theme-accent",
            where=f"{folder.name}/theme.toml",
            said=accent[:20],
        )
    title = values.get("title", name)
    return Theme(name, folder, title, values.get("about", ""), accent)


def set_issue(theme: Theme, language: str, brand: Brand, **context: object) -> str:
    """Return the HTML of an issue, its own words in ``language``, CSS written into the tags."""
    known = language if language in LANGUAGES else FALLBACK
    sandbox = _sandbox((theme.folder,), known)
    values = {"lang": known, "brand": brand, **context}
    sheet = _draw(sandbox, theme, "issue.mjml", values)
    _check(theme, sheet)
    css = _draw(sandbox, theme, "issue.css", values) if _has_css(theme) else ""
    return compile_mjml(sheet, css, context.get("blocks", ()), f"{theme.name}/issue.mjml")


def compile_mjml(sheet: str, css: str, blocks: object = (), name: str = "The sheet") -> str:
    """Return the HTML of MJML, CSS written into the tags; raise BrokenThemeError."""
    try:
        html = mjml.mjml2html(_PADDED.sub(_sided, sheet), fonts={})
    except ValueError as error:
        raise BrokenThemeError(
            f"{name} is not MJML: {error}.", key="theme-broken", where=name, said=str(error)
        ) from None
    inlined = css_inline.inline(
        html,
        extra_css=css,
        inline_style_tags=False,
        keep_style_tags=True,
        load_remote_stylesheets=False,
    )
    inlined = _MIDDLE.sub(r"\1 valign=", _sized(inlined, blocks))
    tight = _STYLE.sub(_tight, inlined)  # each of a million readers gets it
    return re.sub(r"\n\s*\n+", "\n", tight).strip() + "\n"


def _tight(style: re.Match[str]) -> str:
    """Return a style without the blanks that are there for its writer; a word in quotes stays."""
    if '"' in style[2] or "'" in style[2]:
        return style[1] + re.sub(r"\n\s+", "\n", style[2])
    return style[1] + _LOOSE.sub(r"\1\2\3", style[2]).strip()


def _sided(tag: re.Match[str]) -> str:
    """Say an element's padding side by side: of "6px 28px 0" MRML takes no width for Outlook."""
    found = _PADDING.search(tag[0])
    said = ["0px" if one == "0" else one for one in found[1].split()] if found else []
    if found is None or not 1 <= len(said) <= len(_SIDES):
        return tag[0]
    around = [said[at] for at in _MEANT[len(said) - 1]]
    pairs = zip(_SIDES, around, strict=True)
    sides = "".join(f' {side}="{value}"' for side, value in pairs if f" {side}=" not in tag[0])
    return tag[0].replace(found[0], sides)


def draw_part(folder: Path, name: str, language: str, values: dict[str, object]) -> str:
    """Return what a template of ours draws in the sandbox."""
    return _sandbox((folder,), language).draw(name, values)


def _sized(html: str, blocks: object) -> str:
    """Write the height of each picture that is known, and no "auto", which HTML does not know."""
    sizes: dict[str, tuple[int, int]] = {
        escape(one.address): (one.width, one.height)
        for one in (blocks if isinstance(blocks, Sequence) else ())
        if getattr(one, "width", 0)
    }

    def tall(tag: re.Match[str]) -> str:
        src, width = _SRC.search(tag[0]), _WIDE.search(tag[0])
        size = sizes.get(src[1]) if src and width else None
        high = "" if size is None or width is None else _high(int(width[1]), size)
        return tag[0].replace(' height="auto"', high, 1)

    return _IMG.sub(tall, html)


def _high(width: int, size: tuple[int, int]) -> str:
    return f' height="{round(width * size[1] / size[0])}"'


def _describe(folder: Path) -> dict[str, str]:
    path = folder / "theme.toml"
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = f"{folder.name}/theme.toml"
        raise BrokenThemeError(
            f"{where}: {error}.", key="theme-broken", where=where, said=str(error)
        ) from None
    unknown = sorted(found.keys() - _KEYS)
    if unknown or not all(isinstance(value, str) for value in found.values()):
        named = unknown[0] if unknown else "a value that is no text"
        raise BrokenThemeError(
            f"{folder.name}/theme.toml has {named!r}.",
            f"Known are {', '.join(sorted(_KEYS))}.",
            key="theme-word",
            where=f"{folder.name}/theme.toml",
            said=named,
            known=", ".join(sorted(_KEYS)),
        )
    return found


def _has_css(theme: Theme) -> bool:
    return (theme.folder / "issue.css").is_file()


@lru_cache(maxsize=64)
def _sandbox(folders: Sequence[Path], language: str) -> Sandbox:
    made = Sandbox(folders)
    made.install_gettext_translations(translator(language), newstyle=True)  # type: ignore[attr-defined]  # added by the extension
    made.filters["language_name"] = lambda code: (
        Locale.parse(code).get_display_name(language) or code
    )
    return made


def _draw(sandbox: Sandbox, theme: Theme, name: str, values: dict[str, object]) -> str:
    try:
        return sandbox.draw(name, values)
    except TemplateSyntaxError as error:
        raise _broken(theme, name, error.lineno, error.message or "") from None
    except TemplateError as error:
        line = _line_of(error, theme.folder / name)
        key = "theme-greedy" if isinstance(error, LimitError) else "theme-broken"
        raise _broken(theme, name, line, error.message or "", key) from None
    except (TypeError, ValueError, ZeroDivisionError, RecursionError, OverflowError) as error:
        raise _broken(theme, name, _line_of(error, theme.folder / name), str(error)) from None


def _broken(
    theme: Theme, name: str, line: int, said: str, key: str = "theme-broken"
) -> BrokenThemeError:
    file = f"{theme.name}/{name}"
    what = f"{file} line {line}: {said}" if line else f"{file}: {said}"
    return BrokenThemeError(what, key=key, where=_at(file, line), said=said)


def _at(file: str, line: int) -> str:
    """Return where something stands, in no language."""
    return f"{file}:{line}" if line else file


def _line_of(error: Exception, file: Path) -> int:
    """Return the last of the template's own lines that a traceback has passed through, or 0."""
    number = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            number = trace.tb_lineno
        trace = trace.tb_next
    return number


def _check(theme: Theme, sheet: str) -> None:
    """Refuse what MJML passes over in silence: unknown elements, and tags that do not close."""
    source = (theme.folder / "issue.mjml").read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(source, start=1):
        for name in _ELEMENT.findall(line):
            if not KNOWN.fullmatch(name):
                raise BrokenThemeError(
                    f"{theme.name}/issue.mjml line {number}: MJML has no <{name}>.",
                    "https://documentation.mjml.io/ lists what it has.",
                    key="theme-element",
                    where=f"{theme.name}/issue.mjml:{number}",
                    said=name,
                )
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(_ENTITY.sub(" ", sheet).encode(), True)
    except expat.ExpatError as error:
        lines = sheet.splitlines()
        at = min(error.lineno, len(lines)) - 1
        shown = escape(lines[at].strip()[:80], quote=False) if lines else ""
        raise BrokenThemeError(
            f"{theme.name}/issue.mjml does not close its tags: {expat.ErrorString(error.code)},"
            f" near {shown!r}.",
            "Each tag needs its end, as in <mj-text>...</mj-text>, <br />.",
            key="theme-tags",
            where=f"{theme.name}/issue.mjml",
            said=lines[at].strip()[:80] if lines else "",
        ) from None


def _refuse_doctype(*_: object) -> None:
    raise BrokenThemeError("A theme has no DOCTYPE.", "Begin with <mjml>.", key="theme-doctype")
