"""Who is behind a request for sealed blocks, and whether the chain entitles it now."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from mlm.core import access
from mlm.core.access import HEADER, Access, Challenge
from mlm.core.errors import ChainError, InvalidData, MlmError
from mlm.core.serving import Refusal, Status

_WAITING = 64  # questions to the chain that wait at once
_RETRY = 5  # seconds


class Door:
    """Checks statements. The chain is asked in one thread, whose ports nobody else uses."""

    def __init__(
        self,
        *,
        origin: str,
        chain_id: int,
        licences: str,
        recover: Callable[[Access, bytes], str],
        entitled: Callable[[int, str], bool],
        now: Callable[[], int],
    ) -> None:
        """`recover` gives who signed, in lower case; `entitled` raises ChainError where the chain cannot be asked."""
        self.audience = access.audience(origin)
        self._chain_id, self._licences = chain_id, licences.lower()
        self._recover, self._entitled, self._now = recover, entitled, now
        self._thread = ThreadPoolExecutor(1, "chain")
        self._waiting = 0

    def close(self) -> None:
        """No more questions."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def admit(self, headers: list[str], readers: frozenset[int]) -> Access:
        """Whoever may have blocks that these assets entitle to. Raises Refusal.

        1. One statement came, of the right spelling, for this gateway and this moment.
        2. Its account signed it.
        3. It is about an asset that entitles to the blocks.
        4. The chain says that the account may use the asset, now.
        """
        # (1)
        if not headers:
            raise self._asks(readers, "access_required", f"these blocks are of a licensed asset: {HEADER} is missing")
        try:
            if len(headers) != 1:
                raise InvalidData(f"{HEADER}: expected one, found {len(headers)}")
            found, signature = access.from_header(headers[0])
            access.check(found, audience=self.audience, now=self._now())
            # (2) Whatever is wrong with it, the reader has to sign another one.
            if self._recover(found, signature) != found.account:
                raise InvalidData(f"{HEADER}: the signature is not the account's")
        except InvalidData as error:
            raise self._asks(readers, "access_invalid", str(error)) from error
        # (3)
        if found.token_id not in readers:
            raise Refusal(Status.FORBIDDEN, "the statement is about another asset", word="access_of_another_asset")
        # (4)
        await self.still(found)
        return found

    async def still(self, found: Access) -> None:
        """Whoever was admitted is entitled yet. Raises Refusal."""
        if self._waiting >= _WAITING:
            raise Refusal(Status.BUSY, "too many licences are being looked up", retry_after=1)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            entitled = await loop.run_in_executor(self._thread, self._entitled, found.token_id, found.account)
        except ChainError as error:
            words = "the chain cannot be asked who is entitled"
            raise Refusal(Status.BUSY, words, word="chain_unavailable", retry_after=_RETRY) from error
        except MlmError as error:
            raise Refusal(Status.FAILED, "the chain's answer could not be read", word="chain_unreadable") from error
        finally:
            self._waiting -= 1
        if not entitled:
            raise Refusal(Status.FORBIDDEN, f"{found.account} holds no licence of this asset that is valid now")

    def _asks(self, readers: frozenset[int], word: str, message: str) -> Refusal:
        challenge = Challenge(self._chain_id, self._licences, min(readers))
        return Refusal(
            Status.UNAUTHORIZED,
            message,
            word=word,
            detail={"mlm": challenge.value()},
            headers={"WWW-Authenticate": "Mlm-Access"},
        )
