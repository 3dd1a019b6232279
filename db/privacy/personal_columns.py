"""Columns that hold a user's id, and the treatment of each when its person is erased.

A test reads the installed schema and fails on a column of text that is neither here nor in its list
of those that hold no such id.
"""

from dataclasses import dataclass
from enum import Enum, auto


class Erasing(Enum):
    """The treatment of a person's rows."""

    RENAME = auto()  # the figures of a course stay true, of nobody
    DELETE = auto()  # nobody else needs them
    WITHDRAW = auto()  # as enrolments are, so that grants end
    WITH_PROGRESS = auto()  # renamed in the same statement as what they refer to


@dataclass(frozen=True, slots=True)
class PersonalColumn:
    """`kind` names the rows in what a person gets of them; `key` are the columns, with their types,
    that put them in order. `hidden` columns are not the person's. `shown` is the relation that a
    page is read from, where that is not the table alone; `is_shown` is False for rows that are in
    the relation of others."""

    kind: str
    table: str
    column: str
    key: tuple[tuple[str, str], ...]
    erasing: Erasing
    hidden: tuple[str, ...] = ()
    shown: str = ""
    is_shown: bool = True


VIDEO = ("video_id", "uuid")
EVENT = "id, recorded_at, occurred_at, type, video_id, course_id, user_id, payload"

# Both places in one statement, in the order of ids: what is packed between two pages is shown once.
PAGE_OF_EVENTS = f"""(
    (SELECT {EVENT} FROM event_log
        WHERE user_id = %(user_id)s AND id > coalesce(%(id)s::bigint, 0)
        ORDER BY id LIMIT %(limit)s)
    UNION ALL
    (SELECT {EVENT} FROM event_log_unpacked
        WHERE user_id = %(user_id)s AND last_id > coalesce(%(id)s::bigint, 0)
            AND id > coalesce(%(id)s::bigint, 0)
        ORDER BY id LIMIT %(limit)s)
)"""

PERSONAL_COLUMNS = (
    PersonalColumn(
        "enrollment",
        "enrollments",
        "user_id",
        (("course_id", "text"),),
        Erasing.WITHDRAW,
        ("sealed_user_id",),
    ),
    PersonalColumn("progress", "progress", "user_id", (VIDEO,), Erasing.RENAME),
    PersonalColumn(
        "playback_session",
        "playback_sessions",
        "user_id",
        (VIDEO, ("session_id", "text")),
        Erasing.WITH_PROGRESS,
        shown="playback_sessions_named",
    ),
    PersonalColumn(
        "playback_session_name",
        "playback_session_names",
        "user_id",
        (VIDEO, ("session_id", "text")),
        Erasing.DELETE,
    ),
    PersonalColumn(
        "cmcd_session",
        "cmcd_sessions",
        "user_id",
        (VIDEO, ("session_id", "text")),
        Erasing.RENAME,
    ),
    PersonalColumn(
        "session_moment", "session_moments", "user_id", (("id", "bigint"),), Erasing.DELETE
    ),
    PersonalColumn(
        "course_viewer", "course_viewers", "user_id", (("course_id", "text"),), Erasing.RENAME
    ),
    PersonalColumn(
        "bytes_served",
        "bytes_served",
        "user_id",
        (("day", "date"), ("course_id", "text"), VIDEO, ("purpose", "text")),
        Erasing.RENAME,
    ),
    PersonalColumn("video", "videos", "uploaded_by", (("id", "uuid"),), Erasing.RENAME),
    PersonalColumn("replacement", "replacements", "uploaded_by", (VIDEO,), Erasing.RENAME),
    PersonalColumn("upload", "uploads", "user_id", (("id", "uuid"),), Erasing.RENAME),
    PersonalColumn(
        "space_reservation",
        "space_reservations",
        "user_id",
        (("upload_id", "uuid"),),
        Erasing.RENAME,
    ),
    PersonalColumn(
        "event", "event_log", "user_id", (("id", "bigint"),), Erasing.RENAME, shown=PAGE_OF_EVENTS
    ),
    # After the log: what is packed meanwhile is found here.
    PersonalColumn(
        "event",
        "event_log_packed",
        "user_id",
        (("last_id", "bigint"),),
        Erasing.RENAME,
        is_shown=False,
    ),
    PersonalColumn(
        "webhook_delivery",
        "webhook_deliveries",
        "user_id",
        (("webhook_id", "text"), ("event_id", "bigint")),
        Erasing.DELETE,
    ),
)
