from fractions import Fraction

from storage.fragments.fragmented_file import Fragment, FragmentedFile


def test_a_file_ends_with_its_last_fragment() -> None:
    fragments = (Fragment(150, 40, 500, 2000, 10), Fragment(190, 60, 2500, 1000, 10))
    file = FragmentedFile(1000, 100, (100, 150), fragments)

    assert (file.start, file.stop, file.size) == (500, 3500, 250)
    assert file.duration_s == Fraction(3)
