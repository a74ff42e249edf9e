"""Which addresses are of the public internet: a URL of somebody else's leads nowhere else."""

from __future__ import annotations

import pytest

from mlm.core.urls import is_public


@pytest.mark.parametrize("address", ["8.8.8.8", "192.0.32.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.9.9.9", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.169.254",
        "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "2002:a00:1::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1", "2001:0:7f00:1::1", "::7f00:1", "", "localhost", "127.1", "0x7f000001",
    ],
)  # fmt: skip
def test_private(address: str) -> None:
    assert not is_public(address)
