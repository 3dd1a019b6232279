"""ISO base media files (ISO/IEC 14496-12) as boxes, without FFmpeg."""
