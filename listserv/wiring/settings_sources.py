"""Read settings from a file, the environment and flags, and explain one that is wrong.

Knows names and texts; refuses to know what a setting means (config.py).
"""

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mailer.errors import BadInput, Misconfigured

PREFIX = "KRETS_"
Sections = Mapping[str, type[BaseModel]]


def read_file(named: str | None, sections: Sections) -> tuple[str, dict[str, dict[str, Any]]]:
    """Return the settings file and its values; raise Misconfigured with what to do."""
    path = Path(named or "krets.toml")
    if not named and not path.exists():
        return "", {}
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Misconfigured(
            f"The settings file {path} is not there.",
            "Correct KRETS_CONFIG or --config, or leave it out to use the defaults.",
        ) from None
    except OSError as error:
        raise Misconfigured(
            f"The settings file {path} cannot be read: {error.strerror}.", "Check its permissions."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"The settings file {path} is not valid TOML: {error}.",
            "Correct that line; `krets config example` prints a whole file to compare with.",
        ) from None
    for section, keys in values.items():
        if section not in sections:
            raise Misconfigured(
                f"{path} has a section [{section}] that Krets does not know.",
                suggest(section, list(sections)),
            )
        if not isinstance(keys, dict):
            raise Misconfigured(f"{path}: {section} must be a section, written [{section}].")
    return str(path), values


def from_environment(env: Mapping[str, str], sections: Sections) -> dict[str, dict[str, Any]]:
    """Return what the environment sets; a name that ends in _FILE names a file with the value."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in env.items():
        section, split, key = name.removeprefix(PREFIX).lower().partition("__")
        if not name.startswith(PREFIX) or not split or section not in sections:
            continue
        known = sections[section].model_fields
        if key not in known and key.removesuffix("_file") in known:
            key = key.removesuffix("_file")
            try:
                content = Path(value).read_text(encoding="utf-8").strip()
            except OSError as error:
                raise Misconfigured(
                    f"{name} names {value}, which cannot be read: {error.strerror}.",
                    "Correct the path or its permissions.",
                ) from None
            found.setdefault(section, {}).setdefault(key, content)
            continue
        if key not in known:
            raise Misconfigured(
                f"{name} is not a setting of [{section}].", suggest(key, list(known))
            )
        found.setdefault(section, {})[key] = value
    return found


def from_flags(flags: Sequence[str], sections: Sections) -> dict[str, dict[str, Any]]:
    """Return what ``section.key=value`` flags set; raise BadInput for others."""
    found: dict[str, dict[str, Any]] = {}
    for flag in flags:
        name, equals, value = flag.partition("=")
        section, dot, key = name.strip().partition(".")
        if not equals or not dot:
            raise BadInput(f"--set {flag!r} is not SECTION.KEY=VALUE.", "Try mailer.workers=2.")
        if section not in sections:
            raise BadInput(f"--set {flag!r}: no such section.", suggest(section, list(sections)))
        found.setdefault(section, {})[key] = value
    return found


def explain(error: ValidationError, path: str, sections: Sections) -> tuple[str, str]:
    """Return what is wrong with a setting, and what to do about it."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"][:2])
    where = f" (from {path}, the environment or a flag)" if path else ""
    if first["type"] == "extra_forbidden":
        section, _, key = name.partition(".")
        known = list(sections[section].model_fields) if section in sections else list(sections)
        return f"{name} is not a setting{where}.", suggest(key or section, known)
    reason = first["msg"].removeprefix("Value error, ").rstrip(".")
    return f"{name} cannot be used{where}: {reason}.", "`krets config example` shows every setting."


def suggest(word: str, known: list[str]) -> str:
    """Return a hint for a word that is unknown."""
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean {near[0]}?" if near else f"Known are: {', '.join(known)}."
