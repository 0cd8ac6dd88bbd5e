"""A fiscal export for the sample till: an Austrian DEP7 file with a signed chain of receipts.

Each receipt is a compact JWS (ES256) whose payload carries the sums by tax rate, the encrypted turnover counter and the
beginning of the hash of the receipt before it; the register is a closed system with a throw-away key.
Source of the format: the Austrian Registrierkassensicherheitsverordnung (RKSV), annex.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_HEADER = base64.urlsafe_b64encode(b'{"alg":"ES256"}').rstrip(b"=").decode()
_KEY_ID = "U:ATU00000000-K0"


@dataclass(frozen=True, slots=True)
class FiscalReceipt:
    """A receipt as the law wants it: sums in cents, by rate."""

    number: str
    time: str
    normal: int
    reduced: int


def write_export(folder: Path, register: str, receipts: Iterable[FiscalReceipt]) -> Path:
    """Write the export of *receipts* and the key container that belongs to it into *folder*; return the export."""
    signer = ec.generate_private_key(ec.SECP256R1())
    turnover_key = secrets.token_bytes(32)
    chain, turnover, signed = register, 0, []
    for receipt in [FiscalReceipt("0", "2026-01-02T08:00:00", 0, 0), *receipts]:
        turnover += receipt.normal + receipt.reduced
        payload = "_".join(
            [
                "",
                "R1-AT0",
                register,
                receipt.number,
                receipt.time,
                *(_euro(cents) for cents in (receipt.normal, receipt.reduced, 0, 0, 0)),
                _sealed_turnover(turnover_key, register, receipt.number, turnover),
                _KEY_ID,
                _base64(hashlib.sha256(chain.encode()).digest()[:8]),
            ]
        )
        chain = _signed(signer, payload)
        signed.append(chain)
    export = folder / "DEP7.json"
    group = {"Signaturzertifikat": "", "Zertifizierungsstellen": [], "Belege-kompakt": signed}
    export.write_text(json.dumps({"Belege-Gruppe": [group]}, indent=1), encoding="utf-8")
    _write_keys(folder / "DEP7-keys.json", signer, turnover_key)
    return export


def _write_keys(file: Path, signer: ec.EllipticCurvePrivateKey, turnover_key: bytes) -> None:
    """Write what a verifier needs: the public key and the key of the turnover counter."""
    public = signer.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    entry = {"id": _KEY_ID, "signatureDeviceType": "PUBLIC_KEY", "signatureCertificateOrPublicKey": _base64(public)}
    container = {"certificateOrPublicKeyMap": {_KEY_ID: entry}, "base64AESKey": _base64(turnover_key)}
    file.write_text(json.dumps(container, indent=1), encoding="utf-8")


def _signed(signer: ec.EllipticCurvePrivateKey, payload: str) -> str:
    body = f"{_HEADER}.{_base64url(payload.encode())}"
    r, s = decode_dss_signature(signer.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{body}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _sealed_turnover(key: bytes, register: str, number: str, cents: int) -> str:
    start = hashlib.sha256(f"{register}{number}".encode()).digest()[:16]
    cipher = Cipher(algorithms.AES(key), modes.CTR(start)).encryptor()
    return _base64(cipher.update(cents.to_bytes(8, "big", signed=True)) + cipher.finalize())


def _euro(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02}"


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
