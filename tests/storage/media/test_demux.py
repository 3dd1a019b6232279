import errno
from collections.abc import Callable
from pathlib import Path

import av
import pytest

from storage.errors import FileMissing, NoVideo, StorageError, StorageFull, TooComplex, Undecodable
from storage.media.demux import first_frame, open_media, video_stream, wrap_media_errors


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        pytest.param(av.InvalidDataError(1, "bad"), Undecodable, id="invalid-data"),
        pytest.param(av.error.OSError(errno.EIO, "bad"), Undecodable, id="ffmpeg-says-EIO"),
        pytest.param(av.error.OSError(errno.ENOSPC, "full"), StorageFull, id="disk-full"),
        pytest.param(OSError(errno.ENOENT, "gone"), FileMissing, id="no-such-file"),
        pytest.param(MemoryError(), TooComplex, id="memory"),
        pytest.param(ValueError("no such muxer"), Undecodable, id="pyav-refuses"),
        pytest.param(NoVideo(), NoVideo, id="ours"),
    ],
)
def test_foreign_errors_become_ours(exc: Exception, expected: type[StorageError]) -> None:
    with pytest.raises(expected), wrap_media_errors():
        raise exc


def test_only_the_named_demuxer_is_tried(make_clip: Callable[..., Path]) -> None:
    with pytest.raises(Undecodable), open_media(make_clip(), "webm"):
        raise AssertionError("an MP4 is no Matroska file")


def test_path_is_never_taken_for_a_protocol(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(FileMissing), open_media(Path("pipe:0"), "mp4"):
        raise AssertionError("standard input is no file")


def test_first_frame_is_the_first(make_clip: Callable[..., Path]) -> None:
    with open_media(make_clip(), "mp4") as media:
        frame = first_frame(media, video_stream(media), 160 * 90)

    assert (frame.pts, frame.width, frame.height) == (0, 160, 90)


def test_decoder_itself_refuses_too_many_pixels(make_clip: Callable[..., Path]) -> None:
    with open_media(make_clip(), "mp4") as media, pytest.raises(TooComplex):
        first_frame(media, video_stream(media), 160 * 90 - 1)
