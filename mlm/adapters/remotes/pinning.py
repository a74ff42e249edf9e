"""An IPFS pinning service: it is told a CID, and fetches and keeps what hangs below it by itself.

Source: https://ipfs.github.io/pinning-services-api-spec/ (1.0.0).
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

from mlm.adapters.http import Answer, Client, json_object, printable
from mlm.adapters.remotes.readonly import ReadOnly
from mlm.core.cid import Cid
from mlm.core.errors import NotFound
from mlm.ports.remote import About

_ALIVE = ("queued", "pinning", "pinned")
_STATUS = (*_ALIVE, "failed")


class PinningService(ReadOnly):
    """Implements ports.Remote; it gives and takes no blocks."""

    def __init__(self, client: Client, about: About) -> None:
        self._client = client
        self.about = about

    def get(self, cid: Cid) -> bytes:
        raise NotFound(f"the remote {self._client.where} is a pinning service, which gives no blocks")

    def pin(self, root: Cid, name: str) -> str:
        query = urlencode({"cid": str(root), "status": ",".join(_ALIVE), "limit": "1"})
        listed = self._object(self._client.ask("GET", f"/pins?{query}", headers={"Accept": "application/json"}), (200,))
        results = listed.get("results")
        if isinstance(results, list) and results and isinstance(results[0], dict):
            return self._status(results[0], root)
        body = json.dumps({"cid": str(root), "name": name[:255]}).encode()
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        made = self._client.ask("POST", "/pins", headers=headers, body=body)
        return self._status(self._object(made, (200, 202)), root)

    def _status(self, found: dict[str, Any], root: Cid) -> str:
        status, pin = found.get("status"), found.get("pin")
        if status not in _STATUS or not isinstance(pin, dict) or pin.get("cid") != str(root):
            raise self._client.trouble(f"answered with nonsense: expected the pin of {root}, found {str(found)[:80]!r}")
        if status == "failed":
            info = found.get("info")
            why = info.get("status_details") if isinstance(info, dict) else None
            raise self._client.trouble(f"failed to pin {root}: {printable(str(why or 'it does not say why'), 200)}")
        return str(status)

    def _object(self, answer: Answer, wanted: tuple[int, ...]) -> dict[str, Any]:
        if answer.status not in wanted:
            raise self._client.refused(answer, "to a pin")
        found = json_object(answer.body)
        if found is None:
            raise self._client.trouble(f"answered with nonsense: expected JSON, found {answer.body[:60]!r}")
        return found
