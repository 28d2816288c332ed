"""A stand-in for openpi's policy server, run as a process of its own; prints its port.

The path says how the connection begins, the prompt what happens to a request. The wire format is
written out here a second time, from its description, so that a mistake in ours shows.
"""

from __future__ import annotations

import math
import sys
import time

import msgpack
import numpy as np
from websockets.sync.server import ServerConnection, serve

WIDTH = int(sys.argv[1])


def packed(value: object) -> bytes:
    def array(found: object) -> dict:
        assert isinstance(found, np.ndarray)
        return {b"__ndarray__": True, b"data": found.tobytes(), b"dtype": found.dtype.str,
                b"shape": list(found.shape)}  # fmt: skip

    return msgpack.packb(value, default=array)


def unpacked(frame: bytes) -> dict:
    def array(found: dict) -> object:
        if b"__ndarray__" not in found:
            return found
        kind = np.dtype(found[b"dtype"])
        assert len(found[b"data"]) == kind.itemsize * math.prod(found[b"shape"])
        return np.frombuffer(found[b"data"], kind).reshape(found[b"shape"])

    return msgpack.unpackb(frame, object_hook=array)


def begin(socket: ServerConnection, path: str) -> None:
    if path == "/silent":
        time.sleep(30)
    elif path == "/rude":
        socket.close(1011, "no")
    elif path == "/text":
        socket.send("Traceback:\nRuntimeError: no checkpoint")
    elif path == "/junk":
        socket.send(b"\xc1")
    elif path == "/key":
        socket.send(packed({"authorization": socket.request.headers.get("Authorization")}))
    else:
        socket.send(packed({"policy": "fake"}))


def answer(socket: ServerConnection, seen: dict) -> None:
    word = seen["prompt"].split()[0]
    level = float(seen["state"].sum() if "state" in seen else seen["observation/state"].sum())
    chunk = np.full((50, WIDTH), level) + np.arange(50)[:, None] / 100
    if word == "stall":
        time.sleep(1.5)
    elif word == "raise":
        socket.send("Traceback (most recent call last):\n  File x\nValueError: no such camera\n")
        socket.close(1011, "error")
        return
    elif word == "close":
        socket.close(1001, "bye")
        return
    replies = {
        "wide": chunk[:, :-1],
        "flat": chunk[0],
        "whole": chunk.astype(np.int64),
        "empty": chunk[:0],
        "nan": np.where(chunk < level + 0.005, np.nan, chunk),
        "large": np.zeros(1 << 24, np.float64),
        "batch": chunk[None],
        "float32": chunk.astype(np.float32),
    }
    if word == "str-keys":
        socket.send(msgpack.packb({"actions": {"__ndarray__": True, "data": b"", "shape": [0, 7]}}))
    elif word == "object":
        socket.send(msgpack.packb({"actions": {b"__ndarray__": True, b"data": b"x" * 8,
                                               b"dtype": "|O", b"shape": [1]}}))  # fmt: skip
    elif word == "lie":
        lie = {b"__ndarray__": True, b"data": b"x" * 8, b"dtype": "<f8", b"shape": [1 << 40, 7]}
        socket.send(msgpack.packb({"actions": lie}))
    elif word == "none":
        socket.send(packed({"action": chunk}))
    elif word == "echo":
        socket.send(packed({"actions": chunk, "seen": seen}))
    else:
        socket.send(packed({"actions": replies.get(word, chunk), "server_timing": {"infer_ms": 1}}))


def converse(socket: ServerConnection) -> None:
    begin(socket, socket.request.path)
    for frame in socket:
        answer(socket, unpacked(frame))


if __name__ == "__main__":
    with serve(converse, "127.0.0.1", 0, compression=None, max_size=None) as server:
        sys.stdout.write(f"{server.socket.getsockname()[1]}\n")
        sys.stdout.flush()
        server.serve_forever()
