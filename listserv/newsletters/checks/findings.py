"""Hold a finding: what an editor should look at before an issue leaves.

It has a key, by which templates say it in six languages, and English words for the command
line. A red one keeps `send` from sending until somebody answers "send anyway".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """Say what an editor should look at before the issue goes out."""

    key: str
    what: str
    red: bool = False  # not sent without --anyway, or "send anyway"
    values: Mapping[str, object] = field(default_factory=dict)
