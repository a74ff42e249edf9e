"""What asks a command to end, and what is as before when it has ended."""

from __future__ import annotations

import signal

import pytest

from mlm.cli.stop import SIGNALS, Stop


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_asks_and_afterwards_means_what_it_meant(number: signal.Signals) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with Stop() as stopped:
        assert not stopped()
        signal.raise_signal(number)
        assert stopped()
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_second_one_ends_at_once() -> None:
    with Stop(), pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
