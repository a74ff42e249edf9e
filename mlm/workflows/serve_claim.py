"""What a server is owed, claimed while it runs: by the operation `channel claim`, journalled like any other."""

from __future__ import annotations

from collections.abc import Iterable

from mlm.core.channel import Channel, ChannelState, SignedVoucher
from mlm.core.errors import MlmError
from mlm.core.money import Amount
from mlm.core.serving import to_claim
from mlm.ports.bundle import Ports
from mlm.workflows import channel, op
from mlm.workflows.once import resumed
from mlm.workflows.serve_channels import Reader

_AGAIN_S = 60.0  # after which a channel that has ended is looked at again


class Claimer:
    """Claims from `threshold` base units on (0: not for that), and all that is due two `margin`s before an expiry."""

    def __init__(self, ports: Ports, *, threshold: Amount, margin: int) -> None:
        self._ports, self._threshold, self._margin = ports, int(threshold), margin
        self._reader, self._known = Reader(ports), dict[str, Channel]()
        self._over, self._later = set[str](), dict[str, float]()

    def over(self, channel: str) -> bool:
        """Whether the chain has said that nothing can come of a channel any more. From any thread."""
        return channel in self._over

    def look(self, best: Iterable[SignedVoucher]) -> str:
        """Claim what is to be claimed now, of these best vouchers; what came of it in words, empty for nothing.

        The chain is asked about a channel when what is known of it says so. Raises what reading and claiming raise.
        """
        vouchers = {signed.voucher.channel: signed for signed in best}
        now, monotonic = self._ports.system.now(), self._ports.system.monotonic()
        self._over = self._over & vouchers.keys()
        self._later = {name: at for name, at in self._later.items() if name in vouchers and monotonic < at}
        looked = [name for name in vouchers if name not in self._over and name not in self._later]
        asked = [name for name in looked if name not in self._known or self._due(name, vouchers[name], now)]
        if not asked:
            return ""
        now, found = self._reader.read(asked)
        for name in asked:
            seen = found[name]
            if seen is None or seen.state(now) is not ChannelState.OPEN:
                self._known.pop(name, None)  # a reorganisation, or its end: there is nothing to claim of it now
                if seen is not None and self._reader.over(name):
                    self._over.add(name)
                elif seen is not None:
                    self._later[name] = monotonic + _AGAIN_S  # or each look would ask about all that ever ended
            else:
                self._known[name] = seen
        due = tuple(name for name in asked if name in self._known and self._due(name, vouchers[name], now))
        if not due:
            return ""
        owed = sum(self._owed(self._known[name], vouchers[name]) for name in due)
        self._claim(due)
        for name in due:
            del self._known[name]
        return f"claimed {Amount(owed)} of {len(due)} channels"

    def go_on(self) -> list[str]:
        """Finish the claims of this account that a kill has left; what came of each."""
        came = []
        for summary in self._ports.journal.operations():
            if summary["operation"] != channel.CLAIM.name or summary["outcome"] is not None:
                continue
            if summary["params"].get("account") != self._ports.sender.address:
                continue
            try:
                op.resume(self._ports, summary["op"])
            except MlmError as error:
                came.append(f"claim {summary['op']} is not finished: {error}")
            else:
                came.append(f"claim {summary['op']} of an earlier run is finished")
        return came

    def _due(self, name: str, signed: SignedVoucher, now: int) -> bool:
        seen = self._known[name]
        due = self._owed(seen, signed)
        return to_claim(due, seen.expires_at, now, threshold=self._threshold, margin=self._margin)

    def _owed(self, seen: Channel, signed: SignedVoucher) -> int:
        return min(signed.voucher.amount, seen.deposit) - seen.claimed

    def _claim(self, names: tuple[str, ...]) -> None:
        resumed(self._ports, channel.CLAIM, channel.Claims(names))
