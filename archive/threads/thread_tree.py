"""Arrange mails into threads: pure functions over ids and the parents they claim.

Every id claims at most one parent: a mail that is here the last of its references, a ghost
(named, never seen) the id that stands before it in the earliest mail that names it. Such claims
form trees, each with at most one loop, and a loop is cut at its earliest mail. So the result
depends on the set of mails alone and never on the order in which they came. After JWZ
(jwz.org/doc/threading.html), made iterative and free of its order dependence.

SECURITY: references are hostile: everything here is iterative and linear (sorting aside).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Key = tuple[float, str]  # (date, hash): the order of siblings and of threads


@dataclass(frozen=True, slots=True)
class Placing:
    """Hold one mail's place in its thread's order; ``parent`` is present, or None for a root."""

    hash: str
    parent: str | None
    depth: int


def cut_loops(claims: Mapping[str, str | None], keys: Mapping[str, Key]) -> dict[str, str | None]:
    """Return ``claims`` without loops and without parents that are not among them.

    A loop is cut at its earliest present mail (``keys`` has the present ones), else at its
    smallest hash.
    """
    parents = {child: parent if parent in claims else None for child, parent in claims.items()}
    walked: dict[str, int] = {}  # id -> the walk that saw it
    for number, start in enumerate(claims):
        here: str | None = start
        path: list[str] = []
        while here is not None and here not in walked:
            walked[here] = number
            path.append(here)
            here = parents[here]
        if here is not None and walked[here] == number:
            loop = path[path.index(here) :]
            parents[min(loop, key=lambda i: (i not in keys, keys.get(i, (0.0, i))))] = None
    return parents


def components(parents: Mapping[str, str | None]) -> list[list[str]]:
    """Return the trees of a loop-free forest as lists of ids, each with its root first."""
    root_of: dict[str, str] = {}
    trees: dict[str, list[str]] = {}
    for start in parents:
        path = []
        here = start
        while here not in root_of:
            path.append(here)
            parent = parents[here]
            if parent is None:
                root_of[here] = here
                trees[here] = [here]
                path.pop()
                break
            here = parent
        root = root_of[here]
        for node in reversed(path):
            root_of[node] = root
            trees[root].append(node)
    return list(trees.values())


def order(parents: Mapping[str, str | None], keys: Mapping[str, Key]) -> list[Placing]:
    """Return the present mails of one loop-free tree depth first, siblings by (date, hash).

    A ghost's place is taken by its children: the parent is the nearest present ancestor.
    """
    above = _nearest_present(parents, keys)
    children: dict[str | None, list[str]] = {}
    for node in sorted(keys, key=keys.__getitem__, reverse=True):
        children.setdefault(above[node], []).append(node)
    placed: list[Placing] = []
    todo: list[tuple[str, str | None, int]] = [(root, None, 0) for root in children.get(None, ())]
    while todo:
        node, parent, depth = todo.pop()
        placed.append(Placing(node, parent, depth))
        todo.extend((child, node, depth + 1) for child in children.get(node, ()))
    return placed


def _nearest_present(
    parents: Mapping[str, str | None], keys: Iterable[str]
) -> dict[str, str | None]:
    """Return the nearest present ancestor of every id in ``parents``."""
    present = set(keys)
    found: dict[str, str | None] = {}
    for start in parents:
        path: list[str] = []
        here: str | None = start
        answer: str | None = None
        while here is not None:
            if here in found:
                answer = here if here in present else found[here]
                break
            if here in present and path:
                answer = here
                break
            path.append(here)
            here = parents[here]
        for node in reversed(path):
            found[node] = answer
            if node in present:
                answer = node
    return found
