"""The keys that stored words are encrypted with: one small file for each.

WARMLINE_KEY only wraps them. A person's words can no longer be read, by anybody and in any copy of
the database, once their key's file is destroyed. So these files are never in the database or in a
copy of it. docs/decisions/0020-a-key-for-each-person.md says why.
"""

import base64
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# A person's key has a random name. The program's own keys are named for what they do.
NAME = re.compile(r"[0-9a-f]{24}|house|index|seal")
# How long another gateway can still read words whose key we have destroyed.
REMEMBERED_SECONDS = 300
NONCE_BYTES = 12
# What a key's file begins with between its destruction and its removal.
DESTROYED = b"\0"


class NoKey(Exception):
    def __init__(self) -> None:
        super().__init__(
            "WARMLINE_KEY is missing. `make up` writes one into .env; "
            "keep it: nothing stored can be read without it."
        )


class BadKey(Exception):
    def __init__(self, setting: str = "WARMLINE_KEY") -> None:
        super().__init__(
            f"{setting} is not a key (44 characters, URL-safe base64). "
            "Make one with `warmline key` and keep it safe."
        )


class WrongKey(Exception):
    def __init__(self) -> None:
        super().__init__(
            "WARMLINE_KEY does not open the keys in KEY_FOLDER. Put back the key they were "
            "written with, or set WARMLINE_OLD_KEY to it while you change the key."
        )


class KeyGone(WrongKey):
    """The key of these words was destroyed, because they were erased."""


class Master:
    """WARMLINE_KEY. It encrypts nothing itself: for each purpose we derive another key."""

    def __init__(self, written: str, setting: str = "WARMLINE_KEY") -> None:
        if not written:
            raise NoKey
        try:
            secret = base64.b64decode(written.encode("ascii"), altchars=b"-_", validate=True)
        except ValueError as error:
            raise BadKey(setting) from error
        if len(secret) != 32:
            raise BadKey(setting)
        self.name = _derive(secret, "name")[:4].hex()
        self.wrap = AESGCM(_derive(secret, "wrap"))


def _derive(secret: bytes, purpose: str) -> bytes:
    info = f"warmline {purpose}".encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)


class KeyFolder:
    """A folder of wrapped keys that all gateways share.

    `old` is the former WARMLINE_KEY, which is accepted while `warmline rotate-key` changes it.
    """

    def __init__(self, folder: Path, master: Master, old: Master | None = None) -> None:
        self.folder = folder
        self._master = master
        self._masters = {one.name: one for one in (old, master) if one is not None}
        self._remembered: dict[str, tuple[float, bytes, AESGCM]] = {}

    def create(self, name: str | None = None) -> str:
        """A new key, on disk before this returns. An existing one of that name stays as it is."""
        name = name or secrets.token_hex(12)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = self.folder / f".{secrets.token_hex(8)}.new"
        _write(new, self._wrapped(name, AESGCM.generate_key(256)))
        try:
            # Unlike a rename, it fails if another gateway was first.
            os.link(new, self.folder / name)
        except FileExistsError:
            pass
        finally:
            new.unlink()
        _sync_folder(self.folder)
        return name

    def get(self, name: str) -> bytes:
        """Raises KeyGone when it was destroyed, WrongKey when WARMLINE_KEY does not open it."""
        return self._open(name)[1]

    def cipher(self, name: str) -> AESGCM:
        """As `get`."""
        return self._open(name)[2]

    def _open(self, name: str) -> tuple[float, bytes, AESGCM]:
        now = time.monotonic()
        known = self._remembered.get(name)
        if known is not None and now < known[0]:
            return known
        if not NAME.fullmatch(name):
            raise WrongKey
        try:
            secret = self._unwrapped(name, self._written(name))
        except KeyGone:
            self._remembered.pop(name, None)
            raise
        known = self._remembered[name] = (now + REMEMBERED_SECONDS, secret, AESGCM(secret))
        return known

    def get_or_create(self, name: str) -> bytes:
        try:
            return self.get(name)
        except KeyGone:
            return self.get(self.create(name))

    def destroy(self, name: str) -> None:
        """Overwrite and remove a key's file, and what a broken `rewrap` left of it. Does nothing
        when they are gone already.
        """
        for file in (self.folder / name, self._rewrapped(name)):
            with suppress(FileNotFoundError):
                overwrite(file)
                file.unlink()
                _sync_folder(self.folder)
        # Last, so that no other thread can read the file and remember the key again.
        self._remembered.pop(name, None)

    def has(self, name: str) -> bool:
        try:
            self._written(name)
        except KeyGone:
            return False
        return True

    def names(self) -> list[str]:
        return sorted(key_names(self.folder)) if self.folder.is_dir() else []

    def rewrap(self) -> Iterator[str]:
        """Wrap with WARMLINE_KEY every key that the former one wrapped. Can be stopped anywhere."""
        for name in self.names():
            with suppress(KeyGone):
                written = self._written(name)
                if written.partition(":")[0] != self._master.name:
                    self._rewrap(name, self._unwrapped(name, written))
                    yield name

    def _rewrap(self, name: str, secret: bytes) -> None:
        """Raises KeyGone when a gateway destroys the key meanwhile."""
        file, new = self.folder / name, self._rewrapped(name)
        _write(new, self._wrapped(name, secret), again=True)
        try:
            with file.open("r+b") as former:
                new.replace(file)
                destroyed = former.read(1) == DESTROYED
                _zero(former.fileno())
        except FileNotFoundError:
            destroyed = True
        if destroyed:
            self.destroy(name)
            raise KeyGone
        _sync_folder(self.folder)

    def _rewrapped(self, name: str) -> Path:
        return self.folder / f".{name}.new"

    def _written(self, name: str) -> str:
        """The file of a key. Raises KeyGone when it was destroyed, or is at this moment."""
        try:
            written = (self.folder / name).read_bytes()
        except FileNotFoundError:
            raise KeyGone from None
        if written.startswith(DESTROYED):
            raise KeyGone
        return written.decode("ascii")

    def _wrapped(self, name: str, secret: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealed = nonce + self._master.wrap.encrypt(nonce, secret, name.encode())
        return f"{self._master.name}:{base64.urlsafe_b64encode(sealed).decode()}".encode()

    def _unwrapped(self, name: str, written: str) -> bytes:
        by, _, token = written.partition(":")
        try:
            sealed = base64.urlsafe_b64decode(token)
            master = self._masters[by]
            return master.wrap.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], name.encode())
        except (KeyError, InvalidTag, ValueError) as error:
            raise WrongKey from error


def _write(file: Path, content: bytes, *, again: bool = False) -> None:
    how = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if again else os.O_EXCL)
    descriptor = os.open(file, how, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def key_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if NAME.fullmatch(file.name)}


def overwrite(file: Path) -> None:
    """Write zeros over a file's content, on disk before this returns."""
    with file.open("r+b") as opened:
        _zero(opened.fileno())


def _zero(descriptor: int) -> None:
    os.pwrite(descriptor, bytes(os.fstat(descriptor).st_size), 0)
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
