"""Several remotes as one: read in turn, written to by the first. One that lies, drips or is dead is not asked again."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from mlm.core.cid import Cid
from mlm.core.errors import InvalidData, MlmError, NotFound, StorageError
from mlm.ports.remote import Remote


class Several:
    """Implements ports.Remote. `dropped` says of each remote that is asked no more what it did."""

    def __init__(self, remotes: Sequence[Remote]) -> None:
        """At least one; the first is the one that is written to."""
        self._first = remotes[0]
        self.about = self._first.about
        self._order = list(remotes)
        self._lock = threading.Lock()
        self.dropped: Mapping[str, str] = {}
        self._troubles: list[MlmError] = []

    def get(self, cid: Cid) -> bytes:
        absent: NotFound | None = None
        for remote in list(self._order):
            try:
                data = remote.get(cid)
            except NotFound as error:
                absent = error
            except (InvalidData, StorageError) as error:
                self._drop(remote, error)
            else:
                self._prefer(remote)
                return data
        raise self._failed(absent)

    def stream(self, root: Cid) -> Iterator[tuple[Cid, bytes]] | None:
        # Only of the one that is asked first: the others are for what it lacks.
        remote = next(iter(list(self._order)), None)
        return None if remote is None else self._stream(remote, root)

    def missing(self, cids: Sequence[Cid]) -> list[Cid]:
        return self._first.missing(cids)

    def put(self, blocks: Iterable[tuple[Cid, bytes]]) -> int:
        return self._first.put(blocks)

    def pin(self, root: Cid, name: str) -> str:
        return self._first.pin(root, name)

    def names(self, repository: str) -> dict[str, Cid]:
        return self._first.names(repository)

    def set_name(self, repository: str, name: str, new: Cid | None, expected: Cid | None) -> None:
        self._first.set_name(repository, name, new, expected)

    def _stream(self, remote: Remote, root: Cid) -> Iterator[tuple[Cid, bytes]]:
        """What arrives in one answer; what does not is asked for block by block, of whoever is left."""
        try:
            yield from remote.stream(root) or ()
        except NotFound:
            return
        except (InvalidData, StorageError) as error:
            self._drop(remote, error)

    def _drop(self, remote: Remote, error: MlmError) -> None:
        with self._lock:
            if remote in self._order:
                self._order.remove(remote)
                self.dropped = {**self.dropped, remote.about.name: str(error)}
                self._troubles.append(error)

    def _prefer(self, remote: Remote) -> None:
        """Who served comes first from now on."""
        if self._order[:1] != [remote]:
            with self._lock:
                if remote in self._order:
                    self._order.remove(remote)
                    self._order.insert(0, remote)

    def _failed(self, absent: NotFound | None) -> MlmError:
        troubles = list(self._troubles)
        if not troubles:
            return absent or NotFound("no remote is left to ask")
        if len(troubles) == 1 and absent is None:
            return troubles[0]
        words = "; ".join(map(str, [*troubles, *([absent] if absent else [])]))
        error = type(troubles[0])(f"no remote gave it: {words}", hint="`mlm remote list` shows the remotes.")
        return error
