"""Headers of coded streams, read without decoding: H.264, VP9, AV1."""
