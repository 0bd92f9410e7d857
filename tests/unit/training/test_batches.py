import pytest

from lamp_core.training.batches import in_order


@pytest.mark.parametrize(("count", "size"), [(7, 3), (6, 3), (1, 64)])
def test_in_order_every_index_stands_once_and_no_batch_is_larger(count: int, size: int) -> None:
    batches = in_order(count, size)
    assert [index for batch in batches for index in batch] == list(range(count))
    assert all(0 < len(batch) <= size for batch in batches)
