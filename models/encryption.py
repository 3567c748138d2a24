"""Encryption and keyed hashes of names, telephone numbers, and message text."""

import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken


class NoKey(Exception):
    def __init__(self) -> None:
        super().__init__(
            "WARMLINE_KEY is missing. `make up` writes one into .env; "
            "keep it, for without it nothing stored can be read."
        )


class WrongKey(Exception):
    def __init__(self) -> None:
        super().__init__(
            "WARMLINE_KEY does not open what this database holds. "
            "Put back the key it was written with, or use another DATABASE_URL."
        )


class BadKey(Exception):
    def __init__(self) -> None:
        super().__init__(
            "WARMLINE_KEY is not a Fernet key (44 characters, URL-safe base64). "
            "Make one with `warmline key` and keep it safe."
        )


class _Keyring:
    """The keys of this process. They are global because a column type cannot see a session."""

    fernet: Fernet | None = None
    index_key: bytes = b""
    seal_key: bytes = b""


def use_key(key: str) -> None:
    """Raises NoKey when `key` is empty, and BadKey when it is not a Fernet key."""
    if not key:
        raise NoKey
    try:
        _Keyring.fernet = Fernet(key)
    except ValueError as error:
        raise BadKey from error
    # Derived keys, so that an index reveals nothing about the encryption key.
    _Keyring.index_key = hmac.digest(key.encode(), b"warmline phone index", hashlib.sha256)
    _Keyring.seal_key = hmac.digest(key.encode(), b"warmline audit seal", hashlib.sha256)


def encrypt(words: str) -> str:
    if _Keyring.fernet is None:
        raise NoKey
    # Broken UTF-8 can bring lone surrogates. We store them as they are.
    return _Keyring.fernet.encrypt(words.encode("utf-8", "surrogatepass")).decode("ascii")


def decrypt(token: str) -> str:
    """Raises WrongKey when another key wrote `token`."""
    if _Keyring.fernet is None:
        raise NoKey
    try:
        return _Keyring.fernet.decrypt(token.encode("ascii")).decode("utf-8", "surrogatepass")
    except InvalidToken as error:
        raise WrongKey from error


def phone_index(phone: str) -> str:
    """A keyed hash of an E.164 number, to find a person without decrypting."""
    if not _Keyring.index_key:
        raise NoKey
    return hmac.digest(_Keyring.index_key, phone.encode(), hashlib.sha256).hex()


def fingerprint(about: str, words: str) -> bytes:
    """A keyed 32-byte hash, safe even for a code of few digits or a row number.

    `about` names the purpose: each purpose has a key of its own.
    """
    if not _Keyring.index_key:
        raise NoKey
    own_key = hmac.digest(_Keyring.index_key, about.encode(), hashlib.sha256)
    return hmac.digest(own_key, words.encode("utf-8", "replace"), hashlib.sha256)


def seal(words: str) -> str:
    """A keyed SHA-256, which no one can forge with the database alone."""
    if not _Keyring.seal_key:
        raise NoKey
    return hmac.digest(_Keyring.seal_key, words.encode(), hashlib.sha256).hex()
