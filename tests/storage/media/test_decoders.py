"""Decoders that are not on the list see nothing of a file."""

from collections.abc import Callable
from pathlib import Path

import av
import pytest

from storage.errors import UnknownCodec
from storage.media import decoders
from storage.media.demux import open_media
from storage.media.facts import MediaLimits
from storage.media.probe import probe


def test_codec_that_is_not_listed_is_named_with_its_container(
    make_clip: Callable[..., Path], limits: MediaLimits
) -> None:
    with pytest.raises(UnknownCodec) as refused:
        probe(make_clip(muxer="matroska", video="snow", audio=None), "mkv", limits)

    assert refused.value.sentence == (
        'The Matroska file\'s picture is in the codec "snow", which is not decoded here.'
    )


def test_opening_a_file_asks_the_list(
    make_clip: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = make_clip(video="ffv1", audio=None, muxer="matroska")
    with open_media(clip, "mkv") as media:
        assert media.streams.video[0].codec_context.pix_fmt == "yuv420p"
    monkeypatch.setattr(decoders, "whitelist", lambda: "h264")

    with open_media(clip, "mkv") as media:
        assert media.streams.video[0].codec_context.pix_fmt is None


def test_every_listed_codec_has_a_decoder() -> None:
    known = {decoders._canonical(name) for name in av.codecs_available}

    assert known >= decoders.PICTURE_CODECS | decoders.SOUND_CODECS
    assert {"libdav1d", "h264", "dca"} <= set(decoders.whitelist().split(","))
