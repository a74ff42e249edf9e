"""`mlm serve` before it serves: what it refuses to begin with, each with one line and the code of the table."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from mlm.resources import path as resource
from tests.command_line import Person

TEMPLATE = resource("templates") / "digits-mlp"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody without a chain."""
    return Person("", TEMPLATE, tmp_path)


def test_what_is_not_published_is_served_for_nothing_only(person: Person) -> None:
    error = person.refused(2, "serve", "model.onnx")
    assert "model.onnx is not published" in error["message"] and "--free" in error["hint"]


def test_free_has_no_price(person: Person) -> None:
    assert "exclude each other" in person.refused(2, "serve", "model.onnx", "--free", "--price", "1")["message"]


def test_a_name_stands_in_a_path(person: Person) -> None:
    assert "--name" in person.refused(2, "serve", "model.onnx", "--free", "--name", "../x")["message"]


def test_a_port_that_is_taken(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        error = person.refused(12, "serve", "model.onnx", "--free", "--port", port)
    assert f"cannot listen on 127.0.0.1 port {port}" in error["message"] and "--port" in error["hint"]


def test_an_address_of_another_machine(person: Person) -> None:
    assert "cannot listen" in person.refused(12, "serve", "model.onnx", "--free", "--host", "192.0.2.1")["message"]


def test_a_model_that_is_none(person: Person, tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes((TEMPLATE / "model.onnx").read_bytes()[:100])
    person.refused(4, "serve", str(tmp_path / "broken.onnx"), "--free")
    person.refused(3, "serve", "missing.onnx", "--free")
