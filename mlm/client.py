"""`from mlm.client import Client`: paid, signed inference from a program, on one channel, from any number of threads.

    with Client("http://127.0.0.1:8080", account="alice", max_price="0.01", deposit="1") as client:
        answer = client.infer({"input": pixels})
        answer["output"], answer.result

The door for programs, as mlm.cli is for people: the same settings, networks, accounts and journal (MLM_HOME).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlm.core import money
from mlm.core.evidence import Evidence
from mlm.core.served import ServedResult

if TYPE_CHECKING:
    import numpy as np

    from mlm.cli.context import Session


CONCURRENT = 8


class Answer(Mapping[str, "np.ndarray"]):
    """The outputs by name. `result` is what the payee signed; `repeated`: the call had been paid before."""

    def __init__(self, outputs: Mapping[str, np.ndarray], evidence: Evidence, repeated: bool) -> None:
        self._outputs, self.evidence, self.repeated = outputs, evidence, repeated

    @property
    def result(self) -> ServedResult:
        """The signed result, which was found right."""
        return self.evidence.result

    @property
    def call(self) -> int:
        """The call's number on its channel."""
        return self.evidence.voucher.voucher.calls

    def __getitem__(self, name: str) -> np.ndarray:
        return self._outputs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._outputs)

    def __len__(self) -> int:
        return len(self._outputs)


class Client:
    """One server, one channel, one account. A context manager; `close` lets the channel go for other processes.

    The server's offer is held against the chain and the limits before anything is signed: its chain, contract, token,
    version and price. Every voucher is in the journal before it leaves, every signed result is checked before it is
    believed. A call that failed, or was killed, is repeated by the same inputs with the same voucher.
    At most `concurrent` calls are ever paid and not answered: that is what a hostile server can take.
    """

    def __init__(
        self,
        url: str,
        *,
        max_price: int | str,
        deposit: int | str = 0,
        spend: int | str | None = None,
        asset: str | None = None,
        model: str = "",
        channel: str | None = None,
        account: str | None = None,
        network: str | None = None,
        password_file: str | Path | None = None,
        concurrent: int = CONCURRENT,
        timeout: float = 60.0,
        keep: str | Path | None = None,
        folder: str | Path | None = None,
        exact: bool = False,
    ) -> None:
        """`url` is a server's, or one of its models': http://HOST:PORT[/v2/models/NAME].

        Amounts are base units, or text in tokens such as "0.01". `max_price` is for a call. `deposit` is what one
        opening or top-up may put into a channel, `spend` all of them together (default: one deposit); 0: none is
        opened.
        `asset` (handle/name[@version]) must be what is served. `keep` is a folder for the evidence of each call.
        `folder` is where settings are looked for, as `mlm -C`. `exact`: only results are believed by which their payee
        could be convicted (docs/paying.md); the model's file has to be readable here.
        Raises MlmError; what is raised names the next step.
        """
        from mlm.workflows import remote_call
        from mlm.workflows.remote_call import Wanted

        flags = {"account": account, "network.default": network, "password_file": password_file and str(password_file)}
        session = _session({name: value for name, value in flags.items() if value is not None}, folder)
        with ExitStack() as stack, money.using(lambda: session.unit):
            self._ports = session.ports
            wanted = Wanted(
                url,
                _amount(max_price),
                model=model,
                asset=asset,
                channel=channel,
                deposit=_amount(deposit),
                spend=None if spend is None else _amount(spend),
                concurrent=concurrent,
                seconds=timeout,
                exact=exact,
            )
            self._keep = None if keep is None else Path(keep).absolute()
            if self._keep is not None:
                self._keep.mkdir(parents=True, exist_ok=True)
            agreed = remote_call.agree(self._ports, wanted)
            stack.callback(agreed.server.close)
            self._terms, self.deal = agreed.terms, agreed.deal
            self._payer = stack.enter_context(remote_call.open_payer(self._ports, wanted, agreed))
            self._stack = stack.pop_all()

    def infer(self, inputs: Mapping[str, np.ndarray]) -> Answer:
        """One paid call, from any thread. Raises MlmError; the same inputs repeat it then, or after a crash, unpaid."""
        from mlm.workflows import remote_call

        paid = self._payer.infer(inputs)
        evidence = remote_call.evidence_of(self._terms, paid)
        if self._keep is not None:
            self._ports.files.write(self._keep / remote_call.evidence_name(paid), evidence.to_bytes())
        return Answer(paid.outputs, evidence, paid.repeated)

    @property
    def price(self) -> int:
        """Base units for a call."""
        return self._payer.price

    @property
    def spent(self) -> int:
        """Base units signed for on this channel, all in all."""
        return self._payer.spent

    @property
    def unanswered(self) -> int:
        """Calls that are paid and were never answered."""
        return self._payer.unanswered

    def give_up(self) -> int:
        """Forget calls that the server shows as served and never answered; how many. What was paid stays paid."""
        return self._payer.give_up()

    def close(self) -> None:
        """Let the channel and the connections go."""
        self._stack.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _amount(value: int | str) -> money.Amount:
    return money.parse_units(value) if isinstance(value, str) else money.Amount(value)


def _session(flags: dict[str, Any], folder: str | Path | None) -> Session:
    """As of a command in that folder."""
    from dataclasses import replace

    from mlm.cli.context import Session

    session = Session.from_environment()
    return replace(session, flags=flags, cwd=session.cwd if folder is None else Path(folder).absolute())
