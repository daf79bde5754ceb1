// Core numbers: twin of ecograph/cpu/centrality.py::core_numbers, in rounds instead of one row after the other.
//
// A row's number begins as its arrows in and out, and becomes in each round the largest k, no more than it was, such that
// k of its arrows or more lead to rows of a number >= k. Numbers fall, and where none falls they are the core numbers
// (L. Lu, T. Zhou, Q.-M. Zhang, H. E. Stanley, "The H-index of a network node and its relation to degree and coreness",
// Nature Communications 7 (2016), 10168). Whole numbers: exact in any order. Each round is made from the last one.
#define LANES 32
#define WARPS 8  // of a block
#define ALL 0xffffffffu

// The sum over all threads that share a row: one, a warp or a block.
template <int THREADS> __device__ int together(int mine, int* part)
{
    if (THREADS == 1) return mine;
    for (int step = LANES / 2; step > 0; step /= 2) mine += __shfl_xor_sync(ALL, mine, step);
    if (THREADS == LANES) return mine;
    if (threadIdx.x % LANES == 0) part[threadIdx.x / LANES] = mine;
    __syncthreads();
    int total = 0;
    for (int w = 0; w < WARPS; ++w) total += part[w];
    __syncthreads();  // before the next sum is stored
    return total;
}

// How many of a row's arrows, dealt out to its threads, lead to a number >= k.
__device__ int at_least(
    int k, const long long* ptr, const int* column, const int* number, long long row, int thread, int threads)
{
    int found = 0;
    for (long long e = ptr[row] + thread; e < ptr[row + 1]; e += threads) found += number[column[e]] >= k;
    return found;
}

// The row's next number. Most stay, which one look tells; else k is halved in.
template <int THREADS> __device__ void settle(
    const long long* in_ptr, const int* in_column, const long long* out_ptr, const int* out_column, const int* number,
    long long row, int* part, int* next, unsigned* moved)
{
    const int thread = threadIdx.x % THREADS, before = number[row];
    int low = before < 1 ? before : 1, high = before, k = before;  // who has an arrow is in the 1-core
    while (low < high) {
        const int mine = at_least(k, in_ptr, in_column, number, row, thread, THREADS)
            + at_least(k, out_ptr, out_column, number, row, thread, THREADS);
        if (together<THREADS>(mine, part) >= k) low = k;
        else high = k - 1;
        k = low + (high - low + 1) / 2;
    }
    if (thread > 0) return;
    next[row] = low;
    if (low < before) atomicOr(moved, 1u);
}

// A round. The first `wide` of `rows` take a block each, the next `middle` a warp, the others, up to n, a thread.
extern "C" __global__ void __launch_bounds__(256) settle_cores(
    const int* rows, long long wide, long long middle, long long n, const long long* in_ptr, const int* in_column,
    const long long* out_ptr, const int* out_column, const int* number, int* next, unsigned* moved)
{
    __shared__ int part[WARPS];
    const long long warps = (middle + WARPS - 1) / WARPS, b = blockIdx.x;
    if (b < wide) {
        settle<256>(in_ptr, in_column, out_ptr, out_column, number, rows[b], part, next, moved);
    } else if (b < wide + warps) {
        const long long r = (b - wide) * WARPS + threadIdx.x / LANES;
        if (r < middle)
            settle<32>(in_ptr, in_column, out_ptr, out_column, number, rows[wide + r], part, next, moved);
    } else {
        const long long r = wide + middle + (b - wide - warps) * WARPS * LANES + threadIdx.x;
        if (r < n) settle<1>(in_ptr, in_column, out_ptr, out_column, number, rows[r], part, next, moved);
    }
}
