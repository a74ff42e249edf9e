"""A worker of mlm.adapters.confine for its tests: each step does one thing that a hostile or unlucky child may do."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path

from mlm.adapters import confine
from mlm.adapters.confine import Answer, Request
from mlm.core.errors import NotFound, ToolMissing


def step(name: str, request: Request) -> Answer:
    """Do what the step's name says."""
    if name == "environment":
        return {"environment": dict(os.environ), "path": sys.path, "folder": os.getcwd()}
    if name == "any":
        return step(request.pop("step"), request)
    if name == "pid":
        return {"pid": os.getpid(), "asked": request}
    if name == "alarm":
        return {"left": signal.alarm(request["seconds"]), "pid": os.getpid()}
    if name == "memory":
        return {"bytes": len(bytearray(request["bytes"]))}
    if name == "file":
        Path("large").write_bytes(bytes(request["bytes"]))
    if name == "missing":
        raise ToolMissing("no such tool", hint="Install it.")
    if name == "another":
        raise NotFound("nothing here")
    if name == "segfault":
        ctypes.string_at(0)
    if name == "escape":
        os.write(2, b"\x1b[2Jcleared\n")
        os._exit(3)
    if name == "silent":
        os._exit(0)
    if name == "sleep":
        Path("asleep").touch()
        time.sleep(60)
    if name == "plant":
        os.symlink(request["to"], request["as"])
        return {}
    if name == "plant a pipe":
        os.mkfifo(request["as"])
        return {}
    if name == "pipe":
        os.mkfifo("response.json")
        os._exit(0)
    if name == "link":
        os.symlink(request["to"], "response.json")
        os._exit(0)
    if name == "raw":
        Path("response.json").write_text(request["text"])
        os._exit(0)
    if name == "many":
        with open("response.json", "wb") as file:
            file.truncate(request["bytes"])
        os._exit(0)
    return {}


if __name__ == "__main__":
    confine.serve(step)
