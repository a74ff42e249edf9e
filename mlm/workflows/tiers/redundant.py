"""The tier redundant: a trace as in the tier optimistic, which drawn replicas have found before it is shown.

What they do stands in mlm/workflows/replica.py; the protocol: docs/fault-proofs.md, 9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlm.core.digest import domain, keccak256, words
from mlm.core.dispute.replica import Policy
from mlm.core.errors import UsageError
from mlm.core.job import AuctionKind, State, Tier
from mlm.core.money import Amount
from mlm.core.plan import Call, Tx
from mlm.core.terms import Request, Terms, request_args, snapshot_of, terms_hash
from mlm.workflows import lookup, permit, replica_look
from mlm.workflows.replica_look import CONTRACT
from mlm.workflows.tiers.optimistic import Optimistic

if TYPE_CHECKING:
    from mlm.ports.bundle import Ports
    from mlm.workflows.job_post import JobPost

WINDOW_TIMES = 2  # of the reveal window: what a job leaves to run it, and to convict (ReplicationLimits.sol)


class Redundant(Optimistic):
    """Its result is handed in once its replicas have committed to theirs."""

    tier = Tier.REDUNDANT

    def policy(self, asked: JobPost) -> bytes:
        """How many replicas, and what each is paid. Raises UsageError."""
        if asked.replicas is None or asked.replica_fee is None:
            raise UsageError("the tier redundant asks for --replicas NUMBER and --replica-fee TOKENS")
        if asked.auction is AuctionKind.BATCH:
            raise UsageError("a batch has no jobs of the tier redundant, expected another --auction")
        return Policy(asked.replicas + 1, int(asked.replica_fee)).word()

    def with_posting(self, ports: Ports, request: Request, nonce: int) -> tuple[Tx, ...]:
        """The fees of the replicas, for the job that the posting is going to be.

        Raises UsageError for windows and fees that the contract refuses.
        """
        _, snapshot = ports.chain.call("JobMarket", "quote", request_args(request))[0]
        terms = Terms(request, snapshot_of(snapshot))
        policy, most = Policy.parse(bytes.fromhex(request.policy[2:])), Amount(terms.snapshot.lock // 2)
        least = WINDOW_TIMES * int(ports.chain.call(CONTRACT, "revealWindow"))
        for name, seconds in (("execution", request.execution_window), ("verification", request.verification_window)):
            if seconds < least:
                raise UsageError(f"--{name}: expected at least {least} seconds in the tier redundant, found {seconds}")
        if policy.fees > most:
            raise UsageError(
                f"the replicas' fees are {Amount(policy.fees)} together, expected at most {most}: what burns of a "
                "provider that is convicted",
                hint="A higher --max-price or --value-at-risk raises it; a lower --replica-fee needs less.",
            )
        me, market = ports.sender.address, ports.chain.address_of("JobMarket")
        place = (domain("mlm/job/1"), ports.chain.chain_id(), int(market, 16), int(me, 16), nonce)
        job_id = keccak256(words((*place, terms_hash(terms))))
        return funding(ports, job_id, terms, policy)

    def may_accept(self, ports: Ports, job: lookup.Job) -> str:
        """Not before replicas are drawn: a result could never be handed in."""
        found = replica_look.look(ports, job, replica_look.rules(ports))
        return "" if found.drawn else f"no replicas are drawn; `mlm replica show {job.short}` tells how it stands"

    def may_submit(self, ports: Ports, job: lookup.Job) -> str:
        """Not before all replicas have committed, or half of the time is over."""
        found = replica_look.look(ports, job, replica_look.rules(ports))
        if job.state is State.LEASED and found.drawn and found.committed == len(found.drawn):
            return ""
        if job.state is State.READY and found.may_submit(ports.chain.block().timestamp):
            return ""
        return f"{found.committed} of {found.policy.replicas} replicas have committed to what they found"


def funding(ports: Ports, job_id: bytes, terms: Terms, policy: Policy) -> tuple[Tx, ...]:
    """Pay for a job's replicas: an approval where one is needed, and the payment."""
    fees = Amount(policy.fees)
    title = f"pay {fees} for {policy.replicas} replicas of 0x{job_id.hex()[:8]}"
    return permit.approved(ports, Tx(title, Call(CONTRACT, "fund", (job_id, terms.as_args())), payment=fees), fees)
