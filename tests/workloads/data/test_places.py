"""Whether the server of a download answers: "" where it does, else why not, and never a traceback."""

from __future__ import annotations

import socket
import threading

import pytest

from benchmarks.workloads.data.places import server_error


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.0 404 Not Found\r\n\r\n", False),
        (b"HTTP/1.0 200 OK\r\n\r\n", False),
        (b"no HTTP\r\n\r\n", True),
        (b"", True),
    ],
)
def test_what_a_server_answers(answer: bytes, error: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(2**16)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve)
        server.start()
        assert bool(server_error(f"http://127.0.0.1:{listener.getsockname()[1]}/data.tar.gz")) == error
        server.join()
