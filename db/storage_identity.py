"""Which storage belongs to this database."""

from db.pool import Transaction

KNOWN = "SELECT instance_id FROM storage_identity"

REMEMBER = "INSERT INTO storage_identity (instance_id) VALUES (%s) ON CONFLICT DO NOTHING"

HAS_VIDEOS = "SELECT EXISTS (SELECT FROM videos) AS found"


async def known(tx: Transaction) -> str | None:
    """The instance id of the storage; None when none was ever seen."""
    row = await tx.fetch_one(KNOWN)
    return str(row.instance_id) if row else None


async def remember(tx: Transaction, instance_id: str) -> None:
    """The first one stays."""
    await tx.execute(REMEMBER, (instance_id,))


async def has_videos(tx: Transaction) -> bool:
    """Deleted ones included."""
    row = await tx.fetch_one(HAS_VIDEOS)
    return bool(row and row.found)
