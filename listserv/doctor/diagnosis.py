"""A diagnosis: what one check found, why it matters, and the very line that cures it.

Words are English, as everything on the command line; docs/reference/checks.md lists the checks.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum


class Health(StrEnum):
    """Say how bad it is."""

    OK = "ok"
    WARN = "warn"  # works, and should be mended
    FAIL = "fail"  # mail is lost, refused or in the wrong hands


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Hold what one check found; ``cure`` is a line to add, or a command to run."""

    check: str
    state: Health
    what: str
    why: str = ""
    cure: str = ""

    @property
    def shown(self) -> dict[str, str]:
        """Return it for programs."""
        return {key: str(value) for key, value in asdict(self).items()}


def ok(check: str, what: str) -> Diagnosis:
    """Say that all is well."""
    return Diagnosis(check, Health.OK, what)


def warn(check: str, what: str, why: str, cure: str) -> Diagnosis:
    """Say that something should be mended."""
    return Diagnosis(check, Health.WARN, what, why, cure)


def fail(check: str, what: str, why: str, cure: str) -> Diagnosis:
    """Say that something must be mended."""
    return Diagnosis(check, Health.FAIL, what, why, cure)


def or_ok(check: str, what: str, found: Iterable[Diagnosis]) -> list[Diagnosis]:
    """Return what was found, or that all is well."""
    return list(found) or [ok(check, what)]
