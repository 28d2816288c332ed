"""A stand-in for the Kairos service, run as a process of its own; prints its port.

``/MODE/health`` and so on: the first part of the path says how ready the service is, the prompt
what happens to a request. Requests are read the way the service reads them, by torch and Pillow
themselves; ``/MODE/seen`` tells what was in the last one.
"""

from __future__ import annotations

import io
import json
import os
import pickle  # noqa: TID251 - this server stands for one that speaks pickle
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch

ALLOWED = {
    ("collections", "OrderedDict"), ("torch._utils", "_rebuild_tensor_v2"),
    ("torch.storage", "_load_from_bytes"), ("PIL.Image", "Image"),
}  # fmt: skip
asked: dict[str, int] = {}
last: dict[str, object] = {}


class Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return super().find_class(module, name)


class Evil:
    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple:
        return os.system, (f"touch {self.mark}",)


def health(mode: str) -> dict:
    asked[mode] = asked.get(mode, 0) + 1
    if mode == "one-gpu":
        return {"status": "ok", "cfg_path": "c", "model_loaded": "loaded" in asked}
    loaded = mode == "ready" or (mode == "slow" and asked[mode] > 2)
    failed = mode == "broken"
    return {
        "status": "ok", "cfg_path": "c", "gpu_ids": ["0"], "workers_loaded": loaded,
        "workers_loading": not loaded and not failed, "load_failed": failed,
        "load_error": "CUDA out of memory" if failed else None,
    }  # fmt: skip


def tensors(word: str, chunk: torch.Tensor) -> object:
    return {
        "batched": chunk[None], "whole": chunk.long(), "wide": chunk[:, :-1], "empty": chunk[:0],
        "half": chunk.bfloat16(), "nothing": None, "nan": chunk / 0 * 0,
        "huge": torch.zeros(1, 7).expand(1 << 30, 7),
    }.get(word, chunk)  # fmt: skip


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        _, mode, *rest = self.path.split("/")
        if mode == "hang":
            time.sleep(3)
        if rest == ["seen"]:
            self.reply(200, json.dumps(last).encode())
        elif rest == ["load_engine"]:
            asked["loaded"] = 1
            self.reply(200, json.dumps({"status": "ok", "model_loaded": True}).encode())
        elif mode == "page":
            self.reply(200, b"<html>hello</html>")
        else:
            self.reply(200, json.dumps(health(mode)).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            request = Reader(io.BytesIO(body)).load()
        except pickle.UnpicklingError as error:
            self.reply(400, json.dumps({"detail": f"invalid pickle payload: {error}"}).encode())
            return
        word = request["prompt"].rpartition(": ")[2].split()[0]
        picture, state = request["input_image"], request["robot_state"]
        chunk = torch.zeros(32, state.shape[1] - (state.shape[1] == 8))
        chunk += state.mean() + torch.arange(32)[:, None] / 100
        last.clear()
        last.update({k: v for k, v in request.items() if k not in ("input_image", "robot_state")})
        last.update({"size": picture.size, "mode": picture.mode, "corner": picture.getpixel((0, 0)),
                 "state": state.tolist(), "dtype": str(state.dtype)})  # fmt: skip
        self.answer(word, chunk, request["prompt"])

    def answer(self, word: str, chunk: torch.Tensor, prompt: str) -> None:
        if word in ("400", "500"):
            detail = {"detail": "inference failed: Traceback\n  File x\nKeyError: 'head'"}
            self.reply(int(word), json.dumps(detail).encode())
        elif word == "evil":
            mark = prompt.partition("mark=")[2]
            self.reply(200, pickle.dumps({"success": True, "output": Evil(mark)}))
        elif word == "stall":
            time.sleep(1.5)
            self.reply(200, b"late")
        elif word == "hangup":
            self.close_connection = True
        elif word == "oversized":
            self.reply(200, bytes(1 << 25))
        elif word == "junk":
            self.reply(200, b"not a pickle")
        else:
            output = {"success": True, "output": (None, tensors(word, chunk))}
            self.reply(200, pickle.dumps(output))

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    torch.set_num_threads(1)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
