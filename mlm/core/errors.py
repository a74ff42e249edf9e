"""The error tree. Every failure a user can meet is one of these; each family owns one exit code.

MlmError                 1   a check failed, or no better family fits
├── UsageError           2   the command line or mlm.toml is wrong
├── NotFound             3   an asset, job, commit, file or account that does not exist
├── InvalidData          4   bytes from outside that are not what they claim (model, CAR, manifest, proof)
├── StorageError         5   disk, lock or remote storage
├── ChainError           6   the node is dead, slow, on another chain, or answered nonsense
├── Reverted             7   a contract refused; carries the contract's own error and values
├── InsufficientFunds    8   balance, stake or credit too low
├── WalletError          9   keystore, password or unknown account
├── ToolMissing         10   an extra, npm or the engine is not installed
├── ProverError         11   proving, setup or compilation failed or passed its limits
├── StateConflict       12   the job, lease or repository is not in the state this needs
└── Interrupted        130   Ctrl-C
"""


class MlmError(Exception):
    """What happened, with expected and actual in the message; `hint` says what to do next.

    `code` is stable and machine-readable: it appears as `error.code` in `--json` output.
    """

    exit_code = 1
    code = "failed"
    hint = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        if hint:
            self.hint = hint


class VerificationFailed(MlmError):
    """A check that was asked for came out false."""

    code = "verification_failed"


class UsageError(MlmError):
    exit_code = 2
    code = "usage"


class NotFound(MlmError):
    exit_code = 3
    code = "not_found"


class InvalidData(MlmError):
    exit_code = 4
    code = "invalid_data"


class ModelStopped(InvalidData):
    """A model passed its limits of time or memory, or crashed the process that read it."""

    code = "model_stopped"


class StorageError(MlmError):
    exit_code = 5
    code = "storage"


class ServerFailed(StorageError):
    """A server of models is dead, slow, busy for too long, or answers what no honest one would."""

    code = "server"


class ChainError(MlmError):
    exit_code = 6
    code = "chain"


class Reverted(MlmError):
    """A contract refused. `name` is the contract's custom error, `values` its decoded arguments."""

    exit_code = 7
    code = "reverted"

    def __init__(self, name: str, values: "dict[str, object] | None" = None, *, hint: str = "") -> None:
        self.name = name
        self.values = values or {}
        shown = ", ".join(f"{key}={value}" for key, value in self.values.items())
        super().__init__(f"the contract refused: {name}({shown})", hint=hint)


class InsufficientFunds(MlmError):
    exit_code = 8
    code = "insufficient_funds"


class WalletError(MlmError):
    exit_code = 9
    code = "wallet"


class ToolMissing(MlmError):
    exit_code = 10
    code = "tool_missing"


class ProverError(MlmError):
    exit_code = 11
    code = "prover"


class ClusterLost(ProverError):
    """The machines that were to run or prove it are gone, or gave no answer: nothing is wrong with the model."""

    code = "cluster_lost"


class StateConflict(MlmError):
    exit_code = 12
    code = "state_conflict"


class NoResult(StateConflict):
    """A job that was waited for came to nothing; the message says how, and what came back."""

    code = "no_result"


class NotLicensed(StateConflict):
    """The asset is licensed, and the account has no key, or no licence that lets it do this."""

    code = "not_licensed"


class NotRedeemed(NotLicensed):
    """A per-use licence is held, and no unit of it was used up for this yet. `licence` and `purpose` say how to."""

    code = "not_redeemed"

    def __init__(self, message: str, licence: str, purpose: str) -> None:
        self.licence, self.purpose = licence, purpose
        super().__init__(
            message,
            hint=f"`mlm licence redeem {licence} --purpose {purpose}` uses one up; run, clone and download do it "
            "themselves with --redeem.",
        )


class Refused(StateConflict):
    """A rule of the market that a move would break. `name` is the error under which the contract refuses it too."""

    code = "refused"

    def __init__(self, name: str, expected: object, actual: object) -> None:
        self.name = name
        super().__init__(f"{name}: expected {expected}, found {actual}")


class Interrupted(MlmError):
    exit_code = 130
    code = "interrupted"
