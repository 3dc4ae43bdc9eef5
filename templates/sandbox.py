"""A sandbox for templates that somebody else wrote: no code, no endless work, no huge text.

Knows Jinja2 and its limits. SECURITY: a theme is written by whoever may write into the data folder,
often copied from elsewhere. It sees values and nothing behind them (Jinja2's immutable sandbox, no
methods at all, an allow-list of filters), and it is counted: every turn of a loop and every call of
a macro, and every file drawn into another, is one step of ``STEPS``; a range has at most ``RANGE``
numbers, a number at most ``NUMBER``, and what is written, and all that is put together on the way
there (``{% set %}`` blocks, macros, joined lists, filled sentences), at most ``SIZE`` characters.
Repeating, raising to a power and formatting are refused, ``~`` is too: each doubles. A list is
looked at, never written: one that holds itself twice, twenty times over, would be endless.
"""

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, Macro
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

STEPS = 50_000  # turns of loops and calls of macros in one rendering: 50 ms
RANGE = 1_000  # numbers in one range
SIZE = 2_000_000  # characters of one rendering, and of all that is put together for it
NUMBER = 10**15
FILTERS = (
    "abs", "batch", "capitalize", "count", "d", "default", "e", "escape", "first", "float",
    "int", "join", "last", "length", "list", "lower", "max", "min", "reject", "rejectattr",
    "reverse", "round", "select", "selectattr", "slice", "sort", "string", "striptags",
    "sum", "title", "trim", "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
_WRITES = frozenset(  # filters that make text of what they are given
    ("capitalize", "e", "escape", "lower", "string", "striptags", "title", "trim", "truncate",
     "upper", "wordcount")
)  # fmt: skip
_LOOPS: tuple[type[nodes.For | nodes.Macro | nodes.CallBlock], ...] = (
    nodes.For,
    nodes.Macro,
    nodes.CallBlock,
)
_JINJAS = {"_loop_vars", "_block_vars"}  # what it tells itself at each call
_HOLE = re.compile(r"%%|%\(\w+\)[sd]|%")


class LimitError(TemplateError):
    """Say that a template asks for too much."""


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
            finalize=_written,
        )
        self.intercepted_binops = frozenset({"*", "**", "+", "-", "%"})
        self.policies["ext.i18n.trimmed"] = True
        self.filters = {name: self._bounded(name) for name in FILTERS}
        self.globals = {"range": _range, "_": self.globals["_"]}
        self._count = threading.local()

    def draw(self, name: str, values: dict[str, object]) -> str:
        """Render the template ``name``; raise TemplateError for what it may not or cannot do."""
        self._count.steps = self._count.size = 0
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

    def concat(self, parts: Iterable[str]) -> str:
        """Put together what a block, a macro or a filter section has written."""
        found = list(parts)
        self._spend(sum(map(len, found)))
        return "".join(found)

    def _spend(self, size: int) -> None:
        self._count.size += size
        if self._count.size > SIZE:
            raise LimitError(f"It puts together more than {SIZE:,} characters.")

    def _bounded(self, name: str) -> Callable[..., Any]:
        """Return a filter that makes nothing large of something small."""
        plain: Callable[..., Any] = self.filters[name]

        @wraps(plain)
        def bounded(*given: Any, **named: Any) -> Any:  # noqa: ANN401 - Jinja2's
            lead = len(given) and isinstance(given[0], (Environment, EvalContext, Context))
            ours, values = given[:lead], list(given[lead:])
            if name == "join":
                values = self._joined(*values, **named)
                named = {}
            if name in _WRITES and values:
                _written(values[0])
            if name in {"batch", "slice"}:
                _cut(*values[1:], **named)
            return plain(*ours, *values, **named)

        return bounded

    def _joined(self, some: Iterable[Any], d: str = "") -> list[Any]:
        """Return what is joined and what stands between, counted before it is made."""
        items = [_written(one) for one in some]
        self._spend(sum(len(str(one)) for one in items) + len(items) * len(str(_written(d))))
        return [items, d]

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - Jinja2's
        """Let sentences be filled with names that stand there whole, and not with too much."""
        if not isinstance(obj, Macro):
            said = "".join(one for one in args if isinstance(one, str))
            holes = _HOLE.findall(said)
            if any(one == "%" for one in holes):
                raise SecurityError("a sentence has %(name)s and %%, and nothing else with a %.")
            filling = (one for name, one in kwargs.items() if name not in _JINJAS)
            self._spend(len(holes) * sum(len(str(_written(one))) for one in filling))
        return super().call(context, obj, *args, **kwargs)

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
        if max(abs(left), abs(right)) > NUMBER:
            raise LimitError(f"It counts beyond {NUMBER:,}.")
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        joined = tree.find(nodes.Concat)
        if joined is not None:
            where = joined.lineno
            raise SecurityError(f"line {where}: write {{{{ a }}}}{{{{ b }}}} instead of a ~ b.")
        for node in list(tree.find_all(_LOOPS)):
            node.body.insert(0, _counted())
        _Draws().visit(tree)
        tree.set_environment(self)
        return tree


class _Draws(NodeTransformer):
    """Count each file that is drawn into another."""

    def visit_Include(self, node: nodes.Include) -> list[nodes.Node]:  # noqa: N802 - Jinja2's
        return [_counted(), node]

    visit_Import = visit_FromImport = visit_Include  # noqa: N815 - Jinja2's


def _counted() -> nodes.Output:
    count = nodes.Call(nodes.EnvironmentAttribute("step"), [], [], None, None)
    return nodes.Output([count])


def _written(value: Any) -> Any:  # noqa: ANN401 - Jinja2's
    """Refuse to make text of a list."""
    if isinstance(value, (list, tuple, dict)):
        raise SecurityError("a list is not written; write what is in it, one after another.")
    return value


def _cut(number: int = 0, *filling: object, **named: object) -> None:
    if filling or named or number > RANGE:
        raise LimitError(f"batch and slice take a number of at most {RANGE:,}, and no filling.")


def _range(*bounds: int) -> range:
    found = range(*bounds)
    if len(found) > RANGE:
        raise LimitError(f"A range of {len(found):,} numbers is too long; {RANGE:,} are allowed.")
    return found
