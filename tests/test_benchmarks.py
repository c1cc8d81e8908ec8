"""The truth bench covers code that exists: else its table would not change with the code."""

from benchmarks import truth
from edtech.settings import PROJECT


def test_the_digest_is_of_code_that_exists():
    assert not [name for name in truth.CODE if not (PROJECT / "edtech" / name).exists()]
    assert len(truth.code_digest()) == 12
