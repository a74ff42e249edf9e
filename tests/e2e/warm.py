"""Commands that die (killer.py), each forked from a process that has loaded mlm (tests/forked.py), but AFRESH."""

from __future__ import annotations

from tests.command_line import Person, Ran

AFRESH = (3, "before")  # this kill, which every operation has, meets a process that loads everything itself


class Warm:
    """What a file of tests kills with."""

    def killed(self, person: Person, at: int, when: str, *arguments: str) -> Ran:
        """As `Person.killed`: in a forked process, but AFRESH."""
        if (at, when) == AFRESH:
            return person.killed_afresh(at, when, *arguments)
        return person.killed(at, when, *arguments)

    def close(self) -> None:
        """Nothing is held: the server of forked commands is the whole run's."""
