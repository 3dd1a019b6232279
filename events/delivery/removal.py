"""Deletion of a webhook with all that waits for it, in rounds where that may be millions of events.

At most `MOST_WAITING` wait to be sent; only those that were given up may be more.
"""

from db.delivery import deliveries, webhooks
from db.pool import Database

ROWS_AT_ONCE = 5000


async def delete_webhook(database: Database, webhook_id: str) -> None:
    """Repeated, it goes on where it was killed. Raises: DatabaseError."""
    while await _delete_given_up(database, webhook_id):
        pass
    async with database.transaction() as transaction:
        await webhooks.delete(transaction, webhook_id)


async def _delete_given_up(database: Database, webhook_id: str) -> int:
    async with database.transaction() as transaction:
        return await deliveries.delete_given_up(transaction, webhook_id, ROWS_AT_ONCE)
