"""Fragmented MP4 files (ISO/IEC 14496-12 s. 8.8), read and joined."""
