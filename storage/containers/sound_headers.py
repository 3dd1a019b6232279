"""Headers of MP3 and AAC frames, and of the tags before them: ISO/IEC 11172-3 s. 2.4.2.3, ISO/IEC
13818-7 s. 6.2, ID3v2.4.0 s. 3.1. Pure.
"""

ID3_HEADER_BYTES = 10
_ID3_FOOTER = 0x10

# kbit/s of layer III, by MPEG-1 or not; 0 is a rate that the frame does not tell.
_BITRATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_SAMPLE_RATES = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8_000),
}
_XING_HAS_FRAMES, _XING_HAS_BYTES = 1, 2


def id3_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag that begins the file, in bytes; 0 without one."""
    if head[:3] != b"ID3" or len(head) < ID3_HEADER_BYTES:
        return 0
    length = 0
    for octet in head[6:10]:
        length = length << 7 | octet & 0x7F
    footer = ID3_HEADER_BYTES if head[5] & _ID3_FOOTER else 0
    return ID3_HEADER_BYTES + length + footer


def mp3_frame_bytes(head: bytes) -> int:
    """The length of the MP3 frame that begins here; 0 where none does."""
    # Eleven bits of synchronisation, a version that exists, layer III.
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return 0
    version = head[1] >> 3 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    if bitrate in (0, 15) or rate == 3:
        return 0
    samples = 1152 if version == 3 else 576
    kbits = _BITRATES[version == 3][bitrate]
    return samples * kbits * 125 // _SAMPLE_RATES[version][rate] + (head[2] >> 1 & 1)


def adts_frame_bytes(head: bytes) -> int:
    """The length of the AAC frame that begins here; 0 where none does."""
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length > 7 else 0


def xing_bytes(frame: bytes) -> int:
    """The length of the stream, as the encoder noted it in its first frame; 0 where it did not."""
    if not mp3_frame_bytes(frame):
        return 0
    is_mpeg1, is_mono = frame[1] >> 3 & 3 == 3, frame[3] >> 6 == 3
    at = 4 + ((17 if is_mono else 32) if is_mpeg1 else (9 if is_mono else 17))
    if frame[at : at + 4] not in (b"Xing", b"Info"):
        return 0
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    if not flags & _XING_HAS_BYTES:
        return 0
    at += 12 if flags & _XING_HAS_FRAMES else 8
    return int.from_bytes(frame[at : at + 4], "big")
