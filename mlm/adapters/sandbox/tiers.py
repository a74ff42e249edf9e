"""Which tier a child is confined by: what was asked for, and what this machine has."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

from mlm.adapters.sandbox import bubblewrap, landlock, seccomp
from mlm.core.errors import ToolMissing, UsageError

# From lax to strict: a project may only choose a later one.
SETTINGS = ("none", "auto", "landlock", "bubblewrap")
_LANDLOCK_HINT = "Linux 5.13 or newer has it, unless it was switched off (`lsm=` of the kernel's command line)."


@dataclass(frozen=True)
class Tier:
    """What confines a child: the program `bubblewrap` ("": none), Landlock of this ABI (0: none), seccomp.

    Limits of memory, time and file size hold in each.
    """

    name: str  # bubblewrap, landlock, seccomp or none
    bubblewrap: str = ""
    landlock: int = 0
    seccomp: bool = False


NONE = Tier("none")

# What code that takes a child over can still do, tier by tier; docs/sandbox.md is longer.
LEAVES = {
    "bubblewrap": "the kernel is shared, and so are CPU time and what its use gives away",
    "landlock": "as bubblewrap, and it can ask of any path whether it exists",
    "seccomp": "it can read and write every file that you can",
    "none": "it can do whatever you can; memory, time and the size of files are bounded",
}


def describe(tier: Tier) -> str:
    """What makes a tier up, and what it leaves."""
    parts = [tier.name] + (["Landlock"] if tier.bubblewrap and tier.landlock else [])
    parts += ["seccomp"] if tier.seccomp and tier.name != "seccomp" else []
    return f"{' + '.join(parts)}; what it does not stop: {LEAVES[tier.name]}"


def choose(setting: str = "auto") -> Tier:
    """The tier of a setting; `auto` takes the strictest that works here.

    Raises UsageError for no setting, ToolMissing for a tier that this machine does not have: nobody who asked for one
    is given less.
    """
    if setting not in SETTINGS:
        raise UsageError(f"runner.sandbox must be one of {', '.join(SETTINGS)}, found {setting!r}")
    if setting == "none":
        return NONE
    if sys.platform != "linux":
        if setting == "auto":
            return NONE
        raise ToolMissing(f"the sandbox {setting} was asked for, but only Linux has it", hint="Set runner.sandbox.")
    calls, files = seccomp.available(platform.machine()), landlock.abi()
    program, why = ("", "") if setting == "landlock" else bubblewrap.probe()
    if program:
        return Tier("bubblewrap", program, files, calls)
    if setting == "bubblewrap":
        raise ToolMissing(
            f"the sandbox bubblewrap was asked for, but {why}",
            hint="Install bubblewrap (Debian: `apt-get install bubblewrap`), or set runner.sandbox to auto.",
        )
    if files and calls:
        return Tier("landlock", "", files, calls)
    if setting == "landlock":
        lacks = "Landlock" if not files else f"seccomp for {platform.machine()}"
        raise ToolMissing(f"the sandbox landlock was asked for, but this kernel has no {lacks}", hint=_LANDLOCK_HINT)
    return Tier("seccomp", seccomp=True) if calls else NONE
