"""A page that is replaced while somebody reads it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from listserv.web.files import WholeFile


def answered(response: WholeFile, method: str = "GET") -> tuple[int, dict[bytes, bytes], bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:  # noqa: ANN401 - ASGI's own
        sent.append(message)

    async def receive() -> Any:  # noqa: ANN401 - ASGI's own
        return {"type": "http.disconnect"}

    asyncio.run(response({"type": "http", "method": method, "headers": []}, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


@pytest.mark.parametrize("new", [b"short", b"long" * 100_000])
def test_a_page_replaced_after_it_was_found_leaves_with_its_own_length(
    tmp_path: Path, new: bytes
) -> None:
    page = tmp_path / "index.html"
    page.write_bytes(b"as it was found")
    response = WholeFile(page, stat_result=page.stat())
    (tmp_path / "aside").write_bytes(new)
    (tmp_path / "aside").replace(page)
    status, headers, body = answered(response)
    assert (status, body) == (200, new)
    assert headers[b"content-length"] == b"%d" % len(new)
    assert headers[b"content-type"].startswith(b"text/html")


def test_a_page_taken_away_after_it_was_found_is_not_found(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_bytes(b"as it was found")
    response = WholeFile(page, stat_result=page.stat())
    page.unlink()
    assert answered(response)[0] == 404


def test_head_tells_the_length_and_sends_nothing(tmp_path: Path) -> None:
    page = tmp_path / "index.html"
    page.write_bytes(b"twelve bytes")
    status, headers, body = answered(WholeFile(page, stat_result=page.stat()), "HEAD")
    assert (status, headers[b"content-length"], body) == (200, b"12", b"")
