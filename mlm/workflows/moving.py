"""Moving names of commits, and with a merge the working tree and the index; and what a merge that was cut has left."""

from __future__ import annotations

from functools import partial

from mlm.core.cid import Cid
from mlm.core.errors import StateConflict
from mlm.core.plan import Move, thawed
from mlm.ports.bundle import Ports
from mlm.ports.repo import HEAD, Repo
from mlm.ports.system import BYTES
from mlm.workflows.checkout import check_kept, switch
from mlm.workflows.journalled import Progress, ended, progress
from mlm.workflows.repository import commit_files, quiet, read_commit

MERGE = "merge"  # the operation's name
_LOOKED_AT = 50  # operations


def move(ports: Ports, step: Move) -> None:
    """Execute a Move step; one that was made already stays. Raises StateConflict when the name has moved elsewhere.

    Files and index come first, the name last: until then the same step goes on where a kill has cut it.
    """
    repo = ports.repo
    if commit_at(ports, step.ref) == step.after:
        return
    with repo.refs.hold():
        if commit_at(ports, step.ref) == step.before and _goes_along(repo, step) and step.after is not None:
            switch(repo, read_commit(repo, step.after), partial(ports.system.progress, unit=BYTES))
        repo.refs.set(step.ref, step.after, step.before)


def check_move(ports: Ports, step: Move) -> None:
    """Raise StateConflict where `move` would overwrite changes of the user's own."""
    repo = ports.repo
    if step.before is not None and step.after is not None and _goes_along(repo, step):
        old, new = (commit_files(repo, read_commit(repo, cid)) for cid in (step.before, step.after))
        check_kept(repo, repo.index.load(), old, new)


def put_back(ports: Ports, step: Move) -> None:
    """Bring back what a Move step that was cut before its name moved has done to files and index."""
    repo = ports.repo
    with repo.refs.hold():
        here = commit_at(ports, step.ref)
        if here is not None and here == step.before and step.after is not None and _goes_along(repo, step):
            switch(repo, read_commit(repo, here), quiet, read_commit(repo, step.after))


def commit_at(ports: Ports, ref: str) -> Cid | None:
    """The commit that a branch, or a HEAD without one, stands for."""
    if ref != HEAD:
        return ports.repo.refs.all().get(ref)
    head = ports.repo.refs.head()
    return head.commit if head.branch is None else None


def current_ref(repo: Repo) -> str:
    """The name that the next commit moves: the branch that is checked out, or HEAD."""
    branch = repo.refs.head().branch
    return HEAD if branch is None else f"heads/{branch}"


def check_no_merge(ports: Ports) -> None:
    """Raise StateConflict while files and index may be those of a merge that was cut before it was recorded.

    A commit of them would lack the merge's second parent.
    """
    for summary in ports.journal.operations(_LOOKED_AT):
        op = summary["op"]
        if summary["operation"] != MERGE:
            continue
        known = progress(ports.journal.entries(op))
        for number, record in enumerate(summary["params"]["steps"]):
            step, found = thawed(record), known.get(number, Progress())
            if not isinstance(step, Move):
                continue
            undoing = found.undoing and not found.cancelled
            if undoing or (not ended(summary["outcome"]) and commit_at(ports, step.ref) == step.before):
                going_on = "" if undoing else f"`mlm op resume {op}` completes it, "
                raise StateConflict(
                    f"the merge {op} was cut off before it was recorded",
                    hint=f"{going_on}`mlm op undo {op}` gives it up.",
                )


def _goes_along(repo: Repo, step: Move) -> bool:
    return step.tree and step.ref == current_ref(repo)
