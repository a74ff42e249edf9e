"""What Git calls otherwise: for those whose fingers know it. A table of words, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

WORDS = {
    "switch": "`mlm checkout BRANCH` goes to a branch.",
    "reset": "`mlm restore --staged PATH` unstages; `mlm checkout -b NAME COMMIT` goes on from another commit.",
    "revert": "`mlm restore --source COMMIT PATH` brings files back; commit them.",
    "stash": "`mlm checkout -b NAME`, then commit: a branch keeps what is not done.",
    "cat-file": "`mlm show REF:PATH` shows a file of a commit, `mlm show REF` the commit.",
    "mv": "Move the file, then `mlm add .`: the content is stored once whatever it is called.",
    "config": "Settings stand in mlm.toml and MLM_HOME/config.toml: see mlm.toml.example.",
    "ls-files": "`mlm status` shows what differs, `mlm show` what the last commit holds.",
    "hash-object": "`mlm hash PATH` prints CIDs.",
    "blame": "`mlm log --path PATH` lists the commits that change a file.",
}


def translate(arguments: Sequence[str]) -> list[str]:
    """The command line as mlm has it: `--version` is a command here, and `help COMMAND` an option."""
    words = list(arguments)
    if words[:1] == ["--version"]:
        return ["version", *words[1:]]
    if words[:1] == ["help"]:
        return [*words[1:], "--help"]
    return words


def hint(arguments: Sequence[str]) -> str:
    """What else to type for options that Git has and mlm reads otherwise; empty where there is nothing to say."""
    if arguments[:1] == ["commit"] and any(word.startswith("-a") and "m" in word for word in arguments):
        return 'mlm commits what is staged: `mlm add .`, then `mlm commit -m "what changed"`.'
    return ""
