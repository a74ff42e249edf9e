"""A program that pays for calls until it is killed: `python paying_driver.py URL CHANNEL CALLS ANSWERS`.

It appends the number of each call that was answered rightly to ANSWERS, and skips those that stand there.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mlm.client import Client
from mlm.resources import path as resource

SAMPLE = np.load(resource("templates") / "digits-mlp" / "samples" / "digit.npy")


def image(number: int) -> np.ndarray:
    """An input for each call of its own."""
    return (SAMPLE + np.float32(number)).astype(np.float32)


def main() -> None:
    """Pay for what is not answered yet, from four threads."""
    url, channel, calls, answers = sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    done = {int(line) for line in answers.read_text().split()} if answers.exists() else set()
    with (
        Client(url, max_price="0.2", channel=channel, concurrent=4, timeout=30) as client,
        ThreadPoolExecutor(4) as pool,
        answers.open("a", buffering=1) as file,
    ):
        print("ready", flush=True)

        def call(number: int) -> None:
            client.infer({"image": image(number)})
            file.write(f"{number}\n")

        list(pool.map(call, [number for number in range(calls) if number not in done]))


if __name__ == "__main__":
    main()
