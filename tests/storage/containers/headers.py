"""Headers of containers, built byte by byte."""

import struct


def box(kind: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", 8 + len(content)) + kind + content


def large_box(kind: bytes, length: int, content: bytes = b"") -> bytes:
    return struct.pack(">I", 1) + kind + struct.pack(">Q", length) + content


def ebml(doc_type: bytes) -> bytes:
    content = b"\x42\x82" + bytes([0x80 | len(doc_type)]) + doc_type
    return b"\x1a\x45\xdf\xa3" + bytes([0x80 | len(content)]) + content


FTYP = b"\0\0\0\x18ftypisom\0\0\2\0isommp42"
SEGMENT = b"\x18\x53\x80\x67"
CLUSTER = b"\x1f\x43\xb6\x75"
UNKNOWN = b"\x01" + b"\xff" * 7
