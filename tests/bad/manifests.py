"""What an author writes about an asset, what its files claim, and signatures: wrong, or made to do harm."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

from mlm.core import dagcbor
from mlm.core.cid import DAG_CBOR, DAG_PB, RAW, Cid
from mlm.core.errors import VerificationFailed
from mlm.core.manifest import FORMAT_1, Manifest
from tests.bad.harness import Scene, bad
from tests.bad.repositories import SHOW, _manifest, _plant
from tests.bad.settings import ASSET
from tests.ports.test_signatures import pem

FALSE = VerificationFailed.code
COMMIT = "mlm commit -m first"
LICENSED = ASSET + 'licence = "CC-BY-4.0"\n'


def _staged(scene: Scene, toml: str, **files: bytes | str) -> None:
    """A project with these files staged; `__` in a name stands for a dot."""
    scene.project(toml)
    for name, content in files.items():
        scene.write(name.replace("__", "."), content)
    scene.person.do("add", ".")


@bad(COMMIT, 2, "asset.licence in mlm.toml", "'Apache 2.0'", hint="Did you mean Apache-2.0?")
def licence_by_its_name(scene: Scene) -> None:
    _staged(scene, ASSET + 'licence = "Apache 2.0"\n')


@bad(COMMIT, 2, "expected licences that SPDX lists", "'WTF-1.0'", hint="mlm spdx")
def licence_that_nobody_lists(scene: Scene) -> None:
    _staged(scene, ASSET + 'licence = "WTF-1.0"\n')


@bad(COMMIT, 4, "README.md", "license: mit", "mlm.toml says CC-BY-4.0", hint="Mend the one that is wrong")
def card_that_contradicts_mlm_toml(scene: Scene) -> None:
    _staged(scene, LICENSED, README__md="---\nlicense: mit\n---\n")


@bad(COMMIT, 4, "README.md", "anchors and aliases", "line 3")
def card_that_is_a_bomb(scene: Scene) -> None:
    levels = "".join(f"l{n}: &l{n} [{', '.join(['*l' + str(n - 1)] * 9)}]\n" for n in range(1, 9))
    _staged(scene, ASSET, README__md=f"---\nlicense: apache-2.0\nl0: &l0 [lol]\n{levels}---\n")


@bad(COMMIT, 4, "README.md", "no YAML tags", "python/object")
def card_that_makes_objects(scene: Scene) -> None:
    _staged(scene, ASSET, README__md='---\na: !!python/object/apply:os.system ["touch owned"]\n---\n')


@bad(COMMIT, 4, "README.md", "at most 16 deep")
def card_nested_without_end(scene: Scene) -> None:
    _staged(scene, ASSET, README__md="---\na: " + "[" * 10_000 + "\n---\n")


@bad(COMMIT, 4, "data.csv", "expected a file of csv", hint="files = […] under [dataset]")
def table_that_is_none(scene: Scene) -> None:
    _staged(scene, ASSET, data__csv=b"\xff\xfe\x00" * 100)


@bad(COMMIT, 12, "dataset.files in mlm.toml is 'gone.csv'", "not staged")
def table_that_is_not_there(scene: Scene) -> None:
    _staged(scene, ASSET + '[dataset]\nfiles = ["gone.csv"]\n')


@bad(COMMIT, 4, "w.safetensors", "expected a safetensors header of at most", "found 9223372036854775807")
def safetensors_whose_header_has_no_end(scene: Scene) -> None:
    _staged(scene, ASSET, w__safetensors=struct.pack("<Q", (1 << 63) - 1) + b"{}")


@bad(COMMIT, 4, "about.json", "'../../etc/passwd'", "unsafe path")
def croissant_that_climbs_out(scene: Scene) -> None:
    _croissant(scene, [{"@type": "cr:FileObject", "@id": "a", "contentUrl": "../../etc/passwd"}])


@bad(COMMIT, 4, "about.json", "'gone.csv'", "not among the asset's files")
def croissant_of_a_file_that_is_not_there(scene: Scene) -> None:
    _croissant(scene, [{"@type": "cr:FileObject", "@id": "a", "contentUrl": "gone.csv"}])


@bad(COMMIT, 4, "about.json", "a Croissant document is JSON", "found")
def croissant_that_is_no_json(scene: Scene) -> None:
    _staged(scene, ASSET + '[dataset]\ncroissant = "about.json"\n', about__json="{'name': 1}")


def _croissant(scene: Scene, distribution: list[Any]) -> None:
    document = {
        "@context": {},
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "x",
        "distribution": distribution,
    }
    _staged(scene, ASSET + '[dataset]\ncroissant = "about.json"\n', about__json=json.dumps(document))


@bad("mlm show --croissant", 3, "x@1.0.0 has no Croissant description")
def no_croissant(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm show --croissant {cid}", 4, "a Croissant document is JSON")
def croissant_of_noise(scene: Scene) -> None:
    """A manifest of somebody else's, whose block is anything."""
    noise = b"\xff" * 100
    empty = Cid.of(DAG_PB, b"\n\x02\x08\x01")
    value: Any = dagcbor.decode(Manifest("dataset", "x", "1.0.0", empty, 0, 0, "MIT").to_block()[1])
    value["dataset"] = {"tables": [], "croissant": Cid.of(RAW, noise)}
    _plant(scene, noise, RAW)
    block = dagcbor.encode(value)
    scene.words["cid"] = str(Cid.of(DAG_CBOR, block))
    from mlm.adapters.blocks.packs import PackStore

    PackStore(scene.folder / ".mlm" / "objects").put([(Cid.of(DAG_CBOR, block), block)])


@bad("mlm publish --handle bob", 2, "expected an asset of access open or licensed to publish, found compute-only")
def dataset_that_must_not_leave(scene: Scene) -> None:
    scene.project(ASSET + '[access]\nmode = "compute-only"\n', commit=True)


@bad("mlm publish --handle bob", 2, "expected a history of access open", "is compute-only")
def publishing_what_was_not_open_once(scene: Scene) -> None:
    scene.project(ASSET + '[access]\nmode = "compute-only"\n', commit=True)
    scene.write("mlm.toml", ASSET)
    scene.person.do("add", ".")
    scene.person.do("commit", "-m", "open")


@bad(SHOW, 4, "'access' of the manifest", "open", "'licensed'")
def manifest_of_format_1_with_a_word_of_2(scene: Scene) -> None:
    _manifest(scene, lambda value: value.update(access="licensed", format=FORMAT_1))


@bad(SHOW, 4, "unexpected field")
def manifest_of_format_2_that_calls_itself_1(scene: Scene) -> None:
    _manifest(scene, lambda value: value.update(format=FORMAT_1))


@bad(SHOW, 4, "'executable' of the manifest names 'run.sh'", "not among its files")
def executable_that_is_not_there(scene: Scene) -> None:
    _manifest(scene, lambda value: (_one_file(value), value["files"].update(executable=["run.sh"])))


@bad(SHOW, 4, "in their order")
def executable_twice(scene: Scene) -> None:
    _manifest(scene, lambda value: (_one_file(value), value["files"].update(executable=["a", "a"])))


def _one_file(value: dict[str, Any]) -> None:
    value["files"].update(list={"a": [Cid.of(RAW, b""), 0]}, count=1)


@bad(SHOW, 4, "a model card's values nest at most 16 deep")
def manifest_with_a_card_without_end(scene: Scene) -> None:
    deep: Any = []
    for _ in range(40):
        deep = [deep]
    _manifest(scene, lambda value: value.update(card={"a": deep}))


@bad(SHOW, 4, "expected a URL of https, http, ipfs", "'javascript://x'")
def manifest_whose_terms_are_a_script(scene: Scene) -> None:
    _manifest(scene, lambda value: value.update(terms="javascript://x"))


@bad(SHOW, 4, "names the column 'a' twice")
def table_with_a_column_twice(scene: Scene) -> None:
    table = {"file": "a", "format": "csv", "columns": [["a", "BIGINT"], ["a", "BIGINT"]], "rows": 1}
    _manifest(scene, lambda value: value.update(dataset={"tables": [table], "croissant": None}))


SIGN = "mlm sign --key {key} -o out/model.sig"
CHECK = "mlm verify HEAD --signature model.sig --public-key {key}"


def _signed(scene: Scene) -> dict[str, Any]:
    """A commit with a signature by alice beside the project; the signature's bundle."""
    scene.project(ASSET, commit=True)
    pem(scene.folder, "alice")
    scene.person.do("sign", "--key", "alice.key", "-o", "model.sig")
    scene.words["key"] = "alice.pub"
    found: dict[str, Any] = json.loads((scene.folder / "model.sig").read_bytes())
    return found


@bad(SIGN, 2, "expected an elliptic-curve key of P-256, P-384 or P-521 in PEM", "found secp256k1", hint="openssl")
def signing_with_an_ethereum_key(scene: Scene) -> None:
    scene.project(ASSET, commit=True)
    pem(scene.folder, "eth", "SECP256K1")
    scene.words["key"] = "eth.key"


@bad(SIGN, 2, "expected an elliptic-curve key", "found no private key", hint="openssl")
def signing_with_a_public_key(scene: Scene) -> None:
    _signed(scene)


@bad(SIGN, 3, "no such key", "gone.key")
def signing_with_a_key_that_is_not_there(scene: Scene) -> None:
    scene.project(ASSET, commit=True)
    scene.words["key"] = "gone.key"


@bad(SIGN, 9, "the password of safe.key", "nobody can be asked", hint="--password-file")
def signing_with_a_locked_key_and_nobody_to_ask(scene: Scene) -> None:
    scene.project(ASSET, commit=True)
    pem(scene.folder, "safe", password=b"secret")
    scene.words["key"] = "safe.key"


@bad(CHECK, 1, "every file is signed as it is", "data.txt", "expected 0x", "found 0x", error=FALSE)
def signature_of_another_commit(scene: Scene) -> None:
    _signed(scene)
    scene.write("data.txt", "tampered")
    scene.person.do("add", "data.txt")
    scene.person.do("commit", "-m", "second")


@bad(CHECK, 1, "the signature does not verify", "Key mismatch", error=FALSE)
def signature_of_another_key(scene: Scene) -> None:
    _signed(scene)
    pem(scene.folder, "mallory")
    scene.words["key"] = "mallory.pub"


@bad(CHECK, 1, "the signature is not true", error=FALSE)
def signature_with_another_digest(scene: Scene) -> None:
    bundle = _signed(scene)
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b'"digest": "', b'"digest": "00', 1)
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    scene.write("model.sig", json.dumps(bundle))


@bad(CHECK, 4, "expected a sigstore bundle with a model's signature")
def signature_cut_short(scene: Scene) -> None:
    _signed(scene)
    scene.write("model.sig", (scene.folder / "model.sig").read_bytes()[:200])


@bad(CHECK, 4, "expected a sigstore bundle with a model's signature")
def signature_of_noise(scene: Scene) -> None:
    _signed(scene)
    scene.write("model.sig", b"\xff" * 1000)


@bad(CHECK, 2, "expected the public half", "found no public key")
def signature_checked_with_a_private_key(scene: Scene) -> None:
    _signed(scene)
    scene.words["key"] = "alice.key"


@bad("mlm verify HEAD --signature model.sig", 2, "--signature FILE and --public-key FILE go together")
def signature_without_a_key(scene: Scene) -> None:
    _signed(scene)


@bad("mlm spdx nosuchlicence", 3, "no licence is known by 'nosuchlicence'", hint="LicenseRef-NAME")
def licence_that_is_not_known(scene: Scene) -> None:
    pass
