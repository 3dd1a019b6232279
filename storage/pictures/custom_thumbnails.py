"""Thumbnails of a picture that somebody sent, instead of one of the video's frames.

Runs in a sandboxed child: Pillow is told which three formats it may read, whatever the file says,
and how large a picture may be is decided from its header, before anything is unpacked.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from storage.errors import BadPicture, HugePicture, UnsupportedPicture, storage_error
from storage.media.facts import Picture, PictureKind
from storage.pictures.picture_files import write_pictures

_FORMATS = ("JPEG", "PNG", "WEBP")
# What shows through a transparent picture: that of a page.
_GROUND = (255, 255, 255)


def make_custom_thumbnails(
    path: Path,
    max_pixels: int,
    sizes: list[tuple[str, int]],
    quality: int,
    out_dir: Path,
    kinds: list[PictureKind],
) -> list[Picture]:
    """Write a picture of each kind for each (name, width in pixels) to `out_dir`/name.kind.

    Raises: UnsupportedPicture, BadPicture, HugePicture, FileMissing, StorageFull.
    """
    widest = max(width for _, width in sizes)
    with _wrap_pillow_errors(), Image.open(path, formats=_FORMATS) as picture:
        if picture.width * picture.height > max_pixels:
            raise HugePicture(f"{picture.width} x {picture.height} pixels")
        # JPEG alone can be unpacked at a half, a quarter or an eighth of its size.
        picture.draft("RGB", (2 * widest, 2 * widest))
        image = _opaque(ImageOps.exif_transpose(picture))
    return write_pictures(image, sizes, quality, out_dir, kinds)


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey, of which the upper ones are seen
        return image.point(lambda level: level / 256).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    shown = Image.new("RGB", image.size, _GROUND)
    layer = image.convert("RGBA")
    shown.paste(layer, mask=layer)
    return shown


@contextmanager
def _wrap_pillow_errors() -> Iterator[None]:
    try:
        with warnings.catch_warnings():  # our own limit decides
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError as exc:
        raise UnsupportedPicture(str(exc)) from exc
    except (Image.DecompressionBombError, MemoryError) as exc:
        raise HugePicture(str(exc)) from exc
    except OSError as exc:
        # Those of the system have a number; Pillow says so of what is in the file, too.
        if exc.errno is not None:
            raise storage_error(exc) from exc
        raise BadPicture(str(exc)) from exc
    except (SyntaxError, ValueError, EOFError) as exc:
        raise BadPicture(str(exc)) from exc
