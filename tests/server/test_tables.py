from server.tables import table


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    assert table(("a", "b"), [("long", "")]) == ["a     b\nlong\n"]


def test_no_rows_make_no_table() -> None:
    assert table(("a", "b"), []) == []
