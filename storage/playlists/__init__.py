"""Playlists of adaptive playing: HLS (RFC 8216) and DASH (ISO/IEC 23009-1)."""
