"""Words and flags of a stream beside its packets: language, title, default and forced, alpha.

FFmpeg copies codec parameters from stream to stream (colours, mastering display, rotation) and
leaves these behind. For sandboxed children only.
"""

from typing import Any

from av.container import InputContainer, OutputContainer

_WORDS = ("language", "title", "handler_name")
# Of a stream whose packets stay: how its picture is stored.
_STORED = ("alpha_mode", "stereo_mode")


def carry_marks(source: Any, made: Any, *, is_copy: bool) -> None:
    """Copies marks from stream to stream, before the first packet is written."""
    names = (*_WORDS, *_STORED) if is_copy else _WORDS
    for name in names:
        if name in source.metadata:
            made.metadata[name] = source.metadata[name]
    made.disposition = source.disposition


def carry_title(media: InputContainer, out: OutputContainer) -> None:
    """Copies the film's title alone: where and by whom it was recorded is nobody's business."""
    if "title" in media.metadata:
        out.metadata["title"] = media.metadata["title"]
