"""Makes a file that browsers start playing at once from one whose codecs they play, without coding
anything anew: by the least that has to be done to it.

Runs in a sandboxed child. The last resort, a conversion, is for the caller.
"""

from pathlib import Path

from storage.errors import FINAL, wrap_os_errors
from storage.formats import TRAITS, SourceFormat
from storage.media.demux import open_media, video_stream
from storage.media.facts import MediaLimits, Prepared
from storage.media.measure import measure, measure_open
from storage.media.stream_choice import choose_sounds
from storage.mp4.faststart import move_index_to_front
from storage.mp4.movie import Movie, read_movie
from storage.mp4.rebuild import rebuild_mp4
from storage.remux.mp4_plan import Plan, plan_mp4
from storage.remux.packet_copy import copy_packets, verify

# The upload was checked, and what is made of it is no larger.
_NO_LIMITS = MediaLimits(max_pixels=1 << 30, max_duration_s=1e9, max_streams=1 << 10)


def prepare(source: Path, target: Path, source_format: SourceFormat) -> Prepared:
    """Write `target`, unless the source can be served as it is or has to be converted.

    Raises: NoVideo, FileMissing, StorageFull.
    """
    upload = None
    try:
        movie = _read_movie(source, source_format)
        with open_media(source, source_format) as media:
            upload = measure_open(media, source, source_format, _NO_LIMITS, movie)
            wanted = [stream.id for stream in (video_stream(media), *choose_sounds(media))]
        if not upload.is_steady:
            return Prepared("converted", "pictures of several sizes", upload)
        plan = _prepare(source, target, source_format, movie, wanted)
        if plan.way == "converted":
            return Prepared(plan.way, plan.reason, upload)
        made = upload  # a moved index takes along no other media data: move_index_to_front
        if plan.way == "rebuilt":
            made = measure(target, TRAITS[source_format].container, _NO_LIMITS)
    except FINAL as exc:
        return Prepared("converted", str(exc), upload)
    return Prepared(plan.way, plan.reason, upload, made)


def _read_movie(source: Path, source_format: SourceFormat) -> Movie | None:
    """The index, read once for all that follows; None where it cannot be read."""
    if TRAITS[source_format].demuxer != "mov":
        return None
    try:
        with wrap_os_errors(), source.open("rb") as file:
            return read_movie(file)
    except FINAL:
        return None


def _prepare(
    source: Path,
    target: Path,
    source_format: SourceFormat,
    movie: Movie | None,
    wanted: list[int],
) -> Plan:
    if TRAITS[source_format].container == "webm":
        copy_packets(source, target, source_format)
        verify(target)
        return Plan("rebuilt", "recorders write the index last, or none")
    if movie is None:
        return Plan("converted", "an index that cannot be read")
    plan = plan_mp4(movie, wanted)
    if plan.way == "index-moved":
        plan = _move_index(source, target, movie, wanted, plan)
    elif plan.way == "rebuilt":
        rebuild_mp4(source, target, wanted, movie)
    if plan.way in ("index-moved", "rebuilt"):
        verify(target)
    return plan


def _move_index(source: Path, target: Path, movie: Movie, wanted: list[int], plan: Plan) -> Plan:
    try:
        move_index_to_front(source, target)
    except FINAL as exc:
        rebuild_mp4(source, target, wanted, movie)
        return Plan("rebuilt", str(exc))
    return plan
