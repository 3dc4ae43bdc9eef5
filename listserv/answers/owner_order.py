"""An order of an owner, as the readers of owners' mail find it and the acts carry it out."""

from dataclasses import dataclass

UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True)
class Order:
    """Hold one order: ``who`` is an address or a setting, ``rest`` a reason, a value or a name."""

    verb: str
    who: str = ""
    rest: str = ""
    name: str = ""
    line: str = ""
    language: str = ""  # of its words
