"""Decoding and checks of the answers of children, which are untrusted input."""

import math
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import msgspec

from storage import errors
from storage.errors import MediaCrashed, StorageError
from storage.media.facts import (
    END_SIDE_PX,
    MAX_TILES,
    TILES_PER_SHEET,
    EndPictures,
    Picture,
    PictureKind,
    Storyboard,
    decode,
    sheet_file,
)
from storage.sandbox.child import ChildAnswer

_T = TypeVar("_T")

_ERRORS: dict[str, type[StorageError]] = {
    kind.__name__: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, StorageError)
}


def decode_result(message: bytes, result_type: type[_T] | None) -> _T:
    """Decode an answer as `result_type`, or raise the StorageError that it names.

    Raises: MediaCrashed for anything else.
    """
    try:
        answer: ChildAnswer = decode(message, ChildAnswer)
        if answer.error is None:
            result: _T = decode(answer.result, result_type)
            return result
    except (msgspec.MsgspecError, ValueError, NotImplementedError, RecursionError) as exc:
        raise MediaCrashed(f"the answer cannot be decoded: {exc}") from exc
    raise _ERRORS.get(answer.error, MediaCrashed)(answer.detail)


def require_requested(
    pictures: list[Picture],
    sizes: list[tuple[str, int]],
    out_dir: Path,
    kinds: list[PictureKind],
) -> None:
    """Refuse pictures other than the requested ones: a hijacked child could name any file.

    Raises: MediaCrashed.
    """
    given = [(picture.name, picture.extension, picture.file) for picture in pictures]
    requested = [(name, kind, out_dir / f"{name}.{kind}") for kind in kinds for name, _ in sizes]
    if given != requested:
        raise MediaCrashed("the pictures are not the requested ones")


def require_end_pictures(ends: EndPictures) -> None:
    """Refuse pictures of another size. Raises: MediaCrashed."""
    whole = END_SIDE_PX**2
    if len(ends.first) != whole or len(ends.last) not in (0, whole):
        raise MediaCrashed("the end pictures have another size")


def require_storyboard(board: Storyboard, out_dir: Path) -> None:
    """Refuse a storyboard that is inconsistent: its numbers are served to players.

    Raises: MediaCrashed.
    """
    count = math.ceil(len(board.times_s) / TILES_PER_SHEET)
    files = [sheet_file(out_dir, number) for number in range(count)]
    is_sound = (
        0 < len(board.times_s) <= MAX_TILES
        and board.times_s[0] >= 0
        and all(one < next_one for one, next_one in pairwise(board.times_s))
        and min(board.tile_width_px, board.tile_height_px) > 0
        and [sheet.file for sheet in board.sheets] == files
    )
    if not is_sound:
        raise MediaCrashed("the storyboard is inconsistent")
