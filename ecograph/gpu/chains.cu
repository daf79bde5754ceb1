// Sums over chains of dependence, approached from below by steps x <- e + G x (Jacobi), 32 lanes side by side.
//
// Values of row i are x[32 i] to x[32 i + 31]: lane = column, so that a warp loads or stores a row in whole lines and
// each of its threads adds up one lane. One writer for each value, no atomics, sums in a stated order. A row of arrows
// is cut into tasks (ecograph/gpu/chains.py::plan), by its length:
//
//   short   a warp a row: one thread a lane, arrows in order, which is the CPU's order
//   middle  a block a row: each of 8 warps takes an equal stretch, the 8 sums are added in order
//   long    a block a piece of a row; finish_rows adds the pieces in order
//
// Blocks of the first `wide` tasks come first: they last longest.
#define LANES 32
#define WARPS 8  // of a block
#define ROWS 4   // short rows that a warp takes, so that sizes of changes are few

// Arrows begin to end - 1 of one row, in one lane.
__device__ double pulled(
    const int* column, const double* value, const double* x, long long begin, long long end, int lane)
{
    double total = 0.0;
    for (long long e = begin; e < end; ++e) total += value[e] * x[(long long)column[e] * LANES + lane];
    return total;
}

// Adds e, stores the row's new value and, where that's looked at, gives the size of its change.
__device__ double stored(double total, const int* start, const double* x, double* next, int row, int lane, int look)
{
    const long long at = (long long)row * LANES + lane;
    if (start[lane] == row) total += 1.0;
    next[at] = total;
    return look ? fabs(total - x[at]) : 0.0;
}

// The sum of 8 numbers of each lane, one a warp, in order; for the threads of warp 0.
__device__ double folded(const double* part, int lane)
{
    double total = 0.0;
    for (int w = 0; w < WARPS; ++w) total += part[w * LANES + lane];
    return total;
}

// One step. `target` of a task is its row, or -1 - p for piece p of a long row. With `look`, change[b] is by lane the
// sum of |next - x| over the rows that block b stored.
extern "C" __global__ void __launch_bounds__(256) pull_lanes(
    const long long* begin, const long long* end, const int* target, long long wide, long long tasks, const int* column,
    const double* value, const int* start, const double* x, double* next, double* piece, double* change, int look)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x;
    double moved = 0.0;
    if (b < wide) {
        const long long each = (end[b] - begin[b] + WARPS - 1) / WARPS;
        const long long from = begin[b] + warp * each, to = from + each < end[b] ? from + each : end[b];
        part[threadIdx.x] = pulled(column, value, x, from, to, lane);
        __syncthreads();
        if (warp == 0) {
            const double total = folded(part, lane);
            if (target[b] < 0) piece[(-1ll - target[b]) * LANES + lane] = total;
            else moved = stored(total, start, x, next, target[b], lane, look);
            if (look) change[b * LANES + lane] = moved;
        }
        return;
    }
    const long long first = wide + ((b - wide) * WARPS + warp) * ROWS;
    for (long long t = first; t < first + ROWS && t < tasks; ++t)
        moved += stored(pulled(column, value, x, begin[t], end[t], lane), start, x, next, target[t], lane, look);
    if (!look) return;
    part[threadIdx.x] = moved;
    __syncthreads();
    if (warp == 0) change[b * LANES + lane] = folded(part, lane);
}

// Long row r from its pieces bounds[r] to bounds[r + 1] - 1, one block of 32 threads each. Its change goes to place
// at + r.
extern "C" __global__ void finish_rows(
    const int* row, const int* bounds, const double* piece, long long rows, const int* start, const double* x,
    double* next, double* change, long long at, int look)
{
    const long long r = blockIdx.x;
    const int lane = threadIdx.x;
    if (r >= rows) return;
    double total = 0.0;
    for (int p = bounds[r]; p < bounds[r + 1]; ++p) total += piece[(long long)p * LANES + lane];
    const double moved = stored(total, start, x, next, row[r], lane, look);
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
