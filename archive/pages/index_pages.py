"""Set the pages that lead to threads: a list's home, its months, the page of all lists, maps.

Knows what a reader looks for first (what is new, what nobody has answered, where most was said)
and writes the same as JSON for programs. Refuses to know mail: subjects and names come as they may
be shown (archive/pages/listing.py).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from xml.sax.saxutils import escape

from archive.pages.page_frame import ListInfo, frame
from templates import day, iso, page, stencil

CHART_HEIGHT = 48  # units of the chart; a month of the fullest is as high as this
BAR = 6  # units that a month is wide
MAP_SIZE = 40_000  # addresses in one sitemap (sitemaps.org allows 50,000)


@dataclass(frozen=True, slots=True)
class ThreadView:
    """Hold one line of a page that lists threads, as it may be shown."""

    hash: str
    subject: str
    author: str
    last: float
    size: int
    first: float = 0.0


@dataclass(frozen=True, slots=True)
class Month:
    """Hold one month that has threads; ``path`` is its folder, ``count`` its threads."""

    path: str
    at: float
    count: int
    messages: int = 0


@dataclass(frozen=True, slots=True)
class ChartBar:
    """Hold one month of the chart, in its units."""

    x: int
    height: int
    path: str


@dataclass(frozen=True, slots=True)
class HomeThreads:
    """Hold what a list's home shows of its threads."""

    newest: Sequence[ThreadView] = ()
    unanswered: Sequence[ThreadView] = ()
    busiest: Sequence[ThreadView] = ()
    months: Sequence[Month] = ()
    solved: bool = False  # there is a page of answers


def home_file(
    lst: ListInfo, home: HomeThreads, *, closed: bool = False, read: str = ""
) -> dict[str, bytes]:
    """Return a list's home: what is new, what waits, where most was said, and all months.

    ``closed`` says that there is more than this page may show; ``read`` is where members ask for
    it.
    """
    years: dict[str, list[Month]] = {}
    for month in home.months:
        years.setdefault(month.path[:4], []).append(month)
    join = f"{lst.base}/{lst.address}/join" if lst.base else f"mailto:{_sub_address(lst, 'join')}"
    html = page(
        "home",
        lst.language,
        **frame(lst, "../", ""),
        threads=thread_lines(lst, home.newest, ""),
        unanswered=thread_lines(lst, home.unanswered, ""),
        busiest=thread_lines(lst, home.busiest, ""),
        years=sorted(years.items(), reverse=True),
        bars=chart(home.months),
        bar=BAR,
        tall=CHART_HEIGHT,
        canonical=f"{lst.base}/{lst.address}/" if lst.base else "",
        join=join,
        me=f"{lst.base}/{lst.address}/me" if lst.base else "",
        read=read,
        closed=closed,
        solved=home.solved,
    )
    data = {
        "list": lst.address,
        "title": lst.title,
        "description": lst.description,
        "language": lst.language,
        "threads": [told(thread) for thread in home.newest],
        "months": [
            {"month": m.path, "threads": m.count, "messages": m.messages} for m in home.months
        ],
    }
    return {
        f"{lst.address}/index.html": html.encode(),
        f"{lst.address}/index.json": _json(data),
    }


def month_file(
    lst: ListInfo,
    month: Month,
    threads: Sequence[ThreadView],
    older: Month | None,
    newer: Month | None,
) -> dict[str, bytes]:
    """Return the page of one month."""
    html = page(
        "month",
        lst.language,
        **frame(lst, "../../", "../"),
        month=month.path,
        at=month.at,
        threads=thread_lines(lst, threads, "../"),
        older=older,
        newer=newer,
    )
    return {f"{lst.address}/{month.path}/index.html": html.encode()}


def month_json(lst: ListInfo, month: str, threads: Sequence[ThreadView]) -> dict[str, bytes]:
    """Return a month for programs."""
    data = {"month": month, "threads": [told(thread) for thread in threads]}
    return {f"{lst.address}/{month}/index.json": _json(data)}


def index_file(lists: Sequence[ListInfo], language: str) -> dict[str, bytes]:
    """Return the page of all lists in a tree."""
    return {"index.html": _index(tuple(lists), language)}


@lru_cache(maxsize=4)  # asked for at every mail, and hardly ever another
def _index(lists: tuple[ListInfo, ...], language: str) -> bytes:
    return page("index", language, root="", accent="", lists=lists).encode()


def search_page(lst: ListInfo, years: Sequence[int]) -> dict[str, bytes]:
    """Return the page that searches; it needs the bundles beside it."""
    html = page("search", lst.language, **frame(lst, "../../", "../"), years=years)
    return {f"{lst.address}/search/index.html": html.encode()}


def map_files(lst: ListInfo, threads: Sequence[ThreadView]) -> dict[str, bytes]:
    """Return the list's sitemaps (sitemaps.org) for strangers; they need absolute addresses."""
    if not lst.base:
        return {}
    root = f"{lst.base}/{lst.address}/"
    files = {}
    for number in range(0, max(1, len(threads)), MAP_SIZE):
        rows = [
            f"<url><loc>{escape(root)}t/{t.hash}/</loc><lastmod>{_day(t.last)}</lastmod></url>\n"
            for t in threads[number : number + MAP_SIZE]
        ]
        name = f"sitemap{number // MAP_SIZE or ''}.xml"
        files[f"{lst.address}/{name}"] = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
            f"<url><loc>{escape(root)}</loc></url>\n{''.join(rows)}</urlset>\n"
        ).encode()
    return files


def robots_file(lists: Sequence[tuple[ListInfo, int]], base: str) -> dict[str, bytes]:
    """Return what machines may read; ``lists`` come with how many sitemaps they have."""
    lines = ["User-agent: *", "Disallow: /*/me", "Disallow: /*/raw.eml"]
    for lst, maps in lists if base else ():
        lines += [f"Sitemap: {base}/{lst.address}/sitemap{n or ''}.xml" for n in range(maps)]
    return {"robots.txt": ("\n".join(lines) + "\n").encode()}


def chart(months: Sequence[Month]) -> list[ChartBar]:
    """Return the bars of a chart of messages by month, oldest first, empty months kept."""
    if len(months) < 2:  # noqa: PLR2004 - one bar says nothing
        return []
    counts: Mapping[str, int] = {m.path: m.messages for m in months}
    most = max(*counts.values(), 1)
    bars: list[ChartBar] = []
    year, number = (int(part) for part in min(counts).split("-"))
    last = max(counts)
    path = f"{year:04}-{number:02}"
    while path <= last:
        count = counts.get(path, 0)
        height = max(2, round(count * CHART_HEIGHT / most)) if count else 0
        bars.append(ChartBar(len(bars) * BAR, height, path))
        year, number = (year, number + 1) if number < 12 else (year + 1, 1)  # noqa: PLR2004
        path = f"{year:04}-{number:02}"
    return bars


def thread_lines(lst: ListInfo, threads: Sequence[ThreadView], up: str) -> list[str]:
    """Return the lines of a page that lists threads."""
    lines = []
    for thread in threads:
        outline = stencil(
            "line",
            lst.language,
            ("up", "hash", "subject", "author", "iso", "day"),
            titled=bool(thread.subject),
            named=bool(thread.author),
            size=thread.size,
        )
        values = {"up": up, "hash": thread.hash, "subject": thread.subject}
        values |= {"author": thread.author, "iso": iso(thread.last)}
        lines.append(outline.fill(values | {"day": day(thread.last, lst.language)}))
    return lines


def told(thread: ThreadView) -> dict[str, object]:
    """Return a thread for programs."""
    return {
        "path": f"t/{thread.hash}/",
        "subject": thread.subject,
        "author": thread.author,
        "messages": thread.size,
        "last": datetime.fromtimestamp(thread.last, UTC).isoformat(timespec="seconds"),
    }


def _sub_address(lst: ListInfo, what: str) -> str:
    name, _, domain = lst.address.partition("@")
    return f"{name}-{what}@{domain}"


def _json(data: object) -> bytes:
    return (json.dumps(data, ensure_ascii=False, indent=1) + "\n").encode("utf-8", "replace")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")
