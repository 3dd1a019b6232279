"""Thumbnails of an uploaded picture, in place of one of the video's frames.

Runs in a sandboxed child: Pillow is restricted to three formats, and the size limit is applied to
the header, before any decompression.
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
# Background of transparent pictures: the colour of a page.
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
        # Only JPEG can be decoded at a half, a quarter or an eighth of its size.
        picture.draft("RGB", (2 * widest, 2 * widest))
        image = _opaque(ImageOps.exif_transpose(picture))
    return write_pictures(image, sizes, quality, out_dir, kinds)


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey, of which only the upper bits show
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
        with warnings.catch_warnings():  # our own limit applies
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except UnidentifiedImageError as exc:
        raise UnsupportedPicture(str(exc)) from exc
    except (Image.DecompressionBombError, MemoryError) as exc:
        raise HugePicture(str(exc)) from exc
    except OSError as exc:
        # OSErrors of the system have an errno; Pillow raises OSError for damaged content, too.
        if exc.errno is not None:
            raise storage_error(exc) from exc
        raise BadPicture(str(exc)) from exc
    except (SyntaxError, ValueError, EOFError) as exc:
        raise BadPicture(str(exc)) from exc
