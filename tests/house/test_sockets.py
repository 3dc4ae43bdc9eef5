"""Tests talk to this machine and to nobody else."""

import asyncio
import socket
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError

ELSEWHERE = ("192.0.2.1", 25)  # TEST-NET-1: nobody's address


BLOCKED = r"tried to use socket.socket.connect\(\)"


def test_nothing_beyond_loopback_is_reached() -> None:
    # The block also warns, and pytest.warns keeps that from being the error.
    with (
        socket.socket() as one,
        pytest.warns(UserWarning, match=BLOCKED),
        pytest.raises(SocketConnectBlockedError),
    ):
        one.connect(ELSEWHERE)


def test_asyncio_reaches_nothing_beyond_loopback_either() -> None:
    with (
        pytest.warns(UserWarning, match=BLOCKED),
        pytest.raises(SocketConnectBlockedError),
    ):
        asyncio.run(asyncio.open_connection(*ELSEWHERE))


async def _echo_once(path: Path) -> tuple[bytes, bytes]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    heard = []
    tcp = await asyncio.start_server(echo, "127.0.0.1", 0)
    unix = await asyncio.start_unix_server(echo, path)
    async with tcp, unix:
        port = tcp.sockets[0].getsockname()[1]
        for connect in (
            asyncio.open_connection("127.0.0.1", port),
            asyncio.open_unix_connection(path),
        ):
            reader, writer = await connect
            writer.write(b"hello\n")
            heard.append(await reader.readline())
            writer.close()
            await writer.wait_closed()
    return heard[0], heard[1]


def test_servers_on_loopback_and_unix_sockets_work(tmp_path: Path) -> None:
    assert asyncio.run(_echo_once(tmp_path / "s")) == (b"hello\n", b"hello\n")
