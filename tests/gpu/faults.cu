// Kernels with one fault each, in the line that says so. `fault` is what the host-shim has to report in race mode,
// `sanitized` what AddressSanitizer or UBSan have to. 2 blocks of 64 threads; x, out and count have 64 places.
extern "C" __global__ void right(const double* x, double* out, int* count, long long n)
{
    __shared__ double part[64];
    const int t = threadIdx.x;
    part[t] = t < n ? x[t] : 0.0;
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    if (t == 0 && blockIdx.x == 0) out[0] = part[0];
}
extern "C" __global__ void no_barrier(const double* x, double* out, int* count, long long n)
{
    __shared__ double part[64];
    part[threadIdx.x] = x[threadIdx.x];
    out[threadIdx.x] = part[63 - threadIdx.x];  // fault: race or uninitialised
}
extern "C" __global__ void no_barrier_before_store(const double* x, double* out, int* count, long long n)
{
    __shared__ double part[64];
    part[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    part[threadIdx.x] += part[63 - threadIdx.x];  // fault: race
}
extern "C" __global__ void store_after_loads(const double* x, double* out, int* count, long long n)
{
    __shared__ double part[1];
    if (threadIdx.x == 0) part[0] = x[0];
    __syncthreads();
    const double there = part[0]; if (threadIdx.x == 63) part[0] = there + 1.0;  // fault: race
}
extern "C" __global__ void between_blocks(const double* x, double* out, int* count, long long n)
{
    if (threadIdx.x == 0) out[0] += x[blockIdx.x];  // fault: race
}
extern "C" __global__ void past_the_end(const double* x, double* out, int* count, long long n)
{
    if (threadIdx.x <= n) out[0 * threadIdx.x] = x[n];  // fault: out of bounds; sanitized: heap-buffer-overflow
}
extern "C" __global__ void before_the_start(const double* x, double* out, int* count, long long n)
{
    if (threadIdx.x == 0) out[-1] = 1.0;  // fault: out of bounds; sanitized: heap-buffer-overflow
}
extern "C" __global__ void some_at_the_barrier(const double* x, double* out, int* count, long long n)
{
    if (threadIdx.x < 32)
        __syncthreads();  // fault: divergent
}
extern "C" __global__ void two_barriers(const double* x, double* out, int* count, long long n)
{
    if (threadIdx.x < 32) __syncthreads();
    else
        __syncthreads();  // fault: divergent
}
extern "C" __global__ void not_stored(const double* x, double* out, int* count, long long n)
{
    __shared__ double part[64];
    if (threadIdx.x == 0) out[0] = part[1];  // fault: uninitialised
}
extern "C" __global__ void right_with_warps(const double* x, double* out, int* count, long long n)
{
    __shared__ int bins[2];
    __shared__ double part[64];
    const int t = threadIdx.x, lane = t % 32, warp = t / 32;
    if (t < 2) bins[t] = 0;
    __syncthreads();
    double total = x[t];
    for (int d = 16; d > 0; d /= 2) total += __shfl_xor_sync(0xffffffffu, total, d);
    if (lane == 0) atomicAdd(&bins[warp], __popc(__ballot_sync(1u, total > 0.0)));
    part[t] = total;
    __syncwarp();
    if (lane < 16) part[t] += part[t + 16];
    __syncthreads();
    if (t == 0) atomicAdd(&count[0], bins[0] + bins[1]);
    if (blockIdx.x == 0 && t == 0) out[0] = (part[0] + part[32]) / 2.0;
}
extern "C" __global__ void no_atomic(const double* x, double* out, int* count, long long n)
{
    count[0] += 1;  // fault: race
}
extern "C" __global__ void load_beside_atomics(const double* x, double* out, int* count, long long n)
{
    atomicAdd(&count[threadIdx.x], 1);
    if (threadIdx.x == 63 && blockIdx.x == 0) out[0] = count[62];  // fault: race
}
extern "C" __global__ void bins_not_zeroed(const double* x, double* out, int* count, long long n)
{
    __shared__ int bins[4];
    atomicAdd(&bins[threadIdx.x % 4], 1);  // fault: uninitialised
}
extern "C" __global__ void no_syncwarp(const double* x, double* out, int* count, long long n)
{
    __shared__ double part[64];
    part[threadIdx.x] = x[threadIdx.x];
    if (threadIdx.x % 32 < 16) part[threadIdx.x] += part[threadIdx.x + 16];  // fault: race or uninitialised
}
extern "C" __global__ void some_lanes_of_the_mask(const double* x, double* out, int* count, long long n)
{
    double total = x[threadIdx.x];
    if (threadIdx.x % 32 < 24)
        total += __shfl_down_sync(0xffffffffu, total, 8);  // fault: divergent
    if (blockIdx.x == 0) out[threadIdx.x] = total;
}
extern "C" __global__ void not_in_its_own_mask(const double* x, double* out, int* count, long long n)
{
    const double total = __shfl_xor_sync(0xffffu, x[threadIdx.x], 1);  // fault: wrong mask
    if (blockIdx.x == 0) out[threadIdx.x] = total;
}
extern "C" __global__ void two_masks(const double* x, double* out, int* count, long long n)
{
    const unsigned mask = threadIdx.x % 32 < 16 ? 0xffffffffu : 0xffff0000u;
    if (__any_sync(mask, x[threadIdx.x] > 1.0)) return;  // fault: divergent
}
extern "C" __global__ void from_outside_the_mask(const double* x, double* out, int* count, long long n)
{
    if (threadIdx.x % 32 >= 16) return;
    const double there = __shfl_down_sync(0xffffu, x[threadIdx.x], 8);  // fault: shuffle
    if (blockIdx.x == 0) out[threadIdx.x] = there;
}
extern "C" __global__ void misaligned(const double* x, double* out, int* count, long long n)
{
    if (threadIdx.x == 0) *(double*)((int*)out + 1) = 1.0;  // fault: misaligned; sanitized: misaligned address
}
extern "C" __global__ void overflow(const double* x, double* out, int* count, long long n)
{
    const int at = (int)n * 70000000 + (int)threadIdx.x;  // sanitized: signed integer overflow
    if (at == -7) out[0] = 1.0;
}
extern "C" __global__ void shift(const double* x, double* out, int* count, long long n)
{
    const unsigned below = (1u << (threadIdx.x + 1)) - 1;  // sanitized: shift exponent
    if (below == 7 && blockIdx.x == 0) out[0] = 1.0;
}
extern "C" __global__ void past_shared_memory(const double* x, double* out, int* count, long long n)
{
    __shared__ double part[63], next[64];
    next[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    part[threadIdx.x] = next[63 - threadIdx.x];  // sanitized: index 63 out of bounds
    if (blockIdx.x == 0 && threadIdx.x < 63) out[threadIdx.x] = part[threadIdx.x];
}
