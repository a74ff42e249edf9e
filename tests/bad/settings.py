"""What stands in mlm.toml, in the environment and on the command line."""

from __future__ import annotations

import os

from tests.bad.harness import Scene, bad, nothing

ASSET = '[asset]\nname = "x"\nversion = "1.0.0"\nkind = "dataset"\n'


@bad("mlm search", 2, "mlm.toml", "not valid TOML")
def toml_cut_short(scene: Scene) -> None:
    scene.project('[asset]\nname = "x')


@bad("mlm search", 2, "mlm.toml", "not valid TOML", "utf-8")
def toml_that_is_not_utf8(scene: Scene) -> None:
    scene.project()
    scene.write("mlm.toml", b'name = "\xff"')


@bad("mlm search", 2, "mlm.toml", "nest deeper than 32")
def toml_nested_without_end(scene: Scene) -> None:
    scene.project(f"a = {'[' * 100}{']' * 100}")


@bad("mlm search", 2, "cannot read the settings", "mlm.toml", "expected at most 1048576 bytes")
def toml_without_end(scene: Scene) -> None:
    scene.project()
    os.truncate(scene.folder / "mlm.toml", 1 << 33)


@bad("mlm search", 2, "cannot read the settings", "mlm.toml", "symbolic links")
def toml_that_is_a_link_to_itself(scene: Scene) -> None:
    scene.project()
    (scene.folder / "mlm.toml").unlink()
    (scene.folder / "mlm.toml").symlink_to("mlm.toml")


@bad("mlm search", 2, "cannot read the settings", "mlm.toml", "expected a regular file")
def pipe_in_place_of_toml(scene: Scene) -> None:
    scene.project()
    (scene.folder / "mlm.toml").unlink()
    os.mkfifo(scene.folder / "mlm.toml")


@bad("mlm search", 2, "cannot read the settings", "mlm.toml", "expected a regular file")
def folder_in_place_of_toml(scene: Scene) -> None:
    scene.project()
    (scene.folder / "mlm.toml").unlink()
    (scene.folder / "mlm.toml").mkdir()


@bad("mlm search", 2, "unknown key 'chain.timeouts'", hint="Did you mean 'chain.timeout'?")
def misspelt_setting(scene: Scene) -> None:
    scene.project(ASSET + "[chain]\ntimeouts = 3\n")


@bad("mlm search", 2, "chain.timeout must be float", "found '3'")
def setting_of_another_type(scene: Scene) -> None:
    scene.project(ASSET + '[chain]\ntimeout = "3"\n')


@bad("mlm search", 2, "chain.timeout must be a number from 0", "found -1.0")
def negative_wait(scene: Scene) -> None:
    scene.project(ASSET + "[chain]\ntimeout = -1\n")


@bad("mlm commit -m x", 2, "asset.kind", "expected one of model", "found 'movie'")
def unknown_kind_of_asset(scene: Scene) -> None:
    scene.project(ASSET.replace("dataset", "movie"))
    scene.write("a", "a")
    scene.person.do("add", "a", "mlm.toml")


@bad("mlm commit -m x", 2, "asset.version", "expected a SemVer version", "found '1.0'")
def version_that_is_none(scene: Scene) -> None:
    scene.project(ASSET.replace("1.0.0", "1.0"))
    scene.person.do("add", "mlm.toml")


@bad("mlm commit -m x", 2, "asset.licence", "expected AND, OR or WITH", "found '2'", hint="Apache-2.0")
def misspelt_licence(scene: Scene) -> None:
    scene.project(ASSET + 'licence = "Apache 2"\n')
    scene.person.do("add", "mlm.toml")


@bad("mlm commit -m x", 2, "model.file", "unsafe path '../m.onnx'")
def model_outside_the_project(scene: Scene) -> None:
    scene.project(ASSET.replace("dataset", "model") + '[model]\nfile = "../m.onnx"\n')
    scene.person.do("add", "mlm.toml")


@bad("mlm commit -m x", 2, "price.use", "-1", "expected")
def negative_price_in_toml(scene: Scene) -> None:
    scene.project(ASSET + '[price]\nuse = "-1"\n')
    scene.person.do("add", "mlm.toml")


@bad("mlm commit -m x", 2, "parents.asset", "expected", "alice/x")
def parent_without_a_version(scene: Scene) -> None:
    scene.project(ASSET + '[[parents]]\nasset = "alice/x"\n')
    scene.person.do("add", "mlm.toml")


@bad("mlm search", 2, "expected a network's name", "found 'Main Net'")
def network_with_an_impossible_name(scene: Scene) -> None:
    scene.project(ASSET + '[network."Main Net"]\nrpc = "http://x"\nchain_id = 1\ndeployment = "d"\n')


@bad("mlm search", 2, "password_file", "a project cannot set it", hint="MLM_PASSWORD_FILE")
def project_that_names_a_password_file(scene: Scene) -> None:
    scene.project('password_file = "/etc/passwd"\n' + ASSET)


@bad("mlm search", 2, "chain.max_fee_gwei: expected at most 50.0, found 51.0", hint="MLM_MAX_FEE_GWEI")
def project_that_raises_what_its_user_pays(scene: Scene) -> None:
    (scene.home / "config.toml").write_text("[chain]\nmax_fee_gwei = 50\n")
    scene.project(ASSET + "[chain]\nmax_fee_gwei = 51\n")


@bad("mlm commit -m x", 2, "rpc of [network.theirs]", "may be a key", hint="mlm network add theirs")
def key_in_what_is_published(scene: Scene) -> None:
    scene.project(ASSET + '[network.theirs]\nrpc = "https://h.example/v3/key"\nchain_id = 1\n')
    scene.person.do("add", "mlm.toml")


@bad("mlm network add theirs --rpc {url}", 12, "a network called theirs already", hint="mlm network use theirs")
def network_that_a_project_describes(scene: Scene) -> None:
    scene.words["url"] = scene.url
    scene.project(ASSET + '[network.theirs]\nrpc = "http://h"\nchain_id = 31337\ndeployment = "evil.json"\n')


@bad("mlm search", 2, "MLM_CHAIN_TIMEOUT", "must be float", "found 'soon'")
def word_in_place_of_a_number(scene: Scene) -> None:
    scene.env["MLM_CHAIN_TIMEOUT"] = "soon"


@bad("mlm search", 2, "MLM_MAX_FEE_GWEI", "must be a number from 0", "found nan")
def fee_that_is_no_number(scene: Scene) -> None:
    scene.env["MLM_MAX_FEE_GWEI"] = "nan"


@bad("mlm search", 2, "unknown environment variable MLM_CHAINTIMEOUT", hint="Did you mean MLM_CHAIN_TIMEOUT?")
def misspelt_variable(scene: Scene) -> None:
    scene.env["MLM_CHAINTIMEOUT"] = "3"


@bad("mlm search", 2, "MLM_HOME: expected a folder", "is a file")
def file_in_place_of_the_home(scene: Scene) -> None:
    scene.env["MLM_HOME"] = str(scene.write("home", "x"))


@bad("mlm run m.onnx x.npy", 2, "runner.provider must be one of auto, cuda, cpu", "found 'gpu'")
def unknown_execution_provider(scene: Scene) -> None:
    from tests.bad.models import IDENTITY, ONE

    scene.write("m.onnx", IDENTITY)
    scene.write("x.npy", ONE)
    scene.env["MLM_RUNNER"] = "gpu"


@bad("mlm search --network nowhere", 2, "no network is called 'nowhere'", hint="mlm network list")
def unknown_network(scene: Scene) -> None:
    nothing(scene)


@bad("mlm serach x", 2, "No such command 'serach'", "Did you mean 'search'", hint="--help")
def misspelt_command(scene: Scene) -> None:
    nothing(scene)


@bad("mlm job post alice/digits-mlp -i x.npy --max-prize 5", 2, "--max-prize", "--max-price", hint="--help")
def misspelt_option(scene: Scene) -> None:
    nothing(scene)


@bad("mlm run m.onnx", 2, "expected MODEL and INPUT", "found one of them", hint="mlm run --help")
def missing_argument(scene: Scene) -> None:
    nothing(scene)


@bad("mlm search --dry-run", 2, "--dry-run", hint="mlm search --help")
def dry_run_of_what_sends_nothing(scene: Scene) -> None:
    nothing(scene)


@bad("mlm log -C nowhere", 2, "-C: no such folder", "nowhere")
def working_folder_that_is_not_there(scene: Scene) -> None:
    nothing(scene)


@bad(r"mlm search $'\xff'", 2, "expected UTF-8", r"\xff")
def argument_that_is_not_utf8(scene: Scene) -> None:
    nothing(scene)


@bad(r"mlm run $'\xff.onnx' x.npy", 2, "expected UTF-8", r"\xff.onnx")
def file_name_that_is_not_utf8(scene: Scene) -> None:
    nothing(scene)


@bad("mlm search --page 0", 2, "--page", "greater than or equal to 1")
def page_zero(scene: Scene) -> None:
    nothing(scene)


@bad("mlm sql 'select 1; drop table blocks'", 2, "expected one statement that only reads")
def sql_that_writes(scene: Scene) -> None:
    scene.person.do("sync")


@bad("""mlm sql "select * from read_text('/etc/hostname')" """, 2, "disabled", hint="show tables")
def sql_that_reads_files(scene: Scene) -> None:
    scene.person.do("sync")


@bad("mlm sql 'selct 1'", 2, "syntax error", "selct", hint="show tables")
def sql_that_is_none(scene: Scene) -> None:
    scene.person.do("sync")
