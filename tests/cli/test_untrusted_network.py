"""A project from somebody else names a network: no real key signs for it before its owner has said so."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.command_line import Person

if TYPE_CHECKING:
    from tests.devnet_fixture import RunningDevnet


@pytest.fixture
def bob(devnet: RunningDevnet, tmp_path: Path) -> Person:
    """Somebody with an encrypted key, in a project that names a network of its own: the devnet by another name."""
    home, folder = tmp_path / "home", tmp_path / "cloned"
    (folder / ".mlm").mkdir(parents=True)
    (tmp_path / "password").write_text("secret\n")
    shutil.copy(devnet.local.home.deployment, folder / "deployment.json")
    (folder / "mlm.toml").write_text(
        '[asset]\nname = "x"\nversion = "1.0.0"\nkind = "dataset"\n'
        f'[network]\ndefault = "theirs"\n[network.theirs]\nrpc = "{devnet.url}"\nchain_id = 31337\n'
        'deployment = "deployment.json"\n'
    )
    person = Person("bob", folder, home, {"MLM_PASSWORD_FILE": str(tmp_path / "password")})
    outside = Person("", tmp_path, home, person.env)
    outside.do("wallet", "new", "bob")
    return person


def test_a_network_of_the_project_alone_is_not_signed_for(bob: Person) -> None:
    error = bob.refused(9, "handle", "claim", "bob")
    assert error["code"] == "wallet" and "theirs" in error["message"] and "mlm network use theirs" in error["hint"]
    assert bob.do("search")["assets"] is not None  # reading needs no trust


def test_it_is_signed_for_once_the_user_has_chosen_it(bob: Person) -> None:
    bob.do("network", "use", "theirs")
    error = bob.run("handle", "claim", "bob", "--json").error
    assert error["code"] == "insufficient_funds"  # it came as far as the fee


def test_a_node_that_was_changed_afterwards_is_asked_about_again(bob: Person) -> None:
    bob.do("network", "use", "theirs")
    file = bob.folder / "mlm.toml"
    file.write_text(file.read_text().replace("127.0.0.1", "localhost"))
    assert "trust" in bob.refused(9, "handle", "claim", "bob")["message"]


def test_contracts_that_were_changed_afterwards_are_asked_about_again(bob: Person) -> None:
    bob.do("network", "use", "theirs")
    file = bob.folder / "deployment.json"
    file.write_text(file.read_text() + "\n")
    assert "trust" in bob.refused(9, "handle", "claim", "bob")["message"]


def test_a_network_of_the_users_own_settings_needs_no_more(bob: Person) -> None:
    own = bob.home / "config.toml"
    project = (bob.folder / "mlm.toml").read_text()
    own.write_text(
        project[project.index("[network]") :].replace("deployment.json", str(bob.folder / "deployment.json"))
    )
    (bob.folder / "mlm.toml").unlink()
    assert bob.run("handle", "claim", "bob", "--json").error["code"] == "insufficient_funds"


def test_a_project_cannot_name_a_password_file(bob: Person) -> None:
    file = bob.folder / "mlm.toml"
    file.write_text('password_file = "/etc/hostname"\n' + file.read_text())
    assert "password_file" in Person("bob", bob.folder, bob.home).refused(2, "search")["message"]
