"""A page in a real browser without a screen, driven and watched through its debugging pipe."""

from __future__ import annotations

import contextlib
import itertools
import os
import queue
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

import msgspec

from tests.harness.browser import CHROMIUM, FLAGS, STOP_S
from tests.harness.processes import end

_ANSWER_S = 60.0
_END = b"\0"
#: What a command is answered whose page was left for another, or loaded again.
_GONE = "Inspected target navigated or closed"
_KEY_CODES = {"Enter": 13, "Escape": 27, "Tab": 9}


class PageGoneError(Exception):
    """The page was left while something was done in it."""


class Tab:
    """One page. What it asks the network for and what the browser has against it is kept."""

    def __init__(self, commands: int, messages: int) -> None:
        self._commands = commands
        self._numbers = itertools.count(1)
        self._answers: queue.Queue[dict[str, Any]] = queue.Queue()
        self._session: dict[str, str] = {}
        #: URLs of all that it asked for.
        self.requests: list[str] = []
        #: Errors in its console, exceptions, violations of its content security policy.
        self.complaints: list[str] = []
        self._reader = threading.Thread(target=self._read, args=(messages,), name="tab", daemon=True)
        self._reader.start()

    def open(self, url: str) -> None:
        """Go to a page."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._session = {"sessionId": session}
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._call(f"{domain}.enable")
        self._call("Page.navigate", url=url)

    def go(self, url: str) -> None:
        """Leave the page for another."""
        self._call("Page.navigate", url=url)

    def reload(self) -> None:
        """Load the page again, as a person does; what was in it is gone when this returns."""
        self.evaluate("window.isOld = true")
        self._call("Page.reload")
        self.wait_for("!window.isOld && document.readyState === 'complete'")

    def key(self, name: str) -> None:
        """Press a key that writes nothing."""
        for kind in ("rawKeyDown", "keyUp"):
            self._call("Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=_KEY_CODES[name])

    def resize(self, width: int, height: int) -> None:
        """A window of another size."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, waited for. Raises RuntimeError with what it threw."""
        done = self._call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"].get("description", done))
        return done["result"].get("value")

    def wait_for(self, condition: str) -> Any:
        """The value of an expression as soon as it is something. Raises RuntimeError if that takes too long."""
        with contextlib.suppress(PageGoneError):
            return self._waited_for(condition)
        return self._waited_for(condition)

    def _waited_for(self, condition: str) -> Any:
        return self.evaluate(
            f"""new Promise((resolve, reject) => {{
                const since = Date.now();
                const look = () => {{
                    const value = (() => {condition})();
                    if (value) resolve(value);
                    else if (Date.now() - since > {_ANSWER_S * 900}) reject(new Error(document.body.innerText));
                    else setTimeout(look, 20);
                }};
                look();
            }})"""
        )

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        command = {"id": number, "method": method, "params": params, **self._session}
        os.write(self._commands, msgspec.json.encode(command) + _END)
        while True:
            answer = self._answers.get(timeout=_ANSWER_S)
            if answer["id"] == number:
                if answer.get("error", {}).get("message") == _GONE:
                    raise PageGoneError(_GONE)
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self, messages: int) -> None:
        rest = b""
        with contextlib.suppress(OSError):
            while read := os.read(messages, 1 << 16):
                *whole, rest = (rest + read).split(_END)
                for one in whole:
                    self._take(msgspec.json.decode(one))

    def _take(self, message: dict[str, Any]) -> None:
        if "id" in message:
            self._answers.put(message)
            return
        params = message["params"]
        match message["method"]:
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Log.entryAdded":
                self.complaints.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "assert"):
                self.complaints.append(str(params["args"]))


@contextlib.contextmanager
def tab() -> Iterator[Tab]:
    """A tab until the block is left."""
    assert CHROMIUM is not None
    hears, commands = os.pipe()
    messages, says = os.pipe()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        browser = subprocess.Popen(
            # The browser listens on descriptor 3 and speaks on 4.
            ["bash", "-c", f'exec "$@" 3<&{hears} 4>&{says}', "bash", *command],
            pass_fds=(hears, says),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(hears)
        os.close(says)
        try:
            yield Tab(commands, messages)
        finally:
            end(browser, STOP_S)
            os.close(commands)
            os.close(messages)
