"""The least that has to be done to an MP4 before it can be served: nothing, its index moved to the
front, its tracks copied into a new file, or a conversion. Pure but for reading the index.
"""

from dataclasses import dataclass
from fractions import Fraction

from storage.media.facts import Way
from storage.mp4.boxes import leading_kind
from storage.mp4.cutting import hides_samples
from storage.mp4.movie import Movie, MovieTrack, read_times

# Players place pictures by a header that lies less than that, and captions are no more exact.
_MOST_ASTRAY_S = Fraction(1, 10)


@dataclass(frozen=True, slots=True)
class Plan:
    way: Way
    reason: str


def plan_mp4(movie: Movie, wanted: list[int]) -> Plan:
    """`wanted`: the numbers of the tracks that are shown and heard, the picture's first."""
    tracks = [track for track in movie.tracks if track.number in wanted and len(track.samples)]
    picture = next((track for track in tracks if track.number == wanted[0]), None)
    if picture is None:
        return Plan("converted", "no samples of the picture in the index")
    if any(_changes(track) for track in tracks):
        return Plan("converted", "more than one sample description")
    if any(track.shown is None for track in tracks):
        return Plan("converted", "an edit list of several parts")
    reason = _reason_to_rebuild(movie, tracks, picture)
    if reason:
        return Plan("rebuilt", reason)
    if leading_kind(movie.boxes) != b"moov":
        return Plan("index-moved", "the index is behind the media data")
    return Plan("as-is", "")


def _changes(track: MovieTrack) -> bool:
    """True if the samples use descriptions that differ."""
    used = {track.descriptions[number - 1] for number in _used(track)}
    return len(used) > 1


def _used(track: MovieTrack) -> set[int]:
    return {
        number for number in set(track.samples.descriptions) if number <= len(track.descriptions)
    }


def _reason_to_rebuild(movie: Movie, tracks: list[MovieTrack], picture: MovieTrack) -> str:
    spans = [track.span_s() for track in tracks]
    if movie.is_fragmented:
        return "fragments"
    if _superfluous(movie, tracks, picture):
        return "tracks that players would stumble over"
    if any(hides_samples(track) for track in tracks):
        return "an edit list that cuts something off"
    if abs(min(start for start, _ in spans)) > _MOST_ASTRAY_S:
        return "a clock that does not begin at 0"
    if not _is_header_true(movie, tracks, max(stop for _, stop in spans)):
        return "a header that does not tell the length"
    return ""


def _superfluous(movie: Movie, tracks: list[MovieTrack], picture: MovieTrack) -> bool:
    """Unknown or empty tracks, and pictures that players would take for the film."""
    unwanted = [track for track in movie.tracks if track not in tracks]
    if any(track.kind == b"soun" or not len(track.samples) for track in unwanted):
        return True
    pictures = [track for track in movie.tracks if track.kind == b"vide"]
    enabled = [track for track in pictures if track.is_enabled] or pictures
    return enabled[0] is not picture


def _is_header_true(movie: Movie, tracks: list[MovieTrack], stop_s: Fraction) -> bool:
    return _is_near(movie.duration_s, stop_s) and all(
        _is_track_header_true(movie, track) for track in tracks
    )


def _is_track_header_true(movie: Movie, track: MovieTrack) -> bool:
    scale, duration = read_times(track.trak.need(b"mdia", b"mdhd"))
    tkhd = track.trak.need(b"tkhd").content
    start, width = (28, 8) if tkhd[:1] == b"\1" else (20, 4)
    shown = int.from_bytes(tkhd[start : start + width], "big")
    media_s = Fraction(track.samples.stop, track.scale)
    return _is_near(Fraction(duration, scale or 1), media_s) and _is_near(
        Fraction(shown, movie.header_scale or 1), track.span_s()[1]
    )


def _is_near(one_s: Fraction, other_s: Fraction) -> bool:
    return abs(one_s - other_s) <= _MOST_ASTRAY_S


def cuts_something_off(movie: Movie) -> bool:
    """True if an edit list hides what a copy of packets would show."""
    return any(hides_samples(track) for track in movie.tracks if len(track.samples))
