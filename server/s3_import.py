"""`import-s3`: lists what would be taken over from S3, what is in the way, and what it costs.

Exit code 0: everything can be taken; 1: something cannot; 2: it could not look.
"""

from functools import partial

from server.s3_inventory import take_inventory
from server.s3_options import ImportWishes
from server.s3_report import TAKEN, as_table, write_report
from storage.s3.objects import look_up, open_client


def import_s3(wishes: ImportWishes, max_size_bytes: int) -> int:
    """Raises: S3Error, LegacyError, ManifestError, ReportError."""
    client = open_client(wishes.endpoint_url, wishes.region, wishes.profile, wishes.parallel)
    entries = take_inventory(wishes, partial(look_up, client, max_size_bytes))
    if wishes.report is not None:
        write_report(wishes.report, entries)
    print(as_table(entries, wishes.price_per_gb))
    return 1 if any(entry.state not in TAKEN for entry in entries) else 0
