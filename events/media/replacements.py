"""Replacement of a video's film: entered here, made by `replacement_work`.

The film before plays until the new one is ready; a video without one is processed again. Of two
replacements the one that was received later wins.
"""

from uuid import UUID

from db import space
from db.pool import Database
from db.uploads import uploads
from db.videos import replacements, videos
from db.videos.replacements import NewReplacement
from db.videos.video import Video
from events.errors import NoLongerWanted
from events.log.video_events import append_updated
from events.media import pipeline


async def enter(
    database: Database, new: NewReplacement, upload_id: UUID, holder: int | None = None
) -> Video | None:
    """Makes a stored file the film that is to be: row, job and event in one transaction.

    As `pipeline.enter`; returns None when the video is gone, too.
    """
    try:
        async with database.transaction() as transaction:
            upload = await uploads.get_settled(transaction, upload_id)
            if upload is not None and (upload.is_gone or upload.holder != holder):
                raise NoLongerWanted
            # What waits for this lock finds the replacement afterwards.
            if not await videos.list_matching(transaction, video_id=new.video_id):
                raise NoLongerWanted
            await uploads.complete(transaction, upload_id, new.video_id)
            await replacements.put(transaction, new)
            await pipeline.enqueue(transaction, new.video_id)
            await space.release(transaction, upload_id)
            return await append_updated(transaction, new.video_id, new.file.uploaded_by)
    except NoLongerWanted:
        return None
