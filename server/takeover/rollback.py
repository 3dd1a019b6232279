"""`import-s3 --rollback`: modules show their lectures in S3 again; nothing is removed."""

import asyncio

from db.pool import open_database
from events.takeover.switch_source import switch_source
from server.takeover.options import ImportOptions


def roll_back(dsn: str, options: ImportOptions) -> int:
    """Rolls back all imported modules, or those of `--bucket` and `--prefix`; returns the exit
    code. Raises: DatabaseError."""
    turned = asyncio.run(_roll_back(dsn, options))
    for module_id in turned:
        print(module_id)
    print(f"{len(turned)} modules play from S3 again; their files stay here")
    return 0


async def _roll_back(dsn: str, options: ImportOptions) -> list[str]:
    async with open_database(dsn, size=1) as database:
        return await switch_source(
            database, is_local=False, bucket=options.bucket, prefix=options.prefix
        )
