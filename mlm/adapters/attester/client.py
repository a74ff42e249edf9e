"""HttpAttesters: the Attesters port over HTTP. Whatever comes back is hostile: bounded, and read field by field."""

from __future__ import annotations

from mlm.adapters.http import Client, addresses_of, json_object, printable
from mlm.core import urls
from mlm.core.attest_asking import HEADER, Asking
from mlm.core.attest_request import MAX_ANSWER, PATH, Signed
from mlm.core.errors import ServerFailed, UsageError, VerificationFailed

_REFUSES = range(400, 429)


class _Http(Client):
    """Errors in the words of somebody who asks an attester."""

    def trouble(self, what: str) -> ServerFailed:
        return ServerFailed(f"the attester {self.where} {self._blanked(what.encode()).decode('utf-8', 'replace')}")

    def _slow(self, timeout: float) -> ServerFailed:
        return self.trouble(f"did not answer within {timeout:.3g} s")


class HttpAttesters:
    """`timeout` bounds each answer, in seconds. `private`: one may answer at an address that is not public.

    The URLs are of those who registered them: a member could have this machine send requests into its own network.
    """

    def __init__(self, timeout: float = 60.0, *, private: bool = False) -> None:
        self._timeout, self._private = timeout, private

    def attest(self, url: str, asking: Asking, body: bytes) -> Signed:
        """Ask one attester."""
        if not url:
            raise UsageError("it has registered no URL")
        http = _Http(url, self._timeout, public="" if self._private else "tee.private_urls")
        try:
            headers = {"Content-Type": "application/json", HEADER: asking.to_header()}
            answer = http.ask("POST", PATH, headers=headers, body=body, limit=MAX_ANSWER)
        finally:
            http.close()
        if answer.status == 200:
            return Signed.from_json(answer.body)
        said = (json_object(answer.body) or {}).get("error")
        words = printable(said, 300) if isinstance(said, str) else answer.said
        if answer.status in _REFUSES:
            raise VerificationFailed(f"it refuses: {words or 'without a word'}")
        raise http.trouble(f"answered with HTTP status {answer.status}: {words or 'nothing'}")

    def unasked(self, url: str) -> str:
        """See the port."""
        parsed = urls.parse(url)
        if self._private:
            return ""
        try:
            found = addresses_of(parsed.host, parsed.port)
        except OSError:
            return ""
        return next((each for each in found if not urls.is_public(each)), "")
