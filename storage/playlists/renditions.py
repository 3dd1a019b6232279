"""The renditions of a film that its playlists list: rungs of pictures, sounds, captions.

File names are those of the published files, beside which the playlists stand.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from storage.fragments.fragmented_file import FragmentedFile


@dataclass(frozen=True, slots=True)
class VideoRendition:
    """A rung of the ladder: pictures without sound."""

    name: str
    """A word that no other rendition of the film has, as `v480`."""
    file_name: str
    width: int
    height: int
    frame_rate: Fraction
    codecs: str
    """RFC 6381, as `avc1.64001E`."""
    fragmented: FragmentedFile


@dataclass(frozen=True, slots=True)
class SoundRendition:
    """Sound alone, beside all rungs and to be listened to without them."""

    name: str
    file_name: str
    codecs: str
    channels: int
    language: str | None
    """BCP 47; None where it is not known."""
    title: str | None
    """As users wrote it."""
    is_default: bool
    fragmented: FragmentedFile


@dataclass(frozen=True, slots=True)
class TextRendition:
    """Captions: one WebVTT file of the whole film."""

    name: str
    file_name: str
    language: str | None
    title: str | None


@dataclass(frozen=True, slots=True)
class Presentation:
    """All renditions of a film; there is at least one of pictures or of sound."""

    videos: tuple[VideoRendition, ...]
    sounds: tuple[SoundRendition, ...] = ()
    texts: tuple[TextRendition, ...] = ()

    @property
    def media(self) -> Iterable[VideoRendition | SoundRendition]:
        return (*self.videos, *self.sounds)

    @property
    def default_sound(self) -> SoundRendition | None:
        """The first that claims it, or else the first."""
        return max(self.sounds, key=lambda one: one.is_default, default=None)

    @property
    def duration_s(self) -> Fraction:
        """Seconds of the longest."""
        return max(one.fragmented.duration_s for one in self.media)
