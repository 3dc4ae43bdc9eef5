"""Send one file of the archive whole, although the archive may replace it at any moment.

Starlette looks at a file's size first and opens it by name later: a page that is rendered anew
in between would leave with the wrong length. Here the length is that of the file that is open.
"""

import os
from pathlib import Path

from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, PlainTextResponse
from starlette.types import Receive, Scope, Send


class WholeFile(FileResponse):
    """Send the file that stands there when sending begins; parts of it are not to be had."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a GET or a HEAD."""
        try:
            opened = await run_in_threadpool(Path(self.path).open, "rb")
        except FileNotFoundError:  # taken away since it was found
            await PlainTextResponse("Not Found", status_code=404)(scope, receive, send)
            return
        with opened as file:
            for name in ("content-length", "last-modified", "etag", "accept-ranges"):
                if name in self.headers:
                    del self.headers[name]
            self.set_stat_headers(os.fstat(file.fileno()))
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            more = scope["method"] != "HEAD"
            while more:
                chunk = await run_in_threadpool(file.read, self.chunk_size)
                more = bool(chunk)
                if more:
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
