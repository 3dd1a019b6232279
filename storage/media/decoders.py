"""Codecs that may be decoded: those of cameras, recorders and editors, by FFmpeg's canonical names.

FFmpeg knows some 450 decoders, of games and of pictures for the most part. One that is not listed
here never sees a byte of an upload: neither while a file is opened (`whitelist`) nor afterwards
(`is_decodable`), since FFmpeg asks no list for the decoders that PyAV opens.
"""

from functools import cache
from typing import Any

import av

from storage.errors import UnknownCodec
from storage.formats import TRAITS, SourceFormat

_PICTURES = """
    h264 hevc vvc vp8 vp9 av1 mpeg1video mpeg2video mpeg4 h261 h263 h263i h263p theora dirac
    msmpeg4v1 msmpeg4v2 msmpeg4v3 wmv1 wmv2 wmv3 vc1 flv1 vp6 vp6a vp6f svq1 svq3 cinepak
    indeo3 indeo4 indeo5 mjpeg mjpegb dvvideo prores prores_raw dnxhd cfhd jpeg2000 hap
    ffv1 ffvhuff huffyuv utvideo magicyuv lagarith rawvideo v210 v308 v408 v410 r210 png
    qtrle rpza smc msrle msvideo1 mss1 mss2 msa1 mts2 tscc tscc2 flashsv flashsv2 g2m cscd zmbv
    fraps
"""
_SOUNDS = """
    aac aac_latm mp1 mp2 mp3 ac3 eac3 dts truehd mlp opus vorbis flac alac speex wavpack tta
    amr_nb amr_wb wmav1 wmav2 wmapro wmavoice wmalossless nellymoser gsm gsm_ms qdm2 qcelp
    pcm_alaw pcm_mulaw pcm_s8 pcm_u8 pcm_s16le pcm_s16be pcm_u16le pcm_u16be pcm_s24le pcm_s24be
    pcm_s32le pcm_s32be pcm_f32le pcm_f32be pcm_f64le pcm_f64be pcm_bluray pcm_dvd s302m
    pcm_s16le_planar pcm_s16be_planar dvaudio adpcm_ms adpcm_ima_wav adpcm_ima_qt adpcm_swf
    adpcm_yamaha adpcm_g722 adpcm_g726 adpcm_g726le mace3 mace6 truespeech ilbc
"""
PICTURE_CODECS, SOUND_CODECS = frozenset(_PICTURES.split()), frozenset(_SOUNDS.split())


def is_decodable(stream: Any) -> bool:
    """True if a decoder is there, and on the list."""
    decoder = stream.codec_context
    allowed = PICTURE_CODECS if stream.type == "video" else SOUND_CODECS
    return decoder is not None and decoder.codec.canonical_name in allowed


def unknown_codec(stream: Any, source: SourceFormat) -> UnknownCodec:
    """The error for a stream that is not `is_decodable`."""
    decoder, label = stream.codec_context, TRAITS[source].label
    name = f'the codec "{decoder.codec.canonical_name}"' if decoder else "an unknown codec"
    return UnknownCodec(f"The {label} file's picture is in {name}, which is not decoded here.")


@cache
def whitelist() -> str:
    """All decoders of the listed codecs, as FFmpeg's option `codec_whitelist` takes them."""
    allowed = PICTURE_CODECS | SOUND_CODECS
    return ",".join(sorted(name for name in av.codecs_available if _canonical(name) in allowed))


def _canonical(name: str) -> str | None:
    try:
        return av.Codec(name, "r").canonical_name
    except ValueError:  # an encoder alone
        return None
