"""Encryption and keyed hashes of names, telephone numbers, and message text."""

import base64
import hashlib
import hmac
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag

from models.encryption.keys import NONCE_BYTES, KeyFolder, Master, NoKey, WrongKey

# The key of what belongs to no person.
HOUSE = "house"


class _Keyring:
    """The keys of this process. They are global because a column type cannot see a session."""

    folder: KeyFolder | None = None


def use_key(key: str, folder: Path, *, old: str | None = None) -> None:
    """Open the keys in `folder` with WARMLINE_KEY, or with the `old` one while it is changed.

    Raises NoKey when `key` is empty, and BadKey when it is not a key.
    """
    former = Master(old, "WARMLINE_OLD_KEY") if old else None
    _Keyring.folder = KeyFolder(folder, Master(key), former)


def keys() -> KeyFolder:
    if _Keyring.folder is None:
        raise NoKey
    return _Keyring.folder


def encrypt(words: str, key: str = HOUSE) -> str:
    """`words` as they are stored: the name of their key, and the ciphertext."""
    if key == HOUSE:
        keys().get_or_create(key)
    nonce = os.urandom(NONCE_BYTES)
    # Broken UTF-8 can bring lone surrogates. We store them as they are.
    plain = words.encode("utf-8", "surrogatepass")
    sealed = nonce + keys().cipher(key).encrypt(nonce, plain, key.encode())
    return f"{key}:{base64.urlsafe_b64encode(sealed).decode()}"


def decrypt(stored: str) -> str:
    """Raises KeyGone when the words were erased, and WrongKey when they cannot be opened."""
    key, _, token = stored.partition(":")
    cipher = keys().cipher(key)
    try:
        sealed = base64.urlsafe_b64decode(token)
        plain = cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], key.encode())
    except (InvalidTag, ValueError) as error:
        raise WrongKey from error
    return plain.decode("utf-8", "surrogatepass")


def phone_index(phone: str) -> str:
    """A keyed hash of an E.164 number, to find a person without decrypting."""
    return hmac.digest(keys().get_or_create("index"), phone.encode(), hashlib.sha256).hex()


def fingerprint(about: str, words: str) -> bytes:
    """A keyed 32-byte hash, safe even for a code of few digits or a row number.

    `about` names the purpose: each purpose has a key of its own.
    """
    own_key = hmac.digest(keys().get_or_create("index"), about.encode(), hashlib.sha256)
    return hmac.digest(own_key, words.encode("utf-8", "replace"), hashlib.sha256)


def provider_hash(provider_id: str) -> str:
    """What stays of the provider's id of an erased text, to refuse the same text later."""
    return fingerprint("erased text", provider_id).hex()


def seal(words: str) -> str:
    """A keyed SHA-256, which no one can forge with the database alone."""
    return hmac.digest(keys().get_or_create("seal"), words.encode(), hashlib.sha256).hex()
