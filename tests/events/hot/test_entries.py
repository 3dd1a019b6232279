"""Entries of facts as bytes."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from db.course_outlines import Outline
from db.courses import Module
from db.media.assets import RepresentationRow, ThumbnailRow
from db.media.rungs import RungRow
from db.videos.video import AudioTrack, MediaFacts, ReplacementState, S3Source, Video
from events.hot import entries
from events.hot.entries import OUTLINES, VIDEOS

AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
ID = UUID(int=7)
MEDIA = MediaFacts(
    *(30.5, 1920, 1080, 29.97, 90, "mp4", "h264", "aac", "video/mp4", True),
    audio_tracks=(AudioTrack("de", None, is_default=True),),
)
VIDEO = Video(
    id=ID,
    course_id="c1",
    module_id="m1",
    title="Überblick",
    original_filename="a.mov",
    status="ready",
    failure_code=None,
    failure_detail=None,
    processing_ratio=1.0,
    probed=MEDIA,
    original_size_bytes=2**40,
    original_sha256="ab",
    uploaded_by="tess",
    created_at=AT,
    updated_at=AT,
    deleted_at=None,
    representations=(RepresentationRow("mp4", "video-1.mp4", "video/mp4", 9, "cd", True),),
    thumbnails=(ThumbnailRow("small", "image/jpeg", "small-1.jpg", 160, 90, 8, "ef"),),
    caption_languages=("de", "en"),
    has_chapters=True,
    storyboard_file_name="storyboard-1.vtt",
    s3_source=S3Source("bucket", "key", None, "eu", is_left=True),
    source_format="mov",
    rungs=(RungRow("720", "video", "ready", height=720, codecs="avc1.64001f", size_bytes=5),),
    hls_file_name="hls-1.m3u8",
    dash_file_name=None,
    has_own_picture=False,
    replacement=ReplacementState(uuid4(), 0.5, None, None),
    position=1024,
    version=12345,
)


def test_facts_come_back_as_they_were() -> None:
    entry = VIDEOS.encode(VIDEO)

    assert entry is not None
    assert VIDEOS.decode(entry, ID, 12345) == VIDEO


@pytest.mark.parametrize(
    ("entry", "video_id", "version"),
    [
        pytest.param(VIDEOS.encode(VIDEO), ID, 12346, id="an older version"),
        pytest.param(VIDEOS.encode(VIDEO), ID, 12344, id="a newer version"),
        pytest.param(VIDEOS.encode(VIDEO), UUID(int=8), 12345, id="another video"),
        pytest.param(b"", ID, 0, id="nothing"),
        pytest.param(b"foreign bytes", ID, 12345, id="foreign bytes"),
        pytest.param(entries.version_text(12345), ID, 12345, id="a version alone"),
        pytest.param(entries.version_text(12345) + b"\x81\xa1a\x01", ID, 12345, id="another shape"),
        pytest.param(
            entries.version_text(12346) + (VIDEOS.encode(VIDEO) or b"")[20:],
            ID,
            12346,
            id="a version that its facts are not of",
        ),
    ],
)
def test_all_else_is_no_entry(entry: bytes, video_id: UUID, version: int) -> None:
    assert VIDEOS.decode(entry, video_id, version) is None


def test_versions_compare_as_texts() -> None:
    versions = [0, 9, 10, 12345, 1_790_000_000_000_000, 2**63 - 1]

    assert sorted(map(entries.version_text, versions)) == [*map(entries.version_text, versions)]
    assert {len(entries.version_text(one)) for one in versions} == {entries.VERSION_DIGITS}


def test_facts_that_are_too_large_are_no_entry() -> None:
    assert VIDEOS.encode(replace(VIDEO, title="x" * VIDEOS.max_bytes)) is None


def test_outlines_come_back_as_they_were() -> None:
    outline = Outline("c1", (Module("m1", "c1", "Über", 3),), (VIDEO, VIDEO), 17)
    entry = OUTLINES.encode(outline)

    assert entry is not None
    assert OUTLINES.decode(entry, "c1", 17) == outline
    assert OUTLINES.decode(entry, "c1", 18) is None
    assert OUTLINES.decode(entry, "c2", 17) is None
    assert OUTLINES.key_of("c1") != VIDEOS.key_of("c1")
