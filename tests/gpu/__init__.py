"""CUDA kernels where there is no GPU: run by the host-shim, whose loads and stores are all looked at."""
