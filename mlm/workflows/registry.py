"""The table of operations: everything that sends, once, by its command's name."""

from __future__ import annotations

from typing import Any

from mlm.workflows import (
    announce,
    bid,
    channel,
    commit,
    complaint,
    handle,
    job_award,
    job_close,
    job_deliver,
    job_post,
    job_reopen,
    job_reveal,
    lease,
    merge,
    network_deploy,
    price,
    provider,
    provider_attest,
    publish,
    reputation,
    sale,
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
        job_award.OPERATION,
        job_close.CANCEL,
        job_close.SETTLE,
        reputation.RATE,
        job_reopen.OPERATION,
        bid.OPERATION,
        job_reveal.REVEAL,
        job_reveal.WITHDRAW,
        lease.ACCEPT,
        lease.FULFIL,
        lease.SUBMIT,
        job_deliver.OPERATION,
        complaint.COMPLAIN,
        complaint.ANSWER,
        stake.DEPOSIT,
        stake.WITHDRAW,
        stake.CLAIM,
        sale.START,
        sale.BID,
        sale.CANCEL,
        sale.SETTLE,
        channel.OPEN,
        channel.TOP_UP,
        channel.CLAIM,
        channel.CLOSE,
        channel.REFUND,
        wallet.WITHDRAW,
        announce.OPERATION,
        provider.OPERATION,
        provider_attest.ATTEST,
        provider_attest.REVOKE,
        network_deploy.OPERATION,
    )
}
