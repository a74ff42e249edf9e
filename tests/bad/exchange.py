"""Remotes and clones: names that are none, servers of others, projects that aim elsewhere, folders in the way."""

from __future__ import annotations

from collections.abc import Callable

from mlm.core.cid import DAG_CBOR, Cid
from tests.bad.harness import Scene, bad, nothing
from tests.bad.settings import ASSET
from tests.exchange import servers

CID = Cid.of(DAG_CBOR, b"\xa0")
KEY = "https://user:KEY@remote.example"
CLONE = "mlm clone alice/digits-mlp work"


def _remote(scene: Scene, answer: servers.Answer, kind: str = "gateway", **more: str) -> None:
    """The only remote is a server that does this, in one second."""
    server = scene.enter(servers.serve(answer))
    scene.words["url"] = server.url
    lines = "".join(f'{key} = "{value}"\n' for key, value in {"url": server.url, "kind": kind, **more}.items())
    (scene.home / "config.toml").write_text(f"[remote.theirs]\n{lines}")
    scene.env |= {"MLM_REMOTE": "theirs", "MLM_REMOTE_TIMEOUT": "1"}


def _committed(scene: Scene) -> None:
    scene.project(ASSET, commit=True)


@bad("mlm remote add X ../y", 2, "expected a remote's name of a-z, 0-9 and -", "found 'X'")
def remote_of_a_bad_name(scene: Scene) -> None:
    nothing(scene)


@bad("mlm remote add timeout ../y", 2, "expected a remote's name other than", "found 'timeout'")
def remote_called_as_a_setting(scene: Scene) -> None:
    nothing(scene)


@bad("mlm remote add x ftp://example.org", 2, "expected a folder or an http(s) URL", "found 'ftp'")
def remote_of_another_protocol(scene: Scene) -> None:
    nothing(scene)


@bad("mlm remote add x https://:80", 2, "expected an http(s) URL with a host", "found none")
def remote_without_a_host(scene: Scene) -> None:
    nothing(scene)


@bad("mlm remote add x https://gw.example --kind folder", 2, "kind must be one of http, kubo", "found 'folder'")
def url_as_a_folder(scene: Scene) -> None:
    nothing(scene)


@bad("mlm remote add x ../y --kind s3", 2, "kind must be one of folder", "found 's3'")
def remote_of_an_unknown_kind(scene: Scene) -> None:
    nothing(scene)


@bad("mlm remote add theirs https://b.example", 12, "a remote called theirs already", hint="mlm remote remove theirs")
def remote_of_a_name_that_is_taken(scene: Scene) -> None:
    (scene.home / "config.toml").write_text('[remote.theirs]\nurl = "https://a.example"\n')


@bad("mlm remote remove nothing", 3, "no remote is called 'nothing'", hint="mlm remote list")
def remote_that_is_not_in_the_settings(scene: Scene) -> None:
    nothing(scene)


@bad("mlm push main nothing", 3, "no remote is called 'nothing'", "there are: devnet", hint="mlm remote add")
def push_to_a_remote_that_is_not_there(scene: Scene) -> None:
    _committed(scene)


@bad("mlm remote list", 2, "[remote.x]", "a project cannot name a token, found token_env", hint="config.toml")
def project_that_names_a_token(scene: Scene) -> None:
    scene.project(f'{ASSET}[remote.x]\nurl = "https://evil.example"\nkind = "pinning"\ntoken_env = "AWS_SECRET"\n')


@bad("mlm commit -m x", 2, "url of [remote.x]", "found more, which may be a key", hint="mlm remote add x URL")
def key_that_would_be_published(scene: Scene) -> None:
    scene.project(f'{ASSET}[remote.x]\nurl = "https://web.example/key-123"\n')
    scene.person.do("add", ".")


@bad("mlm remote list", 2, "[remote.theirs] is set otherwise already", hint="another name")
def project_that_re_aims_a_remote(scene: Scene) -> None:
    (scene.home / "config.toml").write_text('[remote.theirs]\nurl = "https://mine.example"\n')
    scene.project(f'{ASSET}[remote.theirs]\nurl = "https://evil.example"\n')


@bad(
    "mlm push",
    2,
    "names the remote evil, https://evil.example",
    "not said that you trust it",
    hint="mlm remote add evil",
)
def project_that_has_its_user_push_elsewhere(scene: Scene) -> None:
    _committed(scene)
    scene.write("mlm.toml", f'remote.default = "evil"\n{ASSET}[remote.evil]\nurl = "https://evil.example"\n')


@bad("mlm push", 2, "names the remote public", "{url}", "trust it as the default here", hint="mlm remote add public")
def project_that_re_aims_pushes_among_the_users_own_remotes(scene: Scene) -> None:
    server = scene.enter(servers.serve(servers.failing))
    scene.words["url"] = server.url
    public = f'[remote.public]\nurl = "{server.url}"\nkind = "kubo"\n'
    (scene.home / "config.toml").write_text(f'{public}[remote.origin]\nurl = "../private"\n')
    scene.person.do("remote", "add", "public", server.url, "--kind", "kubo")
    _committed(scene)
    scene.write("mlm.toml", f'remote.default = "public"\n{ASSET}{public}')


@bad("mlm push", 2, "not said that you trust it", hint="add evil '/tmp/x; touch y' --kind folder")
def project_that_would_have_its_user_paste_a_command(scene: Scene) -> None:
    _committed(scene)
    scene.write("mlm.toml", f'remote.default = "evil"\n{ASSET}[remote.evil]\nurl = "/tmp/x; touch y"\n')


@bad("mlm push", 2, "names the remote evil, https://evil.example;", hint="`mlm remote add evil URL` with the URL that")
def project_whose_url_may_hold_a_key(scene: Scene) -> None:
    _committed(scene)
    scene.write("mlm.toml", f'remote.default = "evil"\n{ASSET}[remote.evil]\nurl = "https://evil.example/$(x)"\n')


def _url_default(file: str) -> Callable[[Scene], None]:
    def make(scene: Scene) -> None:
        _committed(scene)
        if file == "MLM_REMOTE":
            scene.env[file] = KEY
        elif file == "config.toml":
            (scene.home / file).write_text(f'[remote]\ndefault = "{KEY}"\n')
        else:
            scene.write(file, f'remote = "{KEY}"\n{ASSET}')

    make.__name__ = f"url_with_a_key_as_the_default_in_{file}"
    return make


for _file in ("MLM_REMOTE", "config.toml", "mlm.toml"):
    bad(
        "mlm push",
        2,
        _file,
        "remote.default: expected a remote's name, or a folder, found a URL",
        hint="remote add NAME",
    )(_url_default(_file))


@bad("mlm commit -m x", 2, "remote.default", "found a URL", hint="mlm remote add NAME URL")
def default_with_a_key_that_would_be_published(scene: Scene) -> None:
    scene.project(f'remote = "{KEY}"\n{ASSET}')


@bad("mlm push", 2, "expected an asset of access open", "is compute-only", "nothing is encrypted", hint="--unencrypted")
def push_of_what_is_not_open(scene: Scene) -> None:
    scene.project(f'{ASSET}[access]\nmode = "compute-only"\n', commit=True)
    # Nor by way of a later commit that is open.
    scene.write("mlm.toml", ASSET)
    scene.person.do("add", ".")
    scene.person.do("commit", "-m", "open")


@bad("mlm push", 2, "names the remote default", "/tmp/shared", "not said that you trust it", hint="MLM_REMOTE")
def project_that_has_its_user_push_into_a_folder(scene: Scene) -> None:
    _committed(scene)
    scene.write("mlm.toml", f'remote = "/tmp/shared"\n{ASSET}')


@bad(CLONE, 2, "mlm.toml", "remote.max_gb", "expected at most 100.0", "found 1000")
def project_that_lets_everything_in(scene: Scene) -> None:
    scene.project(f"{ASSET}[remote]\nmax_gb = 1000\n")


@bad("mlm push", 5, "the remote theirs ({url})", "cannot be reached")
def push_to_a_dead_node(scene: Scene) -> None:
    _remote(scene, servers.broken, "kubo")
    _committed(scene)


@bad("mlm push", 5, "theirs", "a gateway, takes no blocks", hint="mlm remote list")
def push_to_a_gateway(scene: Scene) -> None:
    _remote(scene, servers.lying)
    _committed(scene)


@bad("mlm push", 5, "the remote theirs ({url})", "HTTP status 500: internal error")
def push_to_a_node_that_fails(scene: Scene) -> None:
    _remote(scene, servers.failing, "kubo")
    _committed(scene)


@bad("mlm push", 2, "the token of the remote theirs in NO_SUCH_TOKEN", "found nothing")
def token_that_is_not_set(scene: Scene) -> None:
    _remote(scene, servers.failing, "pinning", token_env="NO_SUCH_TOKEN")
    _committed(scene)


@bad("mlm push", 12, "no commit yet", hint="mlm commit")
def push_of_nothing(scene: Scene) -> None:
    scene.project(ASSET)


@bad("mlm fetch", 2, "theirs is a gateway remote, which keeps no branches", hint="mlm clone CID")
def fetch_from_a_gateway(scene: Scene) -> None:
    _remote(scene, servers.lying)
    _committed(scene)


@bad("mlm fetch", 3, "no remote at theirs ({url})", "mlm-remote")
def fetch_from_a_server_that_has_no_remote(scene: Scene) -> None:
    _remote(scene, servers.files(scene.folder), "http")
    _committed(scene)


@bad("mlm pull", 3, "has no branch main", hint="mlm push main")
def pull_of_a_branch_that_nobody_pushed(scene: Scene) -> None:
    scene.env["MLM_REMOTE"] = str(scene.root / "remote")
    _committed(scene)


@bad("mlm clone nobody/nothing", 3, "no published version matches nobody/nothing", hint="mlm search")
def clone_of_nothing_published(scene: Scene) -> None:
    nothing(scene)


@bad(CLONE, 4, "the remote theirs ({url}) lies", "is damaged")
def clone_from_a_lying_gateway(scene: Scene) -> None:
    _remote(scene, servers.lying)


@bad(CLONE, 5, "the remote theirs ({url})", "redirects to http://169.254.169.254", "follows no redirect")
def clone_from_a_gateway_that_redirects_inside(scene: Scene) -> None:
    _remote(scene, servers.redirecting)


@bad(CLONE, 5, "the remote theirs ({url}) did not answer within 1 s", hint="remote.timeout")
def clone_from_a_gateway_that_drips(scene: Scene) -> None:
    _remote(scene, servers.dripping)


@bad(CLONE, 5, "the remote theirs ({url})", "expected at most 2097152")
def clone_from_a_gateway_that_never_ends(scene: Scene) -> None:
    _remote(scene, servers.endless)


@bad(CLONE, 5, "the remote theirs ({url}) answered in gzip", "expected the bytes themselves")
def clone_from_a_gateway_that_zips(scene: Scene) -> None:
    _remote(scene, servers.zipped)


@bad(CLONE, 12, "expected an empty folder", "holds files", hint="another folder")
def clone_into_a_folder_of_somebodys(scene: Scene) -> None:
    scene.write("work/mine.txt", "mine")


@bad("mlm download alice/digits-mlp -o work", 4, "expected at most 1000 bytes, digits-mlp@", hint="remote.max_gb")
def download_of_more_than_allowed(scene: Scene) -> None:
    scene.env["MLM_REMOTE_MAX_GB"] = "0.000001"


@bad(f"mlm clone {CID} work", 3, "holds no block", str(CID))
def clone_of_a_cid_that_nobody_has(scene: Scene) -> None:
    scene.env["MLM_REMOTE"] = str(scene.root / "nothing")


@bad("mlm clone digits --from nothing", 3, "no remote is called 'nothing'")
def clone_from_a_remote_that_is_not_there(scene: Scene) -> None:
    nothing(scene)


@bad("mlm clone ../digits --from devnet", 2, "expected a repository's name", "found '../digits'")
def clone_of_a_repository_that_climbs_out(scene: Scene) -> None:
    nothing(scene)


@bad("mlm pull", 2, "is on chain 1, this network is 31337", hint="--network")
def clone_of_another_chain(scene: Scene) -> None:
    _committed(scene)
    (scene.folder / ".mlm" / "origin").write_text("mlm://1/alice/digits-mlp\n")


@bad("mlm fetch", 4, ".mlm/origin is damaged", "expected an asset")
def origin_of_noise(scene: Scene) -> None:
    _committed(scene)
    (scene.folder / ".mlm" / "origin").write_text("mlm://31337/../..\n")
