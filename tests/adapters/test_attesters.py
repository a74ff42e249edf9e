"""How a provider asks an attester: servers that refuse, drip, flood, redirect or talk nonsense, an error each."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from mlm.adapters.attestation.vendor import FOREVER, FROM
from mlm.adapters.attester.client import HttpAttesters
from mlm.core import urls
from mlm.core.attest_asking import HEADER, Asking
from mlm.core.attest_request import PATH, AttestRequest, Signed
from mlm.core.attesting import Attestation
from mlm.core.errors import InvalidData, ServerFailed, UsageError, VerificationFailed
from tests.serving.test_client_http import answering, says

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "tee.json").read_text())
RESULT = VECTORS["results"][0]
SIGNED = Signed(Attestation.from_json(RESULT["attestation"]), bytes.fromhex(RESULT["signatures"][0][2:]))
ASKED = AttestRequest("0x" + "11" * 32, b"m" * 32, (b"c" * 32,), b"r" * 32, 0, 7, 5, True, b"quote", b"{}")
BODY = ASKED.to_json()
ASKING = Asking(ASKED.job_id, "0x" + "aa" * 20, "0x" + "bb" * 20, sha256(BODY).digest(), b"s" * 65)
GOOD = json.dumps(SIGNED.to_json()).encode()


def ask(answer: Callable[[socket.socket], None], timeout: float = 5.0) -> Signed:
    with answering(answer) as url:
        return HttpAttesters(timeout, private=True).attest(url.removesuffix("/v2/models/m"), ASKING, BODY)


def taken(connection: socket.socket) -> bytes:
    """A whole request, of which head and body come as they like. Closed with bytes unread, a socket resets."""
    said = b""
    while not said.endswith(BODY) and (more := connection.recv(1 << 16)):
        said += more
    return said


def test_an_answer_and_what_was_asked() -> None:
    seen: list[bytes] = []

    def answer(connection: socket.socket) -> None:
        seen.append(taken(connection))
        says("200 OK", GOOD)(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        host, port = listening.getsockname()
        assert HttpAttesters(5.0, private=True).attest(f"http://{host}:{port}/behind/a/proxy", ASKING, BODY) == SIGNED
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(f"POST /behind/a/proxy{PATH} HTTP/1.1".encode()) and b"application/json" in head
    (header,) = (line for line in head.decode().split("\r\n") if line.startswith(HEADER))
    assert Asking.from_header(header.partition(": ")[2]) == ASKING
    assert AttestRequest.from_json(body) == ASKED


@pytest.mark.parametrize("status", ["400 Bad Request", "404 Not Found", "409 Conflict", "413 Content Too Large"])
def test_a_refusal_is_told_in_its_words(status: str) -> None:
    body = json.dumps({"error": "the report data is another\x1b[2J", "code": "refused"}).encode()
    with pytest.raises(VerificationFailed, match="it refuses: the report data is another") as caught:
        ask(says(status, body))
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (says("500 Internal Server Error"), ServerFailed, "HTTP status 500"),
        (says("204 No Content"), ServerFailed, "HTTP status 204"),
        (says("301 Moved", b"", "Location: http://127.0.0.1:9/"), ServerFailed, "redirects"),
        (says("200 OK", b"not json"), InvalidData, "answer as JSON"),
        (says("200 OK", b"[" * 100_000), ServerFailed, "at most 16384"),
        (says("200 OK", b"[]"), InvalidData, "with the fields"),
        (says("200 OK", GOOD, length=len(GOOD) + 1), ServerFailed, "cut short|broke off"),
        (says("200 OK", GOOD.replace(b'"signature": "0x', b'"signature": "')), InvalidData, "signature of 65 bytes"),
        (lambda connection: None, ServerFailed, "cannot be reached"),
    ],
    ids=["500", "204", "redirect", "nonsense", "flood", "list", "short", "signature", "nothing"],
)
def test_an_answer_that_is_none(answer: Callable[[socket.socket], None], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        ask(answer)


def test_a_server_that_drips_has_its_time() -> None:
    def drips(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"[")
            time.sleep(0.1)

    with pytest.raises(ServerFailed, match="did not answer within"):
        ask(drips, timeout=0.5)


def test_an_attester_without_a_url_and_one_that_is_none() -> None:
    with pytest.raises(UsageError, match="no URL"):
        HttpAttesters().attest("", ASKING, BODY)
    with pytest.raises(UsageError):
        HttpAttesters().attest("ftp://127.0.0.1/", ASKING, BODY)


def resolving(monkeypatch: pytest.MonkeyPatch, name: str, *answers: list[str]) -> list[str]:
    """A resolver that knows one name, and says something else of it each time; what it was asked."""
    real, asked = socket.getaddrinfo, list[str]()

    def found(host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        if host != name:
            return real(host, port, *args, **options)
        asked.append(host)
        return [each for address in answers[len(asked) - 1] for each in real(address, port, *args, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return asked


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.7"]
)
def test_an_attesters_url_does_not_lead_into_ones_own_network(host: str) -> None:
    with answering(says("200 OK", GOOD)) as url:
        port = url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(ServerFailed, match="is not of the public internet; the setting tee.private_urls"):
            HttpAttesters(5.0).attest(f"http://{host}:{port}", ASKING, BODY)
    found = HttpAttesters().unasked(f"http://{host}:{port}")
    assert found and not urls.is_public(found)
    assert HttpAttesters(private=True).unasked(f"http://{host}:{port}") == ""


def test_a_name_that_leads_to_the_internet_or_nowhere_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    resolving(monkeypatch, "attester.example", ["192.0.32.8"], ["192.0.32.8", "10.0.0.7"], [])
    assert [HttpAttesters().unasked("https://attester.example") for _ in range(3)] == ["", "10.0.0.7", ""]
    with pytest.raises(UsageError, match="expected an http"):
        HttpAttesters(private=True).unasked("attester.example")


def test_a_name_of_which_one_address_is_private_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = resolving(monkeypatch, "attester.example", ["192.0.32.8", "10.0.0.7"])
    with pytest.raises(ServerFailed, match="its address 10.0.0.7 is not"):
        HttpAttesters(5.0).attest("http://attester.example", ASKING, BODY)
    assert asked == ["attester.example"]


def test_the_address_that_was_found_public_is_the_one_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is bound to another address right after it was looked up leads nowhere else."""
    monkeypatch.setattr(urls, "is_public", lambda address: address == "127.0.0.2")
    asked = resolving(monkeypatch, "attester.example", ["127.0.0.2"], ["127.0.0.1"])
    with socket.create_server(("127.0.0.2", 0)) as listening:

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                taken(connection)
                says("200 OK", GOOD)(connection)

        threading.Thread(target=serve, daemon=True).start()
        port = listening.getsockname()[1]
        assert HttpAttesters(5.0).attest(f"http://attester.example:{port}", ASKING, BODY) == SIGNED
    assert asked == ["attester.example"]


def test_a_server_with_tls_is_held_to_its_name_at_the_address_that_was_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path, "attester.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(urls, "is_public", lambda address: address == "127.0.0.2")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.2", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                    taken(secure)
                    says("200 OK", GOOD)(secure)

        threading.Thread(target=serve, daemon=True).start()
        port = listening.getsockname()[1]
        resolving(monkeypatch, "attester.example", ["127.0.0.2"])
        assert HttpAttesters(5.0).attest(f"https://attester.example:{port}", ASKING, BODY) == SIGNED
        resolving(monkeypatch, "other.example", ["127.0.0.2"])
        with pytest.raises(ServerFailed, match="certificate verify failed"):
            HttpAttesters(5.0).attest(f"https://other.example:{port}", ASKING, BODY)


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """A certificate of a host that is its own authority, and its key, in PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(named)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(FROM)
        .not_valid_after(FOREVER)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    (folder / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "certificate.pem", folder / "key.pem"
