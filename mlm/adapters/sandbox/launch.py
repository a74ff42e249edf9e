"""Starting a child in a tier, and ending it with all that it has started."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from mlm.adapters.sandbox import bubblewrap
from mlm.adapters.sandbox.policy import Policy
from mlm.adapters.sandbox.tiers import Tier

_GONE_S = 10.0  # in which the kernel must have ended what was killed


class Child:
    """A process, or the first process of a sandbox: `pid`, where it can be looked at; None where it cannot."""

    def __init__(
        self,
        argv: list[str],
        tier: Tier,
        policy: Policy,
        *,
        cwd: Path,
        env: Mapping[str, str],
        log: BinaryIO,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self._wrapped = bool(tier.bubblewrap)
        self._inner: int | None = None  # a pidfd: its process cannot be mistaken for another
        self.pid: int | None = None
        if not self._wrapped:
            self._start(argv, cwd, env, log, stdin)
            self.pid = self._process.pid
            return
        here, there = os.pipe()
        try:
            try:
                wrapped = bubblewrap.command(tier.bubblewrap, policy, argv, str(cwd), there)
                self._start(wrapped, cwd, env, log, stdin, there)
            finally:
                os.close(there)
            self._hold(here)
        finally:
            os.close(here)

    def _start(self, argv: list[str], cwd: Path, env: Mapping[str, str], log: BinaryIO, stdin: int, *keep: int) -> None:
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=dict(env),
            stdin=stdin,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=keep,
            start_new_session=True,  # Ctrl-C reaches the parent only, which then ends the child at once
        )

    def _hold(self, pipe: int) -> None:
        found = bubblewrap.child_pid(pipe)
        if found is not None:
            try:
                self._inner, self.pid = os.pidfd_open(found), found
            except ProcessLookupError:  # it has ended already
                pass

    def wait(self, seconds: float) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return 128 - code if self._wrapped and code > 128 else code

    def end(self) -> None:
        """Kill what still runs. The death of a sandbox's first process is that of all in it."""
        if self._process.poll() is None:
            if self._inner is not None:
                try:
                    signal.pidfd_send_signal(self._inner, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self._process.kill()
            self._process.wait()
        if self._inner is not None:
            select.select([self._inner], [], [], _GONE_S)
            os.close(self._inner)
            self._inner = None
