// Sums over chains of dependence, x = sum_t G^t e, in the form of changes: d <- G d, x <- x + d, 32 lanes side by side.
// Nothing that isn't negative is ever subtracted, so no digits cancel.
//
// Values of row i are d[32 i] to d[32 i + 31]: lane = column, so that a warp loads or stores a row in whole lines and
// each of its threads adds up one lane. One writer for each value, no atomics, sums in a stated order. A row of arrows
// is cut into tasks (ecograph/gpu/chains.py::plan), by its length:
//
//   short   a warp a row: one thread a lane, arrows in order, which is the CPU's order
//   middle  a block a row: each of 8 warps takes an equal stretch, the 8 sums are added in order
//   long    a block a piece of a row; finish_rows adds the pieces in order
//
// Blocks of the first `wide` tasks come first: they last longest.
#ifndef WIDTH
#define WIDTH 32  // lanes side by side; fewer where memory is short (in_chunks of _module.py)
#endif
#define LANES WIDTH  // of them a group of threads, here called a warp: the order of sums is that of 32
#define WARPS 8  // of a block
#define ROWS 4   // short rows that a warp takes, so that sizes of changes are few

// Arrows begin to end - 1 of one row, in one lane. With `own`, each lane has its values: those of arrow e are
// value[32 e] to value[32 e + 31].
__device__ double pulled(
    const int* column, const double* value, const double* d, long long begin, long long end, int lane, int own)
{
    double total = 0.0;
    for (long long e = begin; e < end; ++e)
        total += value[own ? e * LANES + lane : e] * d[(long long)column[e] * LANES + lane];
    return total;
}

// Stores a row's change, adds it to x and, where that's looked at, gives what it counts.
__device__ double stored(
    double total, const int* held, const double* weight, double* next, double* x, int row, int lane, int look)
{
    const long long at = (long long)row * LANES + lane;
    if (held[lane] == row) total = 0.0;
    next[at] = total;
    x[at] += total;
    return look ? weight[row] * total : 0.0;
}

// The sum of 8 numbers of each lane, one a warp, in order; for the threads of warp 0.
__device__ double folded(const double* part, int lane)
{
    double total = 0.0;
    for (int w = 0; w < WARPS; ++w) total += part[w * LANES + lane];
    return total;
}

// One step: d' = by (G d) but 0 in the row `held` of a lane, x += d'. `target` of a task is its row, or -1 - p for
// piece p of a long row. With `look`, change[b] is by lane the sum of weight * d' over the rows that block b stored.
extern "C" __global__ void __launch_bounds__(256) pull_lanes(
    const long long* begin, const long long* end, const int* target, long long wide, long long tasks, const int* column,
    const double* value, int own, double by, const int* held, const double* weight, const double* d, double* next, double* x,
    double* piece, double* change, int look)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x;
    double moved = 0.0;
    if (b < wide) {
        const long long each = (end[b] - begin[b] + WARPS - 1) / WARPS;
        const long long from = begin[b] + warp * each, to = from + each < end[b] ? from + each : end[b];
        part[threadIdx.x] = pulled(column, value, d, from, to, lane, own);
        __syncthreads();
        if (warp == 0) {
            const double total = folded(part, lane);
            if (target[b] < 0) piece[(-1ll - target[b]) * LANES + lane] = total;
            else moved = stored(by * total, held, weight, next, x, target[b], lane, look);
            if (look) change[b * LANES + lane] = moved;
        }
        return;
    }
    const long long first = wide + ((b - wide) * WARPS + warp) * ROWS;
    for (long long t = first; t < first + ROWS && t < tasks; ++t) {
        const double total = pulled(column, value, d, begin[t], end[t], lane, own);
        moved += stored(by * total, held, weight, next, x, target[t], lane, look);
    }
    if (!look) return;
    part[threadIdx.x] = moved;
    __syncthreads();
    if (warp == 0) change[b * LANES + lane] = folded(part, lane);
}

// Long row r from its pieces bounds[r] to bounds[r + 1] - 1, one block of 32 threads each. Its change goes to place
// at + r.
extern "C" __global__ void finish_rows(
    const int* row, const int* bounds, const double* piece, long long rows, double by, const int* held,
    const double* weight, double* next, double* x, double* change, long long at, int look)
{
    const long long r = blockIdx.x;
    const int lane = threadIdx.x;
    if (r >= rows) return;
    double total = 0.0;
    for (int p = bounds[r]; p < bounds[r + 1]; ++p) total += piece[(long long)p * LANES + lane];
    const double moved = stored(by * total, held, weight, next, x, row[r], lane, look);
    if (look) change[(at + r) * LANES + lane] = moved;
}

// out = the sum of change over n blocks, by lane; one block of 8 warps, an equal stretch each, added in order.
extern "C" __global__ void __launch_bounds__(256) sum_changes(const double* change, long long n, double* out)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long each = (n + WARPS - 1) / WARPS;
    double total = 0.0;
    for (long long b = warp * each; b < (warp + 1) * each && b < n; ++b) total += change[b * LANES + lane];
    part[threadIdx.x] = total;
    __syncthreads();
    if (warp == 0) out[lane] = folded(part, lane);
}

// Lane l begins in row start[l], with 1 in d and in x; -1: nowhere. A warp.
extern "C" __global__ void begin_lanes(const int* start, double* d, double* x)
{
    const long long at = (long long)start[threadIdx.x] * LANES + threadIdx.x;
    if (at < 0) return;
    d[at] = 1.0;
    x[at] = 1.0;
}

// Lanes that are done change no more: x stays, and a lane's result doesn't depend on who is beside it.
extern "C" __global__ void still_lanes(const int* done, double* d, long long count)
{
    const long long at = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (at < count && done[at % LANES]) d[at] = 0.0;
}

// By lane the sums of the positive and the negative parts of e + y - x, which for y = G x tells how far x is from the
// sum that it stands for; e is 1 in row start[l]. A warp takes ROWS rows; block b tells plus[b] and minus[b].
extern "C" __global__ void __launch_bounds__(256) residual_rows(
    const int* start, const double* y, const double* x, double* plus, double* minus, long long rows)
{
    __shared__ double more[WARPS * LANES];
    __shared__ double less[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x, first = (b * WARPS + warp) * ROWS;
    double over = 0.0, under = 0.0;
    for (long long r = first; r < first + ROWS && r < rows; ++r) {
        const double rho = ((start[lane] == r ? 1.0 : 0.0) - x[r * LANES + lane]) + y[r * LANES + lane];
        if (rho > 0.0) over += rho;
        else under -= rho;
    }
    more[threadIdx.x] = over;
    less[threadIdx.x] = under;
    __syncthreads();
    if (warp == 0) plus[b * LANES + lane] = folded(more, lane);
    if (warp == 1) minus[b * LANES + lane] = folded(less, lane);
}

// Rows at[k] of x, one after another; a warp each.
extern "C" __global__ void __launch_bounds__(256) take_rows(
    const long long* at, const double* x, double* out, long long count)
{
    const long long k = (long long)blockIdx.x * WARPS + threadIdx.x / LANES;
    const int lane = threadIdx.x % LANES;
    if (k < count) out[k * LANES + lane] = x[at[k] * LANES + lane];
}

// The smallest d / before of each lane where before > 0, of the 32 values in a line; a warp takes ROWS lines. With one
// lane, 32 rows make a line. Below 1, so that what slowest allows is finite.
extern "C" __global__ void __launch_bounds__(256) slowest_lanes(
    const double* before, const double* d, double* slowest, long long count)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long first = ((long long)blockIdx.x * WARPS + warp) * ROWS;
    double least = 1.0 - 1e-12;
    for (long long line = first; line < first + ROWS; ++line) {
        const long long at = line * LANES + lane;
        if (at < count && before[at] > 0.0) least = fmin(least, d[at] / before[at]);
    }
    part[threadIdx.x] = least;
    __syncthreads();
    if (warp != 0) return;
    for (int w = 1; w < WARPS; ++w) least = fmin(least, part[w * LANES + lane]);
    slowest[(long long)blockIdx.x * LANES + lane] = least;
}

// The smallest of n blocks by lane, or with `lanes` 1 of all; one block of 8 warps.
extern "C" __global__ void __launch_bounds__(256) fold_slowest(const double* slowest, long long n, int lanes, double* out)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    double least = 1.0 - 1e-12;
    for (long long b = warp; b < n; b += WARPS) least = fmin(least, slowest[b * LANES + lane]);
    part[threadIdx.x] = least;
    __syncthreads();
    if (warp != 0) return;
    for (int k = lanes == 1 ? 0 : lane; k < WARPS * LANES; k += lanes == 1 ? 1 : LANES) least = fmin(least, part[k]);
    out[lane] = least;
}

// Twin of cpu/chains.py::stretch_lanes, which tells why this stays below the answer: the longest jump along the last
// change d = G before. change[b] is by lane the sum of weight * d after it.
extern "C" __global__ void __launch_bounds__(256) stretch_lanes(
    const double* slowest, const double* before, const double* weight, int lanes, double* d, double* x, double* change,
    long long count)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long first = ((long long)blockIdx.x * WARPS + warp) * ROWS;
    const double m = slowest[lane], t = m > 0.0 ? 1.0 / (1.0 - m) : 1.0;
    double counted = 0.0;
    for (long long line = first; line < first + ROWS; ++line) {
        const long long at = line * LANES + lane;
        if (at >= count) break;
        const double last = d[at], next = fmax(0.0, t * last - (t - 1.0) * before[at]);
        x[at] += (t - 1.0) * last;
        d[at] = next;
        counted += weight[at / lanes] * next;
    }
    part[threadIdx.x] = counted;
    __syncthreads();
    if (warp == 0) change[(long long)blockIdx.x * LANES + lane] = folded(part, lane);
}
