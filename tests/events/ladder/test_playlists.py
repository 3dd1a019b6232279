"""Captions in the playlists of a ladder, and the files that other playlists leave behind."""

import hashlib
from uuid import UUID

from db.media import text_tracks
from db.media.text_tracks import TrackName
from events.ladder import queue
from events.upkeep.ladder_sweep import sweep
from events.upkeep.survey import survey
from tests.events.ladder.studio import Studio

HOUR_S = 3600.0
CUES = "WEBVTT\n\n00:00.000 --> 00:02.000\nHello\n"


async def delete_captions(studio: Studio, video_id: UUID, language: str) -> None:
    async with studio.database.transaction() as transaction:
        await text_tracks.delete(transaction, video_id, TrackName("captions", language))
        await queue.enqueue_playlists(transaction, video_id)


async def put_captions(studio: Studio, video_id: UUID, language: str, content: str) -> None:
    digest = hashlib.sha256(content.encode()).hexdigest()
    async with studio.database.transaction() as transaction:
        name = TrackName("captions", language)
        await text_tracks.put(transaction, video_id, name, content, digest)
        await queue.enqueue_playlists(transaction, video_id)


async def playlist(studio: Studio, video_id: UUID) -> str:
    name = (await studio.video(video_id)).hls_file_name
    assert name is not None
    return await studio.text(video_id, name)


async def test_captions_of_all_languages_become_renditions(studio: Studio) -> None:
    video_id = await studio.made()
    for language in ("de", "zh-Hans"):
        await put_captions(studio, video_id, language, CUES + language)
    await studio.run_jobs()

    master = await playlist(studio, video_id)
    media = [line for line in master.splitlines() if "TYPE=SUBTITLES" in line]
    assert ['LANGUAGE="de"' in media[0], 'LANGUAGE="zh-Hans"' in media[1]] == [True, True]
    uri = media[1].partition('URI="')[2].rstrip('"')
    text = await studio.text(video_id, uri)
    assert await studio.text(video_id, text.splitlines()[-2]) == CUES + "zh-Hans"


async def test_captions_put_while_pieces_are_made_are_in_the_first_playlists(
    studio: Studio,
) -> None:
    video_id = await studio.ready_video()
    await studio.ladders.begin(video_id)
    await studio.run_jobs(2)
    await put_captions(studio, video_id, "de", CUES)
    await studio.run_jobs()

    assert 'LANGUAGE="de"' in await playlist(studio, video_id)


async def test_old_playlists_stay_until_no_grant_names_them(studio: Studio) -> None:
    video_id = await studio.made()
    before = await studio.files(video_id)
    await put_captions(studio, video_id, "de", CUES)
    await studio.run_jobs()
    both = await studio.files(video_id)
    assert before < both
    assert (await survey(studio.database, studio.storage)).findings == ()

    await sweep(studio.database, studio.storage, grant_ttl_s=2 * HOUR_S)
    assert await studio.files(video_id) == both
    await grow_older(studio, 3 * HOUR_S)
    await sweep(studio.database, studio.storage, grant_ttl_s=2 * HOUR_S)

    left = await studio.files(video_id)
    gone = {name.partition("-")[0] for name in both - left}
    assert gone == {"hls", "dash"}
    assert (await survey(studio.database, studio.storage)).findings == ()
    assert 'LANGUAGE="de"' in await playlist(studio, video_id)


async def grow_older(studio: Studio, seconds: float) -> None:
    async with studio.database.transaction() as transaction:
        await transaction.execute(
            "UPDATE ladder_files SET superseded_at = superseded_at - make_interval(secs => %s)",
            (seconds,),
        )


async def test_playlists_with_the_captions_of_before_are_current_again(studio: Studio) -> None:
    video_id = await studio.made()
    name = (await studio.video(video_id)).hls_file_name
    await put_captions(studio, video_id, "de", CUES)
    await studio.run_jobs()
    await delete_captions(studio, video_id, "de")
    await studio.run_jobs()
    await grow_older(studio, 3 * HOUR_S)
    await sweep(studio.database, studio.storage, grant_ttl_s=HOUR_S)

    assert (await studio.video(video_id)).hls_file_name == name
    assert await playlist(studio, video_id)
    assert (await survey(studio.database, studio.storage)).findings == ()
