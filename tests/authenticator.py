"""A passkey device in a few lines, for tests that need no browser: it makes keys and signs."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Device:
    """One device at one site. `counts` as hardware keys do; what syncs between devices does not.

    `verifies`: it asks for a finger, face, or PIN.
    """

    origin: str = "https://warmline.example"
    site: str = "warmline.example"
    counts: bool = True
    count: int = 0
    handle: str = ""
    verifies: bool = True
    id: bytes = field(default_factory=lambda: secrets.token_bytes(20))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def makes(self, options: dict[str, Any]) -> str:
        self.handle = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        public = {
            1: 2,
            3: -7,
            -1: 1,
            -2: numbers.x.to_bytes(32, "big"),
            -3: numbers.y.to_bytes(32, "big"),
        }
        flags = PRESENT | ATTESTED | (VERIFIED if self.verifies else 0)
        credential = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        data = self._data(flags) + credential
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client = self._client("webauthn.create", options)
        return self._answer(clientDataJSON=client, attestationObject=attestation)

    def signs(self, options: dict[str, Any]) -> str:
        if self.counts:
            self.count += 1
        data = self._data(PRESENT | (VERIFIED if self.verifies else 0))
        client = self._client("webauthn.get", options)
        signed = data + hashlib.sha256(client).digest()
        return self._answer(
            clientDataJSON=client,
            authenticatorData=data,
            signature=self.key.sign(signed, ec.ECDSA(hashes.SHA256())),
            userHandle=base64url_to_bytes(self.handle),
        )

    def _data(self, flags: int) -> bytes:
        site = hashlib.sha256(self.site.encode()).digest()
        return site + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps(said).encode()

    def _answer(self, **response: bytes) -> str:
        own_id = bytes_to_base64url(self.id)
        written = {part: bytes_to_base64url(value) for part, value in response.items()}
        return json.dumps(
            {"id": own_id, "rawId": own_id, "type": "public-key", "response": written}
        )
