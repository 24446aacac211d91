"""How pieces cover an increment file, whoever stored them."""

from hypothesis import given
from hypothesis import strategies as st

from chatserver.copies.targets.layout import Piece, chain, covered, piece_name, pieces

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 20)), max_size=12)


@given(SPANS)
def test_pieces_cover_what_is_there_without_a_gap(spans: list[tuple[int, int]]) -> None:
    found = [Piece(f"{start}-{start + n}", start, start + n) for start, n in spans]
    there = {at for _, start, end in found for at in range(start, end)}
    wanted = next(at for at in range(100) if at not in there)
    assert covered(found) == wanted
    used = chain(found)
    at = 0
    for piece in used:
        assert piece.start <= at < piece.end
        at = piece.end
    assert at == wanted
    assert set(used) <= set(found)


def test_a_piece_of_another_size_than_its_name_says_does_not_count() -> None:
    name = piece_name("chatserver-20261125T100000Z", "00001-abc", 0, 100)
    assert pieces({name: 100}) == {"00001-abc": [Piece(name, 0, 100)]}
    assert pieces({name: 99}) == {}
    assert pieces({"chatserver-20261125T100000Z/config-00001": 5}) == {}
