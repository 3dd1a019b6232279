"""Resources of the application: facts of videos and courses, terms of playing, warming."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from events.hot.entries import OUTLINES, Shelf
from events.hot.hottest import Plays, Ranking
from events.hot.outlines import OutlineReader
from events.hot.playing import PlayingTermsReader
from events.hot.video_facts import VideoReader
from events.hot.warming import Warming
from handlers import keys
from handlers.delivery.catalog import Catalog
from server.config.settings import Config
from server.metrics.hot import follow_facts, follow_outlines, follow_warming
from storage.disk import open_disk


async def hot_videos(config: Config, app: web.Application) -> AsyncIterator[None]:
    """Needs the database and the storage."""
    shelf, outline_shelf, ranking = _redis(config)
    facts = app[keys.VIDEO_FACTS] = VideoReader(app[keys.DATABASE], shelf)
    outlines = app[keys.OUTLINES] = OutlineReader(app[keys.DATABASE], outline_shelf)
    terms = app[keys.PLAYING_TERMS] = PlayingTermsReader(app[keys.DATABASE])
    catalog = app[keys.CATALOG] = Catalog(facts)
    follow_facts(app[keys.METRICS], catalog, facts, terms)
    follow_outlines(app[keys.METRICS], outlines)
    if ranking is None:
        yield
    else:
        async with _warming(app, ranking):
            yield
    await terms.stop()
    await outlines.stop()
    await facts.stop()


@asynccontextmanager
async def _warming(app: web.Application, ranking: Ranking) -> AsyncIterator[None]:
    plays = app[keys.PLAYS] = Plays()
    async with open_disk(1, "warming") as disk:
        warming = Warming(ranking, plays, app[keys.VIDEO_FACTS], app[keys.STORAGE], disk)
        follow_warming(app[keys.METRICS], warming)
        warming.start()
        try:
            yield
        finally:
            await warming.stop()


def _redis(config: Config) -> tuple[Shelf | None, Shelf | None, Ranking | None]:
    """Two shelves: large outlines on their way hold no facts of videos up."""
    if config.redis_url is None:
        return None, None, None
    # Costs each process 7 MB and a tenth of a second, which only those pay who have it.
    from events.hot.redis_ranking import RedisRanking
    from events.hot.redis_shelf import RedisShelf

    url = config.redis_url.reveal()
    shelf = RedisShelf(url)
    return shelf, RedisShelf(url, kind=OUTLINES), RedisRanking(shelf)
