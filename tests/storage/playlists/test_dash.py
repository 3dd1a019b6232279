from fractions import Fraction
from typing import Any
from xml.etree import ElementTree

import pytest

from storage.playlists.dash import manifest
from storage.playlists.renditions import Presentation, VideoRendition
from tests.storage.playlists.presentations import FILE, FILM, file_of, sound, text, video
from tests.storage.playlists.test_shown_text import ANY

NAMES = {"": "urn:mpeg:dash:schema:mpd:2011"}


def sets_of(film: Presentation) -> list[Any]:
    return ElementTree.fromstring(manifest(film)).findall("Period/AdaptationSet", NAMES)


def test_a_manifest_lists_everything() -> None:
    assert (
        manifest(FILM)
        == """\
<?xml version="1.0" encoding="utf-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" \
profiles="urn:mpeg:dash:profile:isoff-on-demand:2011" type="static" \
mediaPresentationDuration="PT10.000S" minBufferTime="PT4S">
  <Period id="0">
    <AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true" \
subsegmentAlignment="true" startWithSAP="1" subsegmentStartsWithSAP="1">
      <Representation id="v720" codecs="avc1.64001E" width="1280" height="720" frameRate="25" \
bandwidth="1600">
        <BaseURL>v720-0.mp4</BaseURL>
        <SegmentBase indexRange="800-999" indexRangeExact="true" timescale="1000">
          <Initialization range="0-799" />
        </SegmentBase>
      </Representation>
      <Representation id="v480" codecs="avc1.64001E" width="853" height="480" frameRate="25" \
bandwidth="1600">
        <BaseURL>v480-0.mp4</BaseURL>
        <SegmentBase indexRange="800-999" indexRangeExact="true" timescale="1000">
          <Initialization range="0-799" />
        </SegmentBase>
      </Representation>
    </AdaptationSet>
    <AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" lang="en" \
segmentAlignment="true" subsegmentAlignment="true" startWithSAP="1" subsegmentStartsWithSAP="1">
      <Label>en</Label>
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="main" />
      <Representation id="audio" codecs="mp4a.40.2" bandwidth="200">
        <AudioChannelConfiguration \
schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2" />
        <BaseURL>audio-0.m4a</BaseURL>
        <SegmentBase indexRange="800-999" indexRangeExact="true" timescale="1000">
          <Initialization range="0-799" />
        </SegmentBase>
      </Representation>
    </AdaptationSet>
    <AdaptationSet id="2" contentType="text" mimeType="text/vtt" lang="en">
      <Label>English</Label>
      <Role schemeIdUri="urn:mpeg:dash:role:2011" value="subtitle" />
      <Representation id="captions_en" bandwidth="256">
        <BaseURL>captions_en-0.vtt</BaseURL>
      </Representation>
    </AdaptationSet>
  </Period>
</MPD>
"""
    )


def test_rungs_of_each_codec_are_an_adaptation_set() -> None:
    videos = (video(480), video(480, "av01.0.04M.08"), video(240, "avc1.640015"))

    found = sets_of(Presentation(videos))

    names = [[one.get("id") for one in each.findall("Representation", NAMES)] for each in found]
    assert names == [["v480", "v240"], ["a480"]]


def test_sounds_besides_the_default_are_alternates() -> None:
    sounds = (sound("audio1", is_default=False), sound("audio2", is_default=True))

    found = sets_of(Presentation((), sounds))

    assert [one.find("Role", NAMES).get("value") for one in found] == ["alternate", "main"]
    assert [one.get("lang") for one in found] == [None, None]


@pytest.mark.parametrize(
    ("rate", "expected"),
    [(Fraction(25), "25"), (Fraction(30_000, 1001), "30000/1001"), (Fraction(25, 2), "25/2")],
)
def test_a_frame_rate_is_whole_or_a_fraction(rate: Fraction, expected: str) -> None:
    rendition = VideoRendition("v480", "v480-0.mp4", 854, 480, rate, "avc1.64001E", FILE)

    (found,) = sets_of(Presentation((rendition,)))

    assert found.find("Representation", NAMES).get("frameRate") == expected


def test_a_duration_is_rounded_up() -> None:
    rendition = VideoRendition(
        "v480", "v480-0.mp4", 854, 480, Fraction(25), "avc1.64001E", file_of([9], [10], 3)
    )

    assert 'mediaPresentationDuration="PT3.334S"' in manifest(Presentation((rendition,)))


def test_any_title_is_well_formed() -> None:
    titles = ['</Label><Role value="x"/>', "a & b", ANY[:150], ANY[150:300], ANY[300:500], ANY[-7:]]
    sounds = tuple(sound(f"audio{n}", title=title) for n, title in enumerate(titles))

    found = sets_of(Presentation((), sounds, (text(language='en" x="y'),)))

    labels = [one.find("Label", NAMES).text for one in found]
    assert labels[:2] == titles[:2]
    assert labels[-2:] == ["\U0001f393", "English"]
    assert found[-1].keys() == ["id", "contentType", "mimeType"]
