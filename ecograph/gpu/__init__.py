"""CUDA twins of ``ecograph.cpu``, needing CuPy alone. docs/gpu.md tells which there are and what has been tested."""
