"""Counters of a server, in Prometheus' text format 0.0.4, and its access log. Neither holds a secret.

No library: a page of text is all that is needed, and the official client is slower than what it would measure.
"""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mlm.adapters.disk import storage_errors, write_all
from mlm.core.errors import StorageError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LOG_BYTES = 16 << 20
_LINES = 512


class Metrics:
    """What is counted here, and `gauges`: a name -> its help, and a function that gives its value now."""

    def __init__(self) -> None:
        self.answers: Counter[tuple[int, str]] = Counter()  # status and code of answers to inference calls
        self.gauges: dict[str, tuple[str, str, Callable[[], float]]] = {}
        self._buckets, self._sum, self._count = [0] * (len(BUCKETS) + 1), 0.0, 0

    def gauge(self, name: str, words: str, read: Callable[[], float], kind: str = "gauge") -> None:
        """Show what `read` gives, as mlm_serve_NAME."""
        self.gauges[name] = words, kind, read

    def answered(self, status: int, code: str, seconds: float) -> None:
        """An inference call was answered; `code` is empty for one that was served."""
        self.answers[status, code] += 1
        self._buckets[bisect_left(BUCKETS, seconds)] += 1
        self._sum += seconds
        self._count += 1

    def text(self) -> str:
        """The page."""
        lines = ["# HELP mlm_serve_answers_total Answers to inference calls.", "# TYPE mlm_serve_answers_total counter"]
        for (status, code), count in sorted(self.answers.items()):
            lines.append(f'mlm_serve_answers_total{{status="{status}",code="{code}"}} {count}')
        lines += ["# HELP mlm_serve_seconds Time to answer inference calls.", "# TYPE mlm_serve_seconds histogram"]
        total = 0
        for bound, count in zip((*BUCKETS, "+Inf"), self._buckets, strict=True):
            total += count
            lines.append(f'mlm_serve_seconds_bucket{{le="{bound}"}} {total}')
        lines += [f"mlm_serve_seconds_sum {self._sum:.6f}", f"mlm_serve_seconds_count {self._count}"]
        for name, (words, kind, read) in self.gauges.items():
            lines += [
                f"# HELP mlm_serve_{name} {words}",
                f"# TYPE mlm_serve_{name} {kind}",
                f"mlm_serve_{name} {read()}",
            ]
        return "\n".join(lines) + "\n"


class AccessLog:
    """One JSON line for each answer in `folder`/access.jsonl; at 16 MiB it becomes access.1.jsonl, and that one goes.

    Lines are gathered and written in another thread's time by `flush`; a full disk loses them, and nothing else.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "access.jsonl"
        self._lines: list[dict[str, Any]] = []
        self.lost = 0

    def add(self, line: Mapping[str, Any]) -> None:
        """Keep a line for the next flush; with too many of them, drop it."""
        if len(self._lines) >= _LINES * 64:
            self.lost += 1
            return
        self._lines.append({"at": round(time.time(), 3), **line})

    def flush(self) -> None:
        """Write what was gathered."""
        import orjson

        lines, self._lines = self._lines, []
        if not lines:
            return
        data = b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines)
        try:
            with storage_errors("cannot write the access log"):
                handle = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
                try:
                    write_all(handle, data)
                    large = os.fstat(handle).st_size > _LOG_BYTES
                finally:
                    os.close(handle)
                if large:
                    self._path.replace(self._path.with_name("access.1.jsonl"))
        except StorageError:  # counted, and shown among the metrics
            self.lost += len(lines)
