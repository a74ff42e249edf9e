"""The table of operations: everything that sends, once, by its command's name."""

from __future__ import annotations

from typing import Any

from mlm.workflows import (
    bid,
    commit,
    handle,
    job_close,
    job_post,
    lease,
    merge,
    network_deploy,
    price,
    publish,
    reputation,
    stake,
    wallet,
)
from mlm.workflows.apply import Operation

OPERATIONS: dict[str, Operation[Any, Any]] = {
    operation.name: operation
    for operation in (
        commit.OPERATION,
        merge.OPERATION,
        publish.OPERATION,
        price.OPERATION,
        handle.OPERATION,
        job_post.OPERATION,
        job_close.AWARD,
        job_close.CANCEL,
        job_close.SETTLE,
        reputation.RATE,
        bid.OPERATION,
        lease.ACCEPT,
        lease.FULFIL,
        lease.SUBMIT,
        stake.DEPOSIT,
        stake.WITHDRAW,
        stake.CLAIM,
        wallet.WITHDRAW,
        network_deploy.OPERATION,
    )
}
