"""Numba kernels: arrays in, arrays out. They trust their callers, which check."""
