"""Lip sync as a browser plays it: how much later the beeps of a film are heard than its flashes
are seen.

Only differences of two films in one browser tell something: the path of the sound to where it is
listened to takes its own time.
"""

from array import array
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import Any

import av
from av.audio.resampler import AudioResampler
from PIL import Image
from playwright.async_api import Page

RATE, SOUND_RATE = 25, 48_000
SIZE = (320, 180)
IN_STEP_S = 0.025  # ITU-R BT.1359 finds 45 ms of sound ahead detectable
PULSES, PLAYS = 4, 3
DURATION_S = PULSES + 1

# Plays all videos at once, some times over, and returns of each play of each video the lags of its
# pulses in seconds. Media time is read beside the time of the audio context; the middle of many
# readings is what both agree on.
LISTEN = """async ([selector, plays]) => {
    const SILENCE_S = 0.25;
    const context = new AudioContext();
    await context.resume();
    const middle = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
    const nearest = (list, at) =>
        list.reduce((a, b) => Math.abs(b - at) < Math.abs(a - at) ? b : a);

    const follow = (video) => {
        const listener = context.createScriptProcessor(1024, 1, 1);
        let heard = [], seen = [], offsets = [], quiet = 1e9, isBright = false;
        listener.onaudioprocess = ({ inputBuffer, playbackTime }) => {
            const samples = inputBuffer.getChannelData(0);
            for (let n = 0; n < samples.length; n++) {
                quiet += 1;
                if (Math.abs(samples[n]) < 0.2) continue;
                if (quiet > SILENCE_S * context.sampleRate)
                    heard.push(playbackTime + n / context.sampleRate);
                quiet = 0;
            }
        };
        context.createMediaElementSource(video).connect(listener);
        listener.connect(context.destination);
        const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
        const look = (_, { mediaTime }) => {
            canvas.drawImage(video, 0, 0, 1, 1);
            const wasBright = isBright;
            isBright = canvas.getImageData(0, 0, 1, 1).data[0] > 128;
            if (isBright && !wasBright) seen.push(mediaTime);
            if (!video.paused) offsets.push(video.currentTime - context.currentTime);
            video.requestVideoFrameCallback(look);
        };
        video.requestVideoFrameCallback(look);
        return async () => {
            heard = [], seen = [], offsets = [];
            const ended = new Promise((resolve) =>
                video.addEventListener('ended', resolve, { once: true }));
            await video.play();
            await ended;
            return heard.map((at) => at + middle(offsets)).map((at) => at - nearest(seen, at));
        };
    };

    const videos = [...document.querySelectorAll(selector)];
    for (const video of videos) video.muted = false;
    return Promise.all(videos.map(follow).map(async (play) => {
        const found = [];
        while (found.length < plays) found.push(await play());
        return found;
    }));
}"""


async def lags(page: Page, selector: str) -> list[float]:
    """The lag of each video in the page, in seconds, to compare with each other's.

    Now and then a browser begins to play with the sound some ten milliseconds off: the middle of
    three plays counts.
    """
    found: list[list[list[float]]] = await page.evaluate(LISTEN, [selector, PLAYS])
    assert min(len(pulses) for plays in found for pulses in plays) >= PULSES - 1, found
    return [median(median(pulses) for pulses in plays) for plays in found]


def write_pulses(
    path: Path, muxer: str, video: str, audio: str, *, sound_from_s: float = 0, late_s: int = 0
) -> Path:
    """Writes a film which flashes and beeps at each whole second; its clock begins at `late_s`."""
    with av.open(str(path), "w", format=muxer) as out:
        picture = out.add_stream(video, rate=RATE)
        (picture.width, picture.height), picture.pix_fmt = SIZE, "yuv420p"
        sound: Any = out.add_stream(audio, rate=SOUND_RATE)
        sound.layout = "mono"
        fit = AudioResampler(sound.codec_context.format, "mono", SOUND_RATE)
        for number in range(DURATION_S * RATE):
            is_pulse = number >= RATE and number % RATE < RATE // 5
            place = number + late_s * RATE
            out.mux(picture.encode(flash(place, is_white=is_pulse)))
            if number >= sound_from_s * RATE:
                for frame in fit.resample(beep(place, is_loud=is_pulse)):
                    out.mux(sound.encode(frame))
        out.mux(picture.encode(None))
        out.mux(sound.encode(None))
    return path


def flash(number: int, *, is_white: bool) -> av.VideoFrame:
    """The picture of a place, in frames: white or black."""
    frame = av.VideoFrame.from_image(Image.new("RGB", SIZE, (255 * is_white,) * 3))
    frame.pts, frame.time_base = number, Fraction(1, RATE)
    return frame


def beep(number: int, *, is_loud: bool) -> av.AudioFrame:
    """The sound that belongs to a picture: a square wave or silence."""
    length = SOUND_RATE // RATE
    wave = array("h", (20_000 if n // 24 % 2 else -20_000 for n in range(length)))
    frame = av.AudioFrame("s16", "mono", length)
    frame.planes[0].update(wave.tobytes() if is_loud else bytes(2 * length))
    frame.sample_rate, frame.pts = SOUND_RATE, number * length
    frame.time_base = Fraction(1, SOUND_RATE)
    return frame
