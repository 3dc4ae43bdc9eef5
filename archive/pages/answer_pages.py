"""Set the page of what a list knows: its solved questions, by topic.

Which questions are solved say their marks (archive/threads/thread_marks.py); what they are called
in a view says thread_summaries.py. Refuses to know mail.
"""

import json
import re
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from archive.pages.index_pages import ThreadView, thread_lines, told
from archive.pages.page_frame import ListView, frame
from archive.pages.thread_summaries import MANY, summaries_of
from archive.threads import thread_marks
from archive.threads.archive_tables import Thread
from archive.threads.thread_marks import MarkKind
from subscriptions.lists.roster import ListKind, MailList
from templates import page

_TAG = re.compile(r"^\s*\[([^\[\]]{1,40})\]|(?<![\w#])#([^\W_][\w-]{0,39})")


def answer_files(session: Session, view: ListView, lst: MailList) -> dict[str, bytes]:
    """Return the page of a list's solved questions, by topic; none where nothing is solved."""
    marks = thread_marks.marked(session, lst.id, MarkKind.SOLVED)
    if not marks or lst.kind is not ListKind.DISCUSSION:
        return {}
    threads = summaries_of(session, view, lst).among(sorted(marks))
    if not threads:
        return {}
    by_topic = _by_topic(threads, _topics(session, view, sorted(marks)))
    html = page(
        "answers",
        view.language,
        **frame(view, "../../", "../"),
        topics=[(topic, thread_lines(view, some, "../")) for topic, some in by_topic.items()],
        count=len(threads),
        canonical=f"{view.base}/{view.address}/answers/" if view.base else "",
    )
    data = {
        "list": view.address,
        "answers": [
            {**told(thread), "topic": topic} for topic, some in by_topic.items() for thread in some
        ],
    }
    text = json.dumps(data, ensure_ascii=False, indent=1) + "\n"
    return {
        f"{view.address}/answers/index.html": html.encode(),
        f"{view.address}/answers/index.json": text.encode("utf-8", "replace"),
    }


ANSWER_FILES = ("answers/index.html", "answers/index.json")


def _topics(session: Session, view: ListView, rows: Sequence[int]) -> dict[str, str]:
    """Return the topic of each thread by its hash: a page's own line has no "[topic]" any more."""
    found: dict[str, str] = {}
    for start in range(0, len(rows), MANY):
        some = Thread.id.in_(rows[start : start + MANY])
        for row in session.execute(select(Thread.hash, Thread.subject).where(some)):
            found[row.hash] = topic_of(view.viewer.line(row.hash, row.subject))
    return found


def _by_topic(
    threads: Sequence[ThreadView], topics: Mapping[str, str]
) -> Mapping[str, list[ThreadView]]:
    """Return the threads of each topic that a subject names, then those of none."""
    found: dict[str, list[ThreadView]] = {}
    for thread in threads:
        found.setdefault(topics[thread.hash], []).append(thread)
    rest = found.pop("", [])
    ordered = {topic: found[topic] for topic in sorted(found)}
    return ordered | ({"": rest} if rest else {})


def topic_of(subject: str) -> str:
    """Return the topic that a subject names, "" for none: "[jobs] ..." or "... #jobs"."""
    tag = _TAG.search(subject)
    return (tag[1] or tag[2]).strip().casefold() if tag else ""
