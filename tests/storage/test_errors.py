import errno

import pytest

from storage import errors
from storage.errors import StorageError, wrap_os_errors


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        pytest.param(errno.ENOSPC, errors.StorageFull, id="disk-full"),
        pytest.param(errno.EDQUOT, errors.StorageFull, id="quota"),
        pytest.param(errno.EROFS, errors.StorageReadOnly, id="read-only"),
        pytest.param(errno.ESTALE, errors.StorageGone, id="stale-nfs-handle"),
        pytest.param(errno.ENOENT, errors.FileMissing, id="no-such-file"),
        pytest.param(errno.EMFILE, StorageError, id="anything-else"),
    ],
)
def test_operating_system_error_becomes_its_class(
    number: int, expected: type[StorageError]
) -> None:
    with pytest.raises(StorageError) as caught, wrap_os_errors():
        raise OSError(number, "said the system", "/secret/path")

    assert type(caught.value) is expected
    assert isinstance(caught.value.__cause__, OSError)


def test_sentence_never_holds_the_detail() -> None:
    error = errors.Truncated("box at /secret/path")

    assert str(error) == "box at /secret/path"
    assert error.sentence == "The video file is incomplete: its end is missing."


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.Undecodable, "undecodable"),
        (errors.Truncated, "undecodable"),
        (errors.UnsupportedPicture, "unsupported-format"),
        (errors.BadPicture, "undecodable"),
        (errors.HugePicture, "too-complex"),
        (errors.NoVideo, "no-video"),
        (errors.TooComplex, "too-complex"),
        (errors.MediaTimedOut, "timed-out"),
        (errors.StorageFull, "out-of-space"),
        (errors.UnsupportedFormat, "unsupported-format"),
        (errors.MediaCrashed, "internal"),
        (errors.MediaInterrupted, "internal"),
        (errors.StorageGone, "internal"),
    ],
)
def test_each_failure_has_its_code_and_a_sentence(kind: type[StorageError], code: str) -> None:
    assert kind.code == code
    assert str(kind()) == kind().sentence
    assert kind().sentence.endswith(".")
