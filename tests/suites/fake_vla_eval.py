"""A stand-in for vla-eval's client: its frames, written from the protocol's description.

Run as a process with the bridge's address and a suite, it plays one episode of 40 observations and
prints the handshake and the actions as JSON.
"""

from __future__ import annotations

import io
import json
import sys
import time

import msgpack
import numpy as np
from PIL import Image
from websockets.sync.client import ClientConnection, connect

SIZES = {"liberoplus": (256, 256), "robotwin": (240, 320)}
CAMERAS = {
    "liberoplus": ("agentview", "wrist"),
    "robotwin": ("head_camera", "left_camera", "right_camera"),
}
STATES = {"liberoplus": ("states", 8), "robotwin": ("joint_state", 14)}


def packed(value: object) -> object:
    if isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim == 3:
        stream = io.BytesIO()
        Image.fromarray(value).save(stream, "PNG")
        return {"__image__": True, "format": "png", "data": stream.getvalue(),
                "shape": list(value.shape)}  # fmt: skip
    assert isinstance(value, np.ndarray)
    return {"__ndarray__": True, "data": value.tobytes(), "dtype": value.dtype.str,
            "shape": list(value.shape)}  # fmt: skip


def unpacked(found: dict) -> object:
    if "__ndarray__" in found:
        return np.frombuffer(found["data"], found["dtype"]).reshape(found["shape"])
    return found


class Client:
    """One connection; ``ask`` sends a message and returns the answer."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket, self.seq = socket, 0

    def send(self, kind: str, payload: object) -> int:
        self.seq += 1
        frame = {"type": kind, "payload": payload, "seq": self.seq, "timestamp": time.time()}
        self.socket.send(msgpack.packb(frame, default=packed))
        return self.seq

    def ask(self, kind: str, payload: object) -> dict:
        seq = self.send(kind, payload)
        answer = self.read()
        assert answer["seq"] == seq, answer
        return answer

    def read(self) -> dict:
        answer = msgpack.unpackb(self.socket.recv(timeout=20), object_hook=unpacked)
        assert set(answer) == {"type", "payload", "seq", "timestamp"}
        return answer

    def hello(self) -> dict:
        return self.ask("hello", {"harness_version": "0.8.0", "protocol_version": 1})

    def start(self) -> None:
        self.send("episode_start", {"task": {"name": "lift", "suite": "s", "task_id": 3}})

    def act(self, payload: object) -> np.ndarray:
        answer = self.ask("observation", payload)
        assert answer["type"] == "action", answer
        return answer["payload"]["actions"]


def observation(suite: str, number: int, **changes: object) -> dict:
    views = {name: np.full((*SIZES[suite], 3), number, np.uint8) for name in CAMERAS[suite]}
    key, width = STATES[suite]
    state = np.full(width, number / 100)
    found = {"images": views, "task_description": "lift the cup view 0 0 100 0 0 initstate 11",
             key: state}  # fmt: skip
    return {name: value for name, value in (found | changes).items() if value is not None}


def talk(address: str) -> connect:
    return connect(address, compression=None, max_size=None, ping_interval=None, proxy=None)


if __name__ == "__main__":
    with talk(sys.argv[1]) as socket:
        client = Client(socket)
        said = client.hello()["payload"]
        client.start()
        actions = [client.act(observation(sys.argv[2], step)).tolist() for step in range(40)]
        client.send("episode_end", {"metrics": {"success": False}, "steps": 40, "elapsed_sec": 1.0})
        sys.stdout.write(json.dumps({"hello": said, "actions": actions}) + "\n")
