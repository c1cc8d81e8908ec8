"""Types of numpy arrays, for the signatures of numerical functions."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Codes = NDArray[np.intp]
"""Indices into an array, such as that of the levels of a column; -1 means that there is none."""
