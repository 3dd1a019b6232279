"""Size of coded pictures by the headers of frames, without decoding. Pure.

A recorder whose window or camera changes begins anew at a keyframe, within one track and without
another sample description; VP9 and AV1 may change between keyframes as well, so that all of their
frames are looked at. Sources: RFC 6386 s. 9.1 (VP8), vp9.py, av1.py, h264.py.
"""

from storage.bitstreams.av1 import Av1Headers
from storage.bitstreams.h264 import parameter_sets, parameter_sets_in, prefix_bytes
from storage.bitstreams.vp9 import Vp9Sizes

HEAD_BYTES = 4096
"""Of a keyframe: parameter sets come first, behind some hundred bytes of an encoder's greetings."""

_VP8_START = b"\x9d\x01\x2a"

CODECS = frozenset({"vp8", "vp9", "h264", "av1"})
_CHANGING_ANYWHERE = frozenset({"vp9", "av1"})


class CodedSizes:
    """Headers met so far in one track; `is_steady` until one differs from that before.

    `codec` is one of `CODECS`.
    """

    __slots__ = ("_av1", "_codec", "_is_begun", "_last", "_prefix_bytes", "_vp9", "is_steady")

    def __init__(self, codec: str, extradata: bytes) -> None:
        self._codec = codec
        self._prefix_bytes = prefix_bytes(extradata)
        self._last: object = b"".join(parameter_sets(extradata)) if codec == "h264" else b""
        self._is_begun = False
        self._vp9, self._av1 = Vp9Sizes(), Av1Headers()
        self.is_steady = True

    @property
    def needs_all(self) -> bool:
        """True where every frame counts, whole; else keyframes, by their first `HEAD_BYTES`."""
        return self._codec in _CHANGING_ANYWHERE

    def add(self, frame: bytes) -> None:
        match self._codec:
            case "vp8":
                self._compare(frame[6:10] if frame[3:6] == _VP8_START else b"")
            case "vp9":
                for size in self._vp9.shown_sizes(frame):
                    self._compare(size)
            case "h264":
                self._compare(b"".join(parameter_sets_in(frame, self._prefix_bytes)))
            case "av1":
                for sequence in self._av1.sequences(frame):
                    self._compare(sequence)
                self.is_steady = self.is_steady and not self._av1.is_overridden
            case codec:
                raise ValueError(codec)
        self._is_begun = True

    def _compare(self, header: object) -> None:
        """Takes what fixes the size; nothing where a frame does not signal it."""
        # Parameters in the first keyframe replace those of the file's header.
        if header and self._last and self._is_begun and header != self._last:
            self.is_steady = False
        self._last = header or self._last
