"""Ask the roof about a recipient, in a thread, and remember a yes for a moment.

The roof's callable reads the database, so it never runs on the event loop. Only acceptance is
remembered, and for about a second: a list made just now is accepted at once, and a message
for one removed just now is judged again when it is sorted.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from mailer.door.smtp_replies import SmtpReply
from mailer.reading.headers import auth_results

# (sender, recipient, client ip) -> None to accept, or the refusal. Runs in a thread.
RecipientVerdict = Callable[[str, str, str], SmtpReply | None]
# (recipient, size in bytes) -> None to accept, or the refusal. Runs in a thread, after DATA.
SizeVerdict = Callable[[str, int], SmtpReply | None]

# (raw mail, sender, client ip, hello) -> None to accept, or the refusal. In a thread, after DATA.
MessageVerdict = Callable[[bytes, str, str, str], SmtpReply | None]

_REMEMBERED = 4096
_JUDGES = 16  # messages that are judged at once
_PATIENCE = 1.5  # seconds; what takes longer refuses nobody


class Verdicts:
    """Judge recipients by two callables of the roof."""

    def __init__(
        self, ask: RecipientVerdict, ask_size: SizeVerdict | None, ttl: float, threads: int = 4
    ) -> None:
        self._ask = ask
        self._ask_size = ask_size
        self._ttl = ttl
        self._accepted: dict[tuple[str, str, str], float] = {}  # until which loop time
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="rcpt")
        self._judges = ThreadPoolExecutor(_JUDGES, thread_name_prefix="whose")

    def close(self) -> None:
        """End the threads; no answer is waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._judges.shutdown(wait=False, cancel_futures=True)

    async def on_recipient(self, sender: str, recipient: str, client: str) -> SmtpReply | None:
        """Return None where ``recipient`` may have this mail, else the refusal."""
        asked = (sender, recipient, client)
        loop = asyncio.get_running_loop()
        if self._accepted.get(asked, 0.0) > loop.time():
            return None
        refusal = await loop.run_in_executor(self._threads, self._ask, *asked)
        if refusal is None:
            if len(self._accepted) >= _REMEMBERED:
                self._accepted.clear()
            self._accepted[asked] = loop.time() + self._ttl
        return refusal

    async def clean(
        self, raw: bytes, own_names: Callable[[], Collection[str]], but: str = ""
    ) -> bytes:
        """Return ``raw`` without results of authentication that a stranger wrote in our name.

        Those of ``but`` stay: the front that this mail came through.
        """
        if not auth_results.present(raw):
            return raw
        loop = asyncio.get_running_loop()
        names = await loop.run_in_executor(self._threads, own_names)
        return auth_results.without(raw, names, but)

    async def on_size(self, recipient: str, size: int) -> SmtpReply | None:
        """Return None where a message of ``size`` bytes is not too big for ``recipient``."""
        if self._ask_size is None:
            return None
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ask_size, recipient, size)

    async def on_message(
        self, judge: MessageVerdict, *given: *tuple[bytes, str, str, str]
    ) -> SmtpReply | None:
        """Return None where a whole message may come in, else the refusal; doubt refuses nobody."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                return await loop.run_in_executor(self._judges, judge, *given)
        return None
