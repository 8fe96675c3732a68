"""The studio's process: uvicorn on the loopback address, until it is interrupted."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from valuescope.studio.app import create_app
from valuescope.studio.studio import Studio


def serve_page(studio: Studio, port: int, ready: Callable[[str], None]) -> None:
    """Serve until Ctrl-C; `ready` is told the address. Other machines cannot reach it. ValueError for a port out of range, OSError
    where it is taken."""
    if not 0 <= port < 65536:
        raise ValueError(f"port is {port}; give one from 0 (any that is free) to 65535")
    with socket.create_server(("127.0.0.1", port)) as listener:
        ready(f"http://127.0.0.1:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            create_app(studio), log_config=None, access_log=False, server_header=False, lifespan="off"
        )
        uvicorn.Server(config).run(sockets=[listener])
