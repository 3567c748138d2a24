"""Names, numbers and words are encrypted before they reach the disk.

The key comes from WARMLINE_KEY, once, when a process starts. It lives here and not on a
session because a column type has nowhere else to look for it.
"""

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
    fernet: Fernet | None = None
    index_key: bytes = b""
    seal_key: bytes = b""


def use_key(key: str) -> None:
    """Encrypt and decrypt with `key` from now on.

    Raises:
        NoKey: `key` is empty.
        BadKey: `key` is not a Fernet key.
    """
    if not key:
        raise NoKey
    try:
        _Keyring.fernet = Fernet(key)
    except ValueError as error:
        raise BadKey from error
    # A second key, derived, so that an index never helps against the ciphertext.
    _Keyring.index_key = hmac.digest(key.encode(), b"warmline phone index", hashlib.sha256)
    _Keyring.seal_key = hmac.digest(key.encode(), b"warmline audit seal", hashlib.sha256)


def encrypt(words: str) -> str:
    """Raises NoKey when `use_key` was not called."""
    if _Keyring.fernet is None:
        raise NoKey
    # Lone surrogates come in with broken UTF-8; they are kept, not refused.
    return _Keyring.fernet.encrypt(words.encode("utf-8", "surrogatepass")).decode("ascii")


def decrypt(token: str) -> str:
    """Raises NoKey when `use_key` was not called, WrongKey when another key wrote `token`."""
    if _Keyring.fernet is None:
        raise NoKey
    try:
        return _Keyring.fernet.decrypt(token.encode("ascii")).decode("utf-8", "surrogatepass")
    except InvalidToken as error:
        raise WrongKey from error


def phone_index(phone: str) -> str:
    """A keyed fingerprint of an E.164 number: finds a person without showing the number."""
    if not _Keyring.index_key:
        raise NoKey
    return hmac.digest(_Keyring.index_key, phone.encode(), hashlib.sha256).hex()


def fingerprint(about: str, words: str) -> bytes:
    """32 bytes that tell nothing without the key: of a code of few digits, or of a row's number.

    `about` keeps one use apart from every other.
    """
    if not _Keyring.index_key:
        raise NoKey
    own_key = hmac.digest(_Keyring.index_key, about.encode(), hashlib.sha256)
    return hmac.digest(own_key, words.encode("utf-8", "replace"), hashlib.sha256)


def seal(words: str) -> str:
    """A keyed SHA-256 of `words`: who holds the database without the key cannot make one."""
    if not _Keyring.seal_key:
        raise NoKey
    return hmac.digest(_Keyring.seal_key, words.encode(), hashlib.sha256).hex()
