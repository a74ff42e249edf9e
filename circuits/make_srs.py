"""Write the devnet's structured reference strings k10.srs .. k13.srs, all over ONE secret, and srs.json.

A plain script, run once: `python circuits/make_srs.py OUT_DIR`. ezkl draws the largest file with a fresh local secret
(which it forgets); the smaller ones are derived from it, so that one pair of points (G2, -tau*G2) stands for all.

File layout (halo2 ParamsKZG, RawBytes): `u32 k | n points g | n points g_lagrange | g2 | s_g2` with n = 2^k;
little-endian, coordinates in Montgomery form (value * 2^256 mod p), 64 bytes for a G1 point and 128 for a G2 point.

Truncating g keeps [tau^j]G for j < n. The Lagrange basis of the smaller domain is an inverse FFT over the group:
    [L_i(tau)]G = (1/n) * sum_j w^(-ij) [tau^j]G,  w a primitive n-th root of unity in the scalar field.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

P = 21888242871839275222246405745257275088696311157297823662689037894645226208583  # base field of BN254
ORDER = 21888242871839275222246405745257275088548364400416034343698204186575808495617  # its scalar field
ROOT = 0x03DDB9F5166D18B798865EA93DD31F743215CF6DD39329C8D34F1ED960C37C9C  # order 2^28 (halo2curves, bn256::Fr)
UNMONT = pow(1 << 256, -1, P)
SIZES = (10, 11, 12, 13)

Point = tuple[int, int, int]  # Jacobian: x = X/Z^2, y = Y/Z^3; Z = 0 is the identity
ZERO: Point = (1, 1, 0)


def double(a: Point) -> Point:
    """2a on y^2 = x^3 + 3 (dbl-2009-l)."""
    x, y, z = a
    if not z:
        return a
    xx, yy = x * x % P, y * y % P
    s = 4 * x * yy % P
    m = 3 * xx
    x3 = (m * m - 2 * s) % P
    return x3, (m * (s - x3) - 8 * yy * yy) % P, 2 * y * z % P


def add(a: Point, b: Point) -> Point:
    """a + b, complete."""
    if not a[2]:
        return b
    if not b[2]:
        return a
    z1, z2 = a[2] * a[2] % P, b[2] * b[2] % P
    u1, u2 = a[0] * z2 % P, b[0] * z1 % P
    s1, s2 = a[1] * z2 * b[2] % P, b[1] * z1 * a[2] % P
    h, r = (u2 - u1) % P, (s2 - s1) % P
    if not h:
        return ZERO if r else double(a)
    hh = h * h % P
    hhh, v = h * hh % P, u1 * hh % P
    x3 = (r * r - hhh - 2 * v) % P
    return x3, (r * (v - x3) - s1 * hhh) % P, h * a[2] * b[2] % P


def negate(a: Point) -> Point:
    return a[0], -a[1] % P, a[2]


def multiply(a: Point, scalar: int) -> Point:
    """scalar * a with a signed window of 4 bits."""
    if scalar == 1:
        return a
    odd = [a]
    twice = double(a)
    for _ in range(3):
        odd.append(add(odd[-1], twice))
    digits = []
    while scalar:
        digit = 0
        if scalar & 1:
            digit = scalar & 15
            digit -= 16 * (digit >= 8)
            scalar -= digit
        digits.append(digit)
        scalar >>= 1
    out = ZERO
    for digit in reversed(digits):
        out = double(out)
        if digit:
            term = odd[abs(digit) >> 1]
            out = add(out, term if digit > 0 else negate(term))
    return out


def lagrange(g: list[Point], k: int) -> list[Point]:
    """The Lagrange basis of the 2^k domain from the monomial basis: an inverse FFT over the group."""
    n = 1 << k
    inverse_root = pow(pow(ROOT, 1 << (28 - k), ORDER), -1, ORDER)
    a = [g[int(f"{i:0{k}b}"[::-1], 2)] for i in range(n)]
    half = 1
    while half < n:
        step = pow(inverse_root, n // (2 * half), ORDER)
        twiddle = 1
        for offset in range(half):
            for start in range(offset, n, 2 * half):
                t = multiply(a[start + half], twiddle)
                a[start], a[start + half] = add(a[start], t), add(a[start], negate(t))
            twiddle = twiddle * step % ORDER
        half *= 2
    scale = pow(n, -1, ORDER)
    return [multiply(point, scale) for point in a]


def read_point(raw: bytes) -> Point:
    x, y = (int.from_bytes(raw[i : i + 32], "little") * UNMONT % P for i in (0, 32))
    if (y * y - x**3 - 3) % P:
        raise SystemExit("a point of the file is not on the curve: the encoding is not what this script assumes")
    return x, y, 1


def write_point(a: Point) -> bytes:
    inverse = pow(a[2], -1, P)
    x, y = a[0] * inverse**2 % P, a[1] * inverse**3 % P
    return b"".join(((value << 256) % P).to_bytes(32, "little") for value in (x, y))


def derive(big: bytes, k: int) -> bytes:
    """The SRS of 2^k rows over the secret of `big`."""
    g = [read_point(big[4 + 64 * i : 68 + 64 * i]) for i in range(1 << k)]
    basis = lagrange(g, k)
    # sum_i w^i L_i(X) = X on the domain, so this sum must be [tau]G: a check of root, direction and scale at once.
    w, power, total = pow(ROOT, 1 << (28 - k), ORDER), 1, ZERO
    for point in basis:
        total = add(total, multiply(point, power))
        power = power * w % ORDER
    if write_point(total) != write_point(g[1]):
        raise SystemExit(f"the derived Lagrange basis for k={k} does not open to [tau]G")
    return k.to_bytes(4, "little") + big[4 : 4 + (64 << k)] + b"".join(map(write_point, basis)) + big[-256:]


def words(srs: bytes) -> list[int]:
    """(G2, -tau*G2) as the eight words 16..23 of a verifying artefact: x imaginary, x real, y imaginary, y real."""
    c = [int.from_bytes(srs[i : i + 32], "little") * UNMONT % P for i in range(len(srs) - 256, len(srs), 32)]
    return [c[1], c[0], c[3], c[2], c[5], c[4], -c[7] % P, -c[6] % P]


def main(out: Path) -> None:
    import ezkl

    out.mkdir(parents=True, exist_ok=True)
    top = out / f"k{SIZES[-1]}.srs"
    ezkl.gen_srs(str(top), SIZES[-1])
    big = top.read_bytes()
    files = []
    for k in SIZES:
        raw = big if k == SIZES[-1] else derive(big, k)
        (out / f"k{k}.srs").write_bytes(raw)
        files.append({"k": k, "file": f"k{k}.srs", "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest()})
    table = {
        "format": "mlm/srs/1",
        "name": "devnet",
        "trust": "devnet only: the secret was generated on one machine and thrown away",
        "points": [f"0x{word:064x}" for word in words(big)],
        "files": files,
    }
    (out / "srs.json").write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
