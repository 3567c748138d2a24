"""Copying the database and the keys, apart from each other, and putting them back.

The copy of the keys is replaced each time and holds only the keys of now, so that the words of
somebody who was erased cannot be read in any older copy of the data.
"""

import os
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa

from models.encryption.keys import NAME, key_names, overwrite

SQLITE_COPY, POSTGRES_COPY = "warmline.db", "warmline.dump"


class BackupFailed(Exception):
    """Says what is missing or wrong, and what to do."""


def back_up(database_url: str, keys: Path, *, data_to: Path, keys_to: Path) -> Path:
    """Copy the database into the folder `data_to` and the keys into `keys_to`. People can write
    meanwhile: the copy has the state of one moment. Returns the copy of the data.

    The keys are copied last, so that they open everything that the data holds.
    """
    url = sa.make_url(database_url)
    here = Path(url.database or "") if url.get_backend_name() == "sqlite" else None
    _check_folders(here, keys, data_to.resolve(), keys_to.resolve())
    data_to.mkdir(mode=0o700, parents=True, exist_ok=True)
    if here is not None:
        copy = data_to / SQLITE_COPY
        _copy_sqlite(here, copy)
    else:
        copy = data_to / POSTGRES_COPY
        _run(url, "pg_dump", "--format=custom", "--no-owner", f"--file={copy}.new")
        os.replace(f"{copy}.new", copy)
    _mirror(keys, keys_to)
    return copy


def restore(database_url: str, keys: Path, *, data_from: Path, keys_from: Path | None) -> None:
    """Replace the database with a copy. Without `keys_from` the keys stay as they are.

    Keys that are gone stay gone: what was erased after the copy was made cannot be read.
    """
    url = sa.make_url(database_url)
    if url.get_backend_name() == "sqlite":
        copy = data_from / SQLITE_COPY
        _find(copy)
        here = Path(url.database or "")
        here.parent.mkdir(parents=True, exist_ok=True)
        _copy_sqlite(copy, here)
    else:
        copy = data_from / POSTGRES_COPY
        _find(copy)
        options = ("--clean", "--if-exists", "--no-owner", "--single-transaction")
        _run(url, "pg_restore", *options, f"--dbname={url.database}", str(copy), named=False)
    if keys_from is not None:
        keys.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in key_names(keys_from):
            if not (keys / name).exists():
                _copy_key(keys_from / name, keys)


def _check_folders(database: Path | None, keys: Path, data_to: Path, keys_to: Path) -> None:
    if keys_to.is_relative_to(data_to):
        raise BackupFailed("Keep the keys apart from the data: choose another folder for them.")
    if database is not None and data_to == database.resolve().parent:
        raise BackupFailed(
            f"{data_to} is the folder of the database itself, and a copy would replace it. "
            "Choose another folder for the data."
        )
    if keys_to == keys.resolve():
        raise BackupFailed(
            f"{keys_to} is the folder of the keys themselves. Choose another folder for their copy."
        )


def _find(copy: Path) -> None:
    if not copy.is_file():
        raise BackupFailed(f"{copy} is not there. Name the folder that `warmline backup` wrote to.")


def _copy_sqlite(source: Path, target: Path) -> None:
    """SQLite's own online backup: it starts again by itself when somebody writes meanwhile."""
    new = target.with_name(f"{target.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o600))
    with closing(sqlite3.connect(source)) as here, closing(sqlite3.connect(new)) as there:
        here.backup(there)
    for rest in ("-wal", "-shm"):
        target.with_name(target.name + rest).unlink(missing_ok=True)
    os.replace(new, target)


def _mirror(keys: Path, keys_to: Path) -> None:
    """Copy every key, then destroy the copies of keys that are gone. Other files stay."""
    keys_to.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in key_names(keys):
        with suppress(FileNotFoundError):  # a gateway has just destroyed it
            _copy_key(keys / name, keys_to)
    present = key_names(keys)
    for file in keys_to.iterdir():
        name = file.name.removeprefix(".").removesuffix(".copy")
        unfinished = file.name != name  # a copy that broke off
        if NAME.fullmatch(name) and (unfinished or name not in present):
            overwrite(file)
            file.unlink()


def _copy_key(key: Path, folder: Path) -> None:
    content = key.read_bytes()
    new = folder / f".{key.name}.copy"
    new.touch(mode=0o600)
    new.write_bytes(content)
    os.replace(new, folder / key.name)


def _run(url: sa.URL, program: str, *options: str, named: bool = True) -> None:
    found = shutil.which(program)
    if found is None:
        raise BackupFailed(
            f"{program} is not installed on this machine. Install PostgreSQL's client programs "
            "(postgresql-client), of the server's version or newer."
        )
    # The password must not be visible in the list of processes.
    environment = {**os.environ, "PGPASSWORD": url.password or ""}
    where = {
        "--host": url.query.get("host") or url.host,
        "--port": url.port,
        "--username": url.username,
    }
    command = [found, *(f"{name}={value}" for name, value in where.items() if value), *options]
    if named:
        command.append(str(url.database))
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:]
        raise BackupFailed(f"{program} failed: {''.join(last) or 'it says nothing'}")
