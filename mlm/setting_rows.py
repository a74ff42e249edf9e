"""Settings of trusted hardware, and of who works for others: rows of the table in config.py."""

from __future__ import annotations

from mlm.setting import Setting

# Trusted hardware: what of its evidence is accepted, and where it is.
TEE: tuple[Setting, ...] = (
    Setting(
        "tee.status",
        str,
        "UpToDate",
        "MLM_TEE_STATUS",
        "What the vendor may say of a platform whose evidence is accepted: UpToDate, SWHardeningNeeded … by commas.",
        project="never",
    ),
    Setting(
        "tee.enclave",
        str,
        "auto",
        "MLM_TEE_ENCLAVE",
        "Where the tier tee runs models: hardware, simulated (it convinces a devnet alone), or auto: what there is.",
        ("auto", "hardware", "simulated"),
        project="never",
    ),
    Setting(
        "tee.collateral",
        str,
        "",
        "MLM_TEE_COLLATERAL",
        "File of what the vendor says of this machine (its collateral), or a folder with tdx.json or snp.json in it.",
        project="never",
    ),
    Setting(
        "tee.reports",
        str,
        "/sys/kernel/config/tsm/report",
        "MLM_TEE_REPORTS",
        "Folder in which Linux has the hardware sign (configfs-tsm).",
        project="never",
    ),
    Setting(
        "tee.timeout",
        float,
        60.0,
        "MLM_TEE_TIMEOUT",
        "Seconds in which an attester must have answered.",
        project="lower",
    ),
    Setting(
        "tee.rate",
        float,
        5.0,
        "MLM_TEE_RATE",
        "Requests of one address a second that an attester answers; 0: any number.",
        project="never",
    ),
    Setting(
        "tee.private_urls",
        bool,
        False,
        "MLM_TEE_PRIVATE_URLS",
        "Ask attesters at private addresses too, such as 10.0.0.1; on the devnet they always are.",
        project="never",
    ),
)

WORKER: tuple[Setting, ...] = (
    Setting(
        "beacon.secrets",
        int,
        3,
        "MLM_BEACON_SECRETS",
        "Deposits of the beacon that may be lost, or wait, before no secret is added unasked; 0: none ever is.",
        project="lower",
    ),
    Setting(
        "worker.jobs", int, 1, "MLM_WORKER_JOBS", "Jobs that a worker takes at once, bids included.", project="never"
    ),
    Setting(
        "worker.strategy",
        str,
        "throughput",
        "MLM_WORKER_STRATEGY",
        "How a worker prices jobs: margin, throughput, market, or FILE.py:CLASS in MLM_HOME.",
        project="never",
    ),
    Setting(
        "worker.cost",
        str,
        "0.01",
        "MLM_WORKER_COST",
        "What a job costs a worker whatever it runs, in tokens.",
        project="never",
    ),
    Setting(
        "worker.hourly", str, "1", "MLM_WORKER_HOURLY", "What an hour of the machine costs, in tokens.", project="never"
    ),
    Setting(
        "worker.margin",
        float,
        20.0,
        "MLM_WORKER_MARGIN",
        "Percent that a worker asks above its costs.",
        project="never",
    ),
    Setting(
        "worker.collect",
        str,
        "10",
        "MLM_WORKER_COLLECT",
        "The least credit, in tokens, that a worker withdraws; 0: it never does.",
        project="never",
    ),
    Setting(
        "worker.disk_mb",
        int,
        20_000,
        "MLM_WORKER_DISK_MB",
        "MiB that a worker keeps of others' models and inputs; what was used least recently goes first.",
        project="never",
    ),
)

# What a server takes, beside the other settings in config.py.
SERVE: tuple[Setting, ...] = (
    Setting(
        "gateway.rate",
        float,
        200.0,
        "MLM_GATEWAY_RATE",
        "Requests of one address a second that a gateway answers, on average; 0: no bound.",
        project="never",
    ),
    Setting(
        "serve.body_mb",
        int,
        8,
        "MLM_SERVE_BODY_MB",
        "The largest body of a call that a server takes, in MiB.",
        project="never",
    ),
    Setting(
        "serve.seconds",
        float,
        10.0,
        "MLM_SERVE_SECONDS",
        "Seconds in which a request's headers, and then its body, must have come.",
        project="never",
    ),
    Setting(
        "serve.connections",
        int,
        512,
        "MLM_SERVE_CONNECTIONS",
        "Connections that a server holds at once.",
        project="never",
    ),
    Setting("serve.queue", int, 256, "MLM_SERVE_QUEUE", "Calls that may wait for the model.", project="never"),
    Setting("serve.batch", int, 32, "MLM_SERVE_BATCH", "Calls that run together at most.", project="never"),
    Setting(
        "serve.children",
        int,
        1,
        "MLM_SERVE_CHILDREN",
        "Confined processes that hold the model; each runs a batch at a time.",
        project="never",
    ),
    Setting("serve.payer_calls", int, 64, "MLM_SERVE_PAYER_CALLS", "Calls of one payer at once.", project="never"),
    Setting(
        "serve.payer_rate",
        float,
        0.0,
        "MLM_SERVE_PAYER_RATE",
        "Calls of one payer a second, on average; 0: no bound.",
        project="never",
    ),
    Setting(
        "serve.drain",
        float,
        30.0,
        "MLM_SERVE_DRAIN",
        "Seconds that admitted calls have to end in when a server is stopped.",
        project="never",
    ),
    Setting(
        "serve.margin",
        int,
        600,
        "MLM_SERVE_MARGIN",
        "Seconds that a channel must still have: in the last ones before its expiry its vouchers are claimed.",
        project="never",
    ),
    Setting(
        "serve.claim",
        str,
        "10",
        "MLM_SERVE_CLAIM",
        "The least, in tokens, that a server claims of a channel before its expiry is near; 0: it does not.",
        project="never",
    ),
    Setting(
        "serve.contract_signers",
        bool,
        False,
        "MLM_SERVE_CONTRACT_SIGNERS",
        "Take vouchers that a contract signs (ERC-1271), which can change its mind before they are claimed.",
        project="never",
    ),
)
