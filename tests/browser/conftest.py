"""Headless browsers, each driven over its own protocol; and the page of a main job."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest


class Browser:
    """One tab of a browser; every call waits for its answer."""

    names: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    address = ""  # the file of its profile in which a browser says where it listens

    def __init__(self, socket: Any) -> None:
        self.socket, self.number, self.envelope = socket, 0, {}
        self.said: list[dict[str, Any]] = []

    @staticmethod
    def url(said: str) -> str: ...
    def hear(self, event: str, params: dict[str, Any]) -> None: ...
    def set(self, width: int, height: int, *, dark: bool, scripts: bool) -> None: ...
    def go(self, url: str) -> None: ...
    def js(self, code: str) -> Any: ...
    def press(self, keys: Sequence[str]) -> None: ...
    def picture(self) -> str: ...
    def pdf(self) -> bytes: ...

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        self.socket.send(json.dumps(message | self.envelope))
        while (answer := json.loads(self.socket.recv(timeout=300))).get("id") != self.number:
            self.hear(answer.get("method", ""), answer.get("params", {}))
        assert "error" not in answer, answer
        return answer["result"]

    def open(
        self, page: Path, state: str = "", *, width: int = 1440, height: int = 900,
        dark: bool = False, scripts: bool = True,
    ) -> None:  # fmt: skip
        self.set(width, height, dark=dark, scripts=scripts)
        self.go("about:blank")
        self.said = []
        self.go(page.as_uri() + state)

    def shot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.picture()))


class Chromium(Browser):
    """Over the DevTools protocol."""

    names = ("chromium", "chromium-browser", "google-chrome")
    options = ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               "--host-resolver-rules=MAP * ~NOTFOUND", "--user-data-dir={profile}")  # fmt: skip
    address = "DevToolsActivePort"
    keys = {"Tab": (9, ""), "Enter": (13, "\r"), " ": (32, " "), "ArrowRight": (39, ""),
            "ArrowDown": (40, ""), "End": (35, "")}  # fmt: skip

    @staticmethod
    def url(said: str) -> str:
        port, path = said.split()
        return f"ws://127.0.0.1:{port}{path}"

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self.loaded = False
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        tab = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self.envelope = {"sessionId": tab["sessionId"]}
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def hear(self, event: str, params: dict[str, Any]) -> None:
        if event in ("Runtime.exceptionThrown", "Log.entryAdded"):
            self.said.append(params)
        self.loaded |= event == "Page.loadEventFired"

    def set(self, width: int, height: int, *, dark: bool, scripts: bool) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Emulation.setScriptExecutionDisabled", value=not scripts)

    def go(self, url: str) -> None:
        self.loaded = False
        self.call("Page.navigate", url=url)
        while not self.loaded:
            self.call("Runtime.evaluate", expression="0")
            time.sleep(0.05)

    def js(self, code: str) -> Any:
        found = self.call(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True,
            userGesture=True,
        )  # fmt: skip
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, keys: Sequence[str]) -> None:
        for key in keys:
            code, text = self.keys[key]
            said = {"key": key, "code": key, "windowsVirtualKeyCode": code}
            self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **said)
            self.call("Input.dispatchKeyEvent", type="keyUp", **said)

    def picture(self) -> str:
        return self.call("Page.captureScreenshot")["data"]

    def pdf(self) -> bytes:
        found = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69)
        return base64.b64decode(found["data"])


class Firefox(Browser):
    """Over WebDriver BiDi; what a person sets is a preference."""

    names = ("firefox-esr", "firefox")
    options = ("--headless", "--no-remote", "--remote-allow-system-access",
               "--profile={profile}")  # fmt: skip
    address = "WebDriverBiDiServer.json"
    keys = {"Tab": "\ue004", "Enter": "\ue007", " ": " ", "ArrowRight": "\ue014",
            "ArrowDown": "\ue015", "End": "\ue010"}  # fmt: skip

    @staticmethod
    def url(said: str) -> str:
        found = json.loads(said)
        return f"ws://{found['ws_host']}:{found['ws_port']}/session"

    def __init__(self, socket: Any) -> None:
        super().__init__(socket)
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        self.window = self._first(**{"moz:scope": "chrome"})
        self.tab = self._first()
        self._prefer("network.proxy.type", 1)
        self._prefer("network.proxy.socks", "127.0.0.1")
        self._prefer("network.proxy.socks_port", 9)

    def _first(self, **scope: str) -> str:
        return self.call("browsingContext.getTree", **scope)["contexts"][0]["context"]

    def _prefer(self, name: str, value: object) -> None:
        kind = {bool: "Bool", int: "Int", str: "String"}[type(value)]
        code = f"Services.prefs.set{kind}Pref({json.dumps(name)}, {json.dumps(value)})"
        self._evaluate(code, self.window)

    def hear(self, event: str, params: dict[str, Any]) -> None:
        if event == "log.entryAdded" and params["source"].get("context") == self.tab:
            self.said.append(params)

    def set(self, width: int, height: int, *, dark: bool, scripts: bool) -> None:
        size = {"width": width, "height": height}
        self.call("browsingContext.setViewport", context=self.tab, viewport=size)
        self._prefer("layout.css.prefers-color-scheme.content-override", 0 if dark else 1)
        self._prefer("javascript.enabled", scripts)

    def go(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self.tab, url=url, wait="complete")
        self._evaluate("window.focus(); gBrowser.selectedBrowser.focus()", self.window)

    def js(self, code: str) -> Any:
        return _plain(self._evaluate(code, self.tab))

    def _evaluate(self, code: str, context: str) -> dict[str, Any]:
        found = self.call(
            "script.evaluate", expression=code, target={"context": context}, awaitPromise=True,
            userActivation=context == self.tab,
        )  # fmt: skip
        assert found["type"] == "success", found
        return found["result"]

    def press(self, keys: Sequence[str]) -> None:
        actions = [
            {"type": t, "value": self.keys[key]} for key in keys for t in ("keyDown", "keyUp")
        ]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self.call("input.performActions", context=self.tab, actions=[source])

    def picture(self) -> str:
        return self.call("browsingContext.captureScreenshot", context=self.tab)["data"]

    def pdf(self) -> bytes:
        page = {"width": 21.0, "height": 29.7}
        return base64.b64decode(
            self.call("browsingContext.print", context=self.tab, page=page)["data"]
        )


def _plain(value: dict[str, Any]) -> Any:
    """Return a value of the protocol as Python's own."""
    if value["type"] == "array":
        return [_plain(one) for one in value["value"]]
    if value["type"] == "object":
        return {name: _plain(one) for name, one in value["value"]}
    return value.get("value")


@contextmanager
def started(kind: type[Browser], program: str, profile: Path) -> Iterator[Browser]:
    """Start a browser that reaches no network, and end it."""
    from websockets.sync.client import connect

    options = [one.format(profile=profile) for one in kind.options]
    command = [program, *options, "--remote-debugging-port=0", "about:blank"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with connect(listening(kind, profile), max_size=None) as socket:
                yield kind(socket)
        finally:
            process.terminate()


def listening(kind: type[Browser], profile: Path) -> str:
    """Return where a browser that is starting listens."""
    for _ in range(600):
        time.sleep(0.1)
        with suppress(OSError, ValueError):
            return kind.url((profile / kind.address).read_text())
    raise TimeoutError(f"{kind.__name__} did not start")


@pytest.fixture(scope="session", params=[Chromium, Firefox], ids=lambda kind: kind.__name__)
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    kind = request.param
    program = next(filter(None, map(shutil.which, kind.names)), None)
    if program is None:
        pytest.skip(f"no {kind.__name__} is installed (apt-get install {kind.names[0]})")
    with started(kind, program, tmp_path_factory.mktemp("profile")) as opened:
        yield opened
