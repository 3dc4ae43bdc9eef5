"""A sandbox for templates that somebody else wrote: no code, no endless work, no huge text.

Knows Jinja2 and its limits. SECURITY: a theme is written by whoever may write into the data folder,
often copied from elsewhere. It sees values and nothing behind them (Jinja2's immutable sandbox, no
methods at all, an allow-list of filters), and it is counted: every turn of a loop and every call of
a macro is one step of ``STEPS``, a range has at most ``RANGE`` numbers, and what is written at most
``SIZE`` characters. Repeating and raising to a power are refused, ``~`` is too: each doubles.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

STEPS = 50_000  # turns of loops and calls of macros in one rendering: 50 ms
RANGE = 1_000  # numbers in one range
SIZE = 2_000_000  # characters of one rendering
FILTERS = (
    "abs", "batch", "capitalize", "count", "d", "default", "e", "escape", "first", "float",
    "int", "join", "last", "length", "list", "lower", "max", "min", "reject", "rejectattr",
    "reverse", "round", "select", "selectattr", "slice", "sort", "string", "striptags",
    "sum", "title", "trim", "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
_LOOPS: tuple[type[nodes.For | nodes.Macro | nodes.CallBlock], ...] = (
    nodes.For,
    nodes.Macro,
    nodes.CallBlock,
)


class LimitError(TemplateError):
    """A template that asks for too much."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Read templates from ``folders``, the first that has a name wins; changes are seen at once."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__(
            loader=FileSystemLoader([str(folder) for folder in folders]),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=True,
        )
        self.intercepted_binops = frozenset({"*", "**", "+"})
        self.policies["ext.i18n.trimmed"] = True
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.globals = {"range": _range, "_": self.globals["_"]}
        self._count = threading.local()

    def draw(self, name: str, values: dict[str, object]) -> str:
        """Render the template ``name``; raise TemplateError for what it may not or cannot do."""
        self._count.steps = 0
        parts: list[str] = []
        size = 0
        for part in self.get_template(name).generate(values):
            size += len(part)
            if size > SIZE:
                raise LimitError(f"It writes more than {SIZE:,} characters.")
            parts.append(part)
        return "".join(parts)

    def step(self) -> str:
        """Count one turn of a loop or one call of a macro."""
        self._count.steps += 1
        if self._count.steps > STEPS:
            raise LimitError(f"It takes more than {STEPS:,} turns.")
        return ""

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401 - Jinja2's
        """Refuse every method: values are looked at, never asked to work."""
        return not callable(value) and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:  # noqa: ANN401 - Jinja2's
        """Let ``str.format`` be refused as any method is; Jinja2 would let it pad to any width."""

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401 - Jinja2's
        """Let numbers be added and multiplied, and nothing be repeated or joined."""
        numbers = all(isinstance(one, (int, float)) for one in (left, right))
        if operator == "**" or not numbers:
            raise SecurityError(f"{operator} is for numbers only; write values one after another.")
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        joined = tree.find(nodes.Concat)
        if joined is not None:
            where = joined.lineno
            raise SecurityError(f"line {where}: write {{{{ a }}}}{{{{ b }}}} instead of a ~ b.")
        for node in list(tree.find_all(_LOOPS)):
            count = nodes.Call(nodes.EnvironmentAttribute("step"), [], [], None, None)
            node.body.insert(0, nodes.Output([count]))
        tree.set_environment(self)
        return tree


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > RANGE:
        raise LimitError(f"A range of {len(found):,} numbers is too long; {RANGE:,} are allowed.")
    return found
