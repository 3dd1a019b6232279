"""Pairing of a database with its storage: each records the other's id and refuses any other.

They are paired once, when both are new. From then on an empty mount, another storage, another
database, or a copy of the database running beside the original is refused; uploads and removals of
files check this first. Only an operator can pair others, by `adopt`.
"""

import logging
from contextlib import suppress

from db.pool import Database
from db.upkeep import storage_identity
from db.upkeep.storage_identity import KnownStorage
from events.errors import ForeignStorage
from storage.disk import SHARED_DISK, Disk
from storage.errors import (
    StorageError,
    StorageFull,
    StorageGone,
    StorageReadOnly,
    wrap_os_errors,
)
from storage.identity import (
    Owner,
    StorageIdentity,
    claim,
    replace_owner,
    replace_unlocked_owner,
    write_marker,
)
from storage.paths import StoragePaths

logger = logging.getLogger(__name__)

HOW_TO_ADOPT = (
    "`run_server.py adopt-storage` lets this database have it: it shows what is in the storage and"
    " deletes nothing"
)
NOT_THERE = (
    "{root} is not the storage of this database (it has no marker): is it mounted, and is"
    " COURSESTREAM_STORAGE_PATH right? If it is, {how}"
)
UNMET = "{root} is not known to this database: {how}"
UNKNOWN = "{root} holds files that this database does not know: {how}"
ANOTHER = (
    "{root} is another storage than the one of this database: is COURSESTREAM_STORAGE_PATH right?"
    " If it is, {how}"
)
OTHERS = (
    "{root} belongs to another database: are COURSESTREAM_DATABASE_URL, COURSESTREAM_DATA_DIR and"
    " COURSESTREAM_STORAGE_PATH right? If they are, {how}"
)
COPY = (
    "{root} is in use by a server with another copy of this database: stop that one first, or give"
    " this one a storage of its own"
)


async def pair(database: Database, storage: StoragePaths, *, may_make: bool = True) -> StoragePaths:
    """Returns the storage bound to its identity. Call it at start, before anything else.

    Creates a new storage for a new database if `may_make`. Idempotent.
    Raises: ForeignStorage, StorageError, DatabaseError.
    """
    storage = await SHARED_DISK.run(StoragePaths, storage.root)  # bound to nothing yet
    # Read the storage first: it is claimed after its row is written, so a claim without a row is
    # another database's.
    before = await SHARED_DISK.run(_identity_if_any, storage)
    is_used = await SHARED_DISK.run(storage.holds_anything)
    known = await storage_identity.read_known(database)
    is_first_meeting = known is None
    if is_first_meeting:
        _refuse_to_meet(storage, before, is_used=is_used)
    if before is None and not is_first_meeting:  # perhaps both were made between the two looks
        before = await SHARED_DISK.run(_identity_if_any, storage)
    if before is None and not (is_first_meeting and may_make):
        raise _refusal(NOT_THERE, storage)
    known, identity = await _introduce(database, storage, known)
    try:
        await _require(storage, known, identity)
    except ForeignStorage:
        if is_first_meeting:
            await _forget_if_others(database, known, identity)
        raise
    return await SHARED_DISK.run(storage.belonging_to, identity)


async def require_pair(database: Database, storage: StoragePaths, disk: Disk = SHARED_DISK) -> None:
    """Checks both sides anew. Raises: ForeignStorage, StorageGone, DatabaseError."""
    identity = await disk.run(_check, storage)
    known = await storage_identity.read_known(database)
    fault = _fault(known, identity) if known else (OTHERS if identity.owner else UNMET)
    if fault is not None:
        raise _refusal(fault, storage)


async def adopt(database: Database, storage: StoragePaths) -> None:
    """Pairs the two exclusively; files stay as they are.

    If they are paired already and only a marker file is lost, running servers are not disturbed.
    Raises: StorageError, DatabaseError.
    """
    storage = await SHARED_DISK.run(StoragePaths, storage.root)  # bound to nothing
    known = await storage_identity.read_known(database)
    storage_id = await SHARED_DISK.run(_ensure_marker, storage, known.storage_id if known else None)
    owner = await SHARED_DISK.run(_owner_if_readable, storage)
    is_own = known is not None and known.storage_id == storage_id
    if known is not None and owner is not None and not _is_owner(known, owner):
        is_own = False
    async with database.transaction() as transaction:
        introduce = storage_identity.record if is_own else storage_identity.adopt
        known = await introduce(transaction, storage_id)
    if owner != _owner_of(known):
        await SHARED_DISK.run(replace_owner, storage.owner, _owner_of(known))
    await SHARED_DISK.run(storage.prepare)


def _refuse_to_meet(storage: StoragePaths, found: StorageIdentity | None, *, is_used: bool) -> None:
    """Raises: ForeignStorage unless the storage is as new as the database."""
    if found is not None and found.owner is not None:
        raise _refusal(OTHERS, storage)
    if is_used:
        raise _refusal(UNKNOWN, storage)


async def _introduce(
    database: Database, storage: StoragePaths, known: KnownStorage | None
) -> tuple[KnownStorage, StorageIdentity]:
    """Lets both sides record the other; returns what each has recorded."""
    identity = await SHARED_DISK.run(_prepare, storage)
    is_unclaimed = identity.owner is None
    if known is None or (is_unclaimed and known.storage_id == identity.storage_id):
        async with database.transaction() as transaction:
            known = await storage_identity.record(transaction, identity.storage_id)
        if known.storage_id == identity.storage_id:
            with suppress(StorageFull, StorageReadOnly):  # its content can be watched all the same
                await SHARED_DISK.run(claim, storage.owner, _owner_of(known))
        identity = await SHARED_DISK.run(storage.identity)
    return known, identity


async def _require(storage: StoragePaths, known: KnownStorage, identity: StorageIdentity) -> None:
    """Raises: ForeignStorage. A copied database takes over from an original that is not running."""
    fault = _fault(known, identity)
    if fault == COPY and await SHARED_DISK.run(
        replace_unlocked_owner, storage.owner, _owner_of(known)
    ):
        logger.warning("this database was copied; %s belongs to this copy now", storage.root)
        return
    if fault is not None:
        raise _refusal(fault, storage)


async def _forget_if_others(
    database: Database, known: KnownStorage, identity: StorageIdentity
) -> None:
    """Undoes the pairing of the later of two databases that met a new storage at once."""
    if known.database_id is not None and _fault(known, identity) == OTHERS:
        async with database.transaction() as transaction:
            await storage_identity.forget(transaction, known.database_id)


def _fault(known: KnownStorage, found: StorageIdentity) -> str | None:
    if found.storage_id != known.storage_id:
        return ANOTHER
    if found.owner is None:
        return None
    if found.owner.database_id != known.database_id:
        return OTHERS
    return None if _is_owner(known, found.owner) else COPY


def _is_owner(known: KnownStorage, owner: Owner) -> bool:
    clusters = {known.cluster_id, owner.cluster_id} - {""}
    return owner.database_id == known.database_id and len(clusters) < 2


def _owner_of(known: KnownStorage) -> Owner:
    assert known.database_id is not None
    return Owner(known.database_id, known.cluster_id)


def _refusal(fault: str, storage: StoragePaths) -> ForeignStorage:
    return ForeignStorage(fault.format(root=storage.root, how=HOW_TO_ADOPT))


def _check(storage: StoragePaths) -> StorageIdentity:
    storage.check()
    return storage.identity()


def _prepare(storage: StoragePaths) -> StorageIdentity:
    storage.prepare()
    return storage.identity()


def _identity_if_any(storage: StoragePaths) -> StorageIdentity | None:
    """Raises: StorageGone if there is an identity that cannot be read."""
    try:
        return storage.identity()
    except StorageGone:
        with wrap_os_errors():
            if storage.marker.exists():
                raise
    return None


def _owner_if_readable(storage: StoragePaths) -> Owner | None:
    """Returns None for a damaged owner file, which is then replaced."""
    with suppress(StorageError):
        return storage.identity().owner
    return None


def _ensure_marker(storage: StoragePaths, storage_id: str | None) -> str:
    """Returns the marker's id, making a lost marker: with a new id for an empty directory, so that
    the real storage, mounted again, is not taken for it."""
    with wrap_os_errors():
        if not storage.marker.exists():
            storage.root.mkdir(parents=True, exist_ok=True)
            write_marker(storage.marker, storage_id if storage.holds_anything() else None)
        return storage.marker.read_text("ascii").strip()
