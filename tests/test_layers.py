"""The architecture as tests: who may import whom, how large things may grow, who may print, what loads lazily.

Rules that are only written down drift (STYLE). A new exception goes into a table here, with its reason.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.outcomes import LONGEST

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "mlm"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "_data" not in path.parts)
IDS = [str(path.relative_to(ROOT)) for path in FILES]

MAX_LINES = 400
MAX_PROTOCOL_METHODS = 7

# Layer -> layers of mlm that it may import. `config`, `setting` and `resources` are single modules.
MAY_IMPORT = {
    "core": {"core"},
    "ports": {"ports", "core"},
    "workflows": {"workflows", "ports", "core"},
    "adapters": {"adapters", "ports", "core", "resources"},
    "memory": {"memory", "ports", "core"},
    "config": {"core", "setting", "setting_rows"},
    "setting": {"core"},
    "setting_rows": {"setting"},
    "resources": {"core"},
    "cli": {"cli", "workflows", "ports", "core", "config", "resources"},
    # The door for programs, as cli is for people: the same settings and wiring, nothing printed.
    "client": {"cli", "workflows", "ports", "core"},
    "__main__": {"cli"},
    "__init__": set(),
}

# One file -> further layers it may import, and why.
ALSO = {
    "mlm/cli/wiring.py": ({"adapters"}, "the one place where adapters are chosen by the settings"),
    "mlm/cli/wiring_remotes.py": ({"adapters"}, "the half of wiring.py that is about remotes"),
    "mlm/cli/wiring_compute.py": ({"adapters"}, "the half of wiring.py that is about running and proving"),
    "mlm/cli/wiring_gateway.py": ({"adapters"}, "the part of wiring.py that is about a gateway"),
    "mlm/cli/wiring_serve.py": ({"adapters"}, "the half of wiring.py that is about serving models"),
    "mlm/cli/wiring_tee.py": ({"adapters"}, "the part of wiring.py that is about enclaves and attesters"),
    "mlm/cli/wiring_worker.py": ({"adapters"}, "the half of wiring.py that is about a worker's threads and strategy"),
    "mlm/cli/wiring_paying.py": ({"adapters"}, "the part of wiring.py that is about paying for calls of models"),
    "mlm/cli/doctor.py": ({"adapters"}, "it looks at what the adapters would use, also when none can be made"),
}

HEAVY = {"web3", "eth_account", "eth_abi", "eth_keys", "onnx", "onnxruntime", "ezkl", "duckdb", "numpy"}
HEAVY |= {
    "yaml",
    "license_expression",
    "model_signing",
    "cryptography",
    "mlcroissant",
    "dcap_qvl",
    "cbor2",
    "wasmtime",
    "ray",
}
HEAVY |= {"starlette", "uvicorn", "uvloop", "httptools", "cbor2"}

# File -> why it may import a heavy library at the top.
HEAVY_AT_TOP: dict[str, str] = {
    "mlm/adapters/attestation/vendor.py": "all of it is certificates; who wants simulated evidence imports it",
    "mlm/adapters/attestation/vendor_snp.py": "as vendor.py, which imports it for evidence of its kind",
    "mlm/adapters/attestation/vendor_nitro.py": "as vendor.py, which imports it for evidence of its kind",
    "mlm/adapters/attestation/certificates.py": "all of it is certificates; the child that verifies imports it",
    "mlm/adapters/attestation/snp.py": "the child that verifies such a report imports it, before it is sealed",
    "mlm/adapters/attestation/nitro.py": "the child that verifies such a document imports it, before it is sealed",
}

# File -> why it may print or read the environment outside the command line.
MAY_PRINT = {
    "mlm/adapters/system.py": "the progress bar of the System port goes to a terminal's stderr",
}

# File -> why it is longer than MAX_LINES.
LONG: dict[str, str] = {}

# What a third-party import is called -> the distribution in pyproject.toml that brings it.
BROUGHT_BY = {
    "dcap_qvl": "dcap-qvl",
    "eth_abi": "eth-abi",
    "Crypto": "pycryptodome",
    "sha3": "safe-pysha3",
    "ecies": "eciespy",
    "google": "onnx",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
    "license_expression": "license-expression",
    "model_signing": "model-signing",
    "cryptography": "pyOpenSSL",
    "OpenSSL": "pyOpenSSL",
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _layer(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def _imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[str, int]]:
    """Absolute module names imported by these nodes, with their lines. `from mlm import x` counts as mlm.x."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative imports hide the layer"
            if node.module == "mlm":
                yield from ((f"mlm.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield str(node.module), node.lineno


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def _is_main_guard(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'"


def _at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes that run when the module is imported: not inside a function, not under TYPE_CHECKING."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) or _is_type_checking(child):
            continue
        yield child
        yield from _at_import_time(child)


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_imports_go_inward(path: Path) -> None:
    allowed = MAY_IMPORT[_layer(path)] | ALSO.get(_name(path), (set(), ""))[0]
    wrong = []
    for module, line in _imports(ast.walk(_tree(path))):
        parts = module.split(".")
        if parts[0] == "mlm" and len(parts) > 1 and parts[1] not in allowed and parts[1] != "__version__":
            wrong.append(f"line {line}: {module}")
    assert not wrong, f"{_name(path)} may import only {sorted(allowed)} of mlm: {wrong}"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_heavy_libraries_are_imported_when_used(path: Path) -> None:
    if _name(path) in HEAVY_AT_TOP:
        return
    top = [
        f"line {line}: {name}" for name, line in _imports(_at_import_time(_tree(path))) if name.split(".")[0] in HEAVY
    ]
    assert not top, f"{_name(path)} imports at the top: {top}"


@pytest.mark.parametrize("path", [path for path in FILES if _layer(path) in ("core", "ports")], ids=_name)
def test_core_is_pure(path: Path) -> None:
    """Time, randomness, files and the network are arguments or ports."""
    impure = {
        "os",
        "time",
        "random",
        "secrets",
        "socket",
        "subprocess",
        "urllib",
        "http",
        "requests",
        "tempfile",
        "shutil",
    }
    used = [
        f"line {line}: {name}"
        for name, line in _imports(ast.walk(_tree(path)))
        if name.split(".")[0] in impure and name != "urllib.parse"  # which only takes text apart
    ]
    assert not used, f"{_name(path)}: {used}"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_third_party_imports_are_declared(path: Path) -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(item for extra in project["optional-dependencies"].values() for item in extra),
    ]
    declared = {item.split("[")[0].split(">")[0].split("<")[0].split(";")[0].strip() for item in wanted}
    missing = []
    for module, line in _imports(ast.walk(_tree(path))):
        top = module.split(".")[0]
        if top in sys.stdlib_module_names or top == "mlm" or BROUGHT_BY.get(top, top) in declared:
            continue
        missing.append(f"line {line}: {top}")
    assert not missing, f"{_name(path)} imports what pyproject.toml does not declare: {missing}"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_only_the_command_line_prints_or_reads_the_environment(path: Path) -> None:
    if _layer(path) in ("cli", "__main__") or _name(path) in MAY_PRINT:
        return
    tree, found = _tree(path), []
    # What stands under __main__ runs in a process of its own, never when mlm imports it.
    tree.body = [node for node in tree.body if not _is_main_guard(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "input", "os.getenv", "sys.exit"):
            found.append(f"line {node.lineno}: {ast.unparse(node.func)}()")
        elif isinstance(node, ast.Attribute) and ast.unparse(node) in (
            "os.environ",
            "sys.stdout",
            "sys.stderr",
            "sys.stdin",
            "sys.argv",
        ):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            found += [f"line {node.lineno}: {item.name}" for item in node.names if item.name in ("environ", "getenv")]
    assert not found, f"{_name(path)}: {found}"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_no_handler_swallows_everything(path: Path) -> None:
    found = []
    for node in ast.walk(_tree(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        silent = all(isinstance(item, ast.Pass) or ast.unparse(item) == "..." for item in node.body)
        broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
        if node.type is None or (broad and silent):
            found.append(f"line {node.lineno}: except {ast.unparse(node.type) if node.type else ''}")
    assert not found, f"{_name(path)}: {found}"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_files_stay_small(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= MAX_LINES or _name(path) in LONG, (
        f"{_name(path)}: {lines} lines, at most {MAX_LINES}: it is no longer one thing"
    )


def test_contracts_stay_small() -> None:
    vendored = {"Halo2Verifier.sol"}
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / "devnet" / "contracts").rglob("*.sol")
        if path.name not in vendored and (lines := len(path.read_text(encoding="utf-8").splitlines())) > MAX_LINES
    }
    assert not long, f"at most {MAX_LINES} lines: {long}"


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [item for item in node.body if isinstance(item, (ast.FunctionDef, ast.AsyncFunctionDef))]


def _protocols() -> dict[str, ast.ClassDef]:
    return {
        f"{_name(path)}:{node.name}": node
        for path in FILES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base).split("[")[0] == "Protocol" for base in node.bases)
    }


def test_protocols_stay_small() -> None:
    protocols = _protocols()
    assert protocols, "no Protocol was found: this test looks in the wrong place"
    large = {
        name: len(_methods(node)) for name, node in protocols.items() if len(_methods(node)) > MAX_PROTOCOL_METHODS
    }
    assert not large, f"at most {MAX_PROTOCOL_METHODS} methods: {large}"


SHORT = 6  # lines of a method whose name and types say it all


@cache
def _port_methods() -> set[str]:
    return {method.name for node in _protocols().values() for method in _methods(node)}


def test_the_files_that_run_first_are_there() -> None:
    assert not [name for name in LONGEST if not (ROOT / name).is_file()], "tests/outcomes.py: LONGEST"


@pytest.mark.parametrize("path", FILES, ids=IDS)
def test_public_functions_have_docstrings(path: Path) -> None:
    """Functions all; methods when they are longer than SHORT and no port describes them already."""
    tree, missing = _tree(path), []
    if not ast.get_docstring(tree) and path.name != "__init__.py":
        missing.append("the module")
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    functions: list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]] = [
        (node.name, node) for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]
    functions += [
        (f"{node.name}.{method.name}", method)
        for node in classes
        for method in _methods(node)
        if method.name not in _port_methods()
        and len(ast.unparse(method).splitlines()) > SHORT
        and "overload" not in [ast.unparse(item) for item in method.decorator_list]
    ]
    for name, function in functions:
        private = function.name.startswith("_")
        if not private and not ast.get_docstring(function):
            missing.append(f"line {function.lineno}: {name}")
    assert not missing, f"{_name(path)} lacks docstrings: {missing}"


@pytest.mark.parametrize(
    "table", [ALSO, HEAVY_AT_TOP, MAY_PRINT, LONG], ids=["ALSO", "HEAVY_AT_TOP", "MAY_PRINT", "LONG"]
)
def test_exceptions_are_not_stale(table: dict[str, object]) -> None:
    gone = [name for name in table if not (ROOT / name).is_file()]
    assert not gone
    if table is LONG:
        assert all(len((ROOT / name).read_text().splitlines()) > MAX_LINES for name in LONG)


LOADED = """
import sys
from mlm.cli.app import main
try:
    main(sys.argv[1:])
except SystemExit as stop:
    assert not stop.code, stop.code
heavy = {heavy!r} & set(sys.modules)
assert not heavy, f"loaded: {{sorted(heavy)}}"
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["version"], ["status"], ["status", "--json"], ["job", "--help"]], ids=" ".join
)
def test_light_commands_load_no_heavy_library(arguments: list[str], tmp_path: Path) -> None:
    def run(*words: str, check: str = "") -> None:
        code = LOADED.format(heavy=HEAVY) if check else "import sys; from mlm.cli.app import main; main(sys.argv[1:])"
        done = subprocess.run(
            [sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"mlm {' '.join(words)}: {done.stderr[-2000:]}{done.stdout[-500:]}"

    if arguments[0] == "status":
        run("init")
        (tmp_path / "a.txt").write_text("a")
    run(*arguments, check="heavy")
