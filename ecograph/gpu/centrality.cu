// One vector at a time: sums over chains (walk_rows) and steps of a power method (power_rows), for all rows at once.
//
// One writer for each value, no atomics, sums in a stated order. Rows are shared out by their length as in chains.cu,
// but with the whole of a warp or block for the one sum (ecograph/gpu/centrality.py::Walks tells how many blocks):
//
//   short   a thread a row: arrows in order, which is the CPU's order
//   middle  a warp a row: thread l takes arrows l, l + 32, ...; then the 32 sums, those 16 apart first, then 8, 4, 2, 1
//   long    a block a piece of a row: thread t takes arrows t, t + 256, ...; then each warp as above, then the 8 in
//           order. finish_walks and finish_powers, one thread a row, add the pieces in order
#define LANES 32
#define WARPS 8
#define THREADS 256
#define SEEN 3  // numbers that a block tells of when it's looked at
#define ALL 0xFFFFFFFFu

struct Seen { double part[SEEN]; };

// Every `apart`-th arrow from `begin` on.
__device__ double pulled(
    const int* column, const double* value, const double* x, long long begin, long long end, int apart)
{
    double total = 0.0;
    for (long long e = begin; e < end; e += apart) total += value[e] * x[column[e]];
    return total;
}

// Over the lanes of a warp, the same in each: their sum, or the largest.
__device__ double over_warp(double value, bool largest)
{
    for (int apart = LANES / 2; apart > 0; apart /= 2) {
        const double other = __shfl_xor_sync(ALL, value, apart);
        value = largest ? fmax(value, other) : value + other;
    }
    return value;
}

// The sum over a block: each warp as above, then the 8 in order; for thread 0. No template shares
// memory by itself: what runs kernels without a GPU can't tell it from other memory then.
__device__ double over_block(double value)
{
    __shared__ double part[WARPS];
    value = over_warp(value, false);
    if (threadIdx.x % LANES == 0) part[threadIdx.x / LANES] = value;
    __syncthreads();
    double total = 0.0;
    for (int w = 0; w < WARPS && threadIdx.x == 0; ++w) total += part[w];
    return total;
}

// What the threads of a block saw, as place b of `told`: sums, and from number `largest` on the largest.
__device__ void tell(const Seen& seen, int largest, double* told, long long b)
{
    __shared__ double part[SEEN * WARPS];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    for (int k = 0; k < SEEN; ++k) {
        const double value = over_warp(seen.part[k], k >= largest);
        if (lane == 0) part[k * WARPS + warp] = value;
    }
    __syncthreads();
    if (threadIdx.x >= SEEN) return;
    double total = part[threadIdx.x * WARPS];
    for (int w = 1; w < WARPS; ++w) {
        const double other = part[threadIdx.x * WARPS + w];
        total = (int)threadIdx.x >= largest ? fmax(total, other) : total + other;
    }
    told[b * SEEN + threadIdx.x] = total;
}

// A row of sum_t G^t e: its change d' = by (G d), but 0 in row `held`; x and `since` take it up, `since` afresh where
// that's asked for. Sees the sum of weight * d', and the largest d' / begun and since / x: infinite where d' comes to be.
struct Walk {
    double by;
    long long held;
    const double* weight;
    const double* begun;
    double* next;
    double* x;
    double* since;
    int fresh, look;
    Seen seen;

    __device__ void operator()(int row, double total)
    {
        const double change = row == held ? 0.0 : by * total;
        next[row] = change;
        const double sum = x[row] + change, recent = (fresh ? 0.0 : since[row]) + change;
        x[row] = sum;
        since[row] = recent;
        if (!look) return;
        const double before = begun[row];
        seen.part[0] += weight[row] * change;
        if (change > 0.0) seen.part[1] = fmax(seen.part[1], before > 0.0 ? change / before : 1.0 / 0.0);
        if (sum > 0.0) seen.part[2] = fmax(seen.part[2], recent / sum);
    }
};

// A row of x' = by (S x + shift old). With `square`, sees the sums of x' old, old^2 and (x' - theta old)^2; without, of
// x', old and |x' - theta old|: the first over the second is by how much a step grows.
struct Power {
    double by, shift, theta;
    const double* old;
    double* next;
    int square, look;
    Seen seen;

    __device__ void operator()(int row, double total)
    {
        const double before = old[row], value = by * (total + shift * before);
        next[row] = value;
        if (!look) return;
        const double apart = value - theta * before;
        seen.part[0] += square ? value * before : value;
        seen.part[1] += square ? before * before : before;
        seen.part[2] += square ? apart * apart : fabs(apart);
    }
};

// Every row that isn't long, and the pieces of those that are.
template <class Finish>
__device__ void each_row(
    const long long* begin, const long long* end, const int* target, long long pieces, long long wide, long long tasks,
    const int* column, const double* value, const double* x, double* piece, Finish& finish)
{
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x, middle = pieces + (wide - pieces + WARPS - 1) / WARPS;
    if (b < pieces) {
        const double total = over_block(pulled(column, value, x, begin[b] + threadIdx.x, end[b], THREADS));
        if (threadIdx.x == 0) piece[-1ll - target[b]] = total;
    } else if (b < middle) {
        const long long t = pieces + (b - pieces) * WARPS + warp;
        if (t >= wide) return;
        const double total = over_warp(pulled(column, value, x, begin[t] + lane, end[t], LANES), false);
        if (lane == 0) finish(target[t], total);
    } else {
        const long long t = wide + (b - middle) * THREADS + threadIdx.x;
        if (t < tasks) finish(target[t], pulled(column, value, x, begin[t], end[t], 1));
    }
}

// Long rows from their pieces, one thread each.
template <class Finish>
__device__ void each_long_row(
    const int* row, const int* bounds, const double* piece, long long rows, Finish& finish)
{
    const long long r = (long long)blockIdx.x * THREADS + threadIdx.x;
    if (r >= rows) return;
    double total = 0.0;
    for (int p = bounds[r]; p < bounds[r + 1]; ++p) total += piece[p];
    finish(row[r], total);
}

extern "C" __global__ void __launch_bounds__(256) walk_rows(
    const long long* begin, const long long* end, const int* target, long long pieces, long long wide, long long tasks,
    const int* column, const double* value, const double* d, double* piece, double by, long long held,
    const double* weight, const double* begun, double* next, double* x, double* since, int fresh, int look,
    double* told)
{
    Walk walk = {by, held, weight, begun, next, x, since, fresh, look, {}};
    each_row(begin, end, target, pieces, wide, tasks, column, value, d, piece, walk);
    if (look) tell(walk.seen, 1, told, blockIdx.x);
}

// What walk_rows does, for the rows in pieces; what blocks see goes to places from `at` on.
extern "C" __global__ void __launch_bounds__(256) finish_walks(
    const int* row, const int* bounds, const double* piece, long long rows, double by, long long held,
    const double* weight, const double* begun, double* next, double* x, double* since, int fresh, int look,
    double* told, long long at)
{
    Walk walk = {by, held, weight, begun, next, x, since, fresh, look, {}};
    each_long_row(row, bounds, piece, rows, walk);
    if (look) tell(walk.seen, 1, told, at + blockIdx.x);
}

extern "C" __global__ void __launch_bounds__(256) power_rows(
    const long long* begin, const long long* end, const int* target, long long pieces, long long wide, long long tasks,
    const int* column, const double* value, const double* x, double* piece, double by, double shift, double theta,
    const double* old, double* next, int square, int look, double* told)
{
    Power power = {by, shift, theta, old, next, square, look, {}};
    each_row(begin, end, target, pieces, wide, tasks, column, value, x, piece, power);
    if (look) tell(power.seen, SEEN, told, blockIdx.x);
}

// What power_rows does, for the rows in pieces.
extern "C" __global__ void __launch_bounds__(256) finish_powers(
    const int* row, const int* bounds, const double* piece, long long rows, double by, double shift, double theta,
    const double* old, double* next, int square, int look, double* told, long long at)
{
    Power power = {by, shift, theta, old, next, square, look, {}};
    each_long_row(row, bounds, piece, rows, power);
    if (look) tell(power.seen, SEEN, told, at + blockIdx.x);
}

// What n blocks told, as one: sums, and from number `largest` on the largest. One block of SEEN warps; thread l of a
// warp takes places l, l + 32, ..., then the 32 as over_warp does.
extern "C" __global__ void __launch_bounds__(96) fold_told(const double* told, long long n, int largest, double* out)
{
    const int k = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    double total = 0.0;
    for (long long b = lane; b < n; b += LANES) {
        const double other = told[b * SEEN + k];
        total = k >= largest ? fmax(total, other) : total + other;
    }
    total = over_warp(total, k >= largest);
    if (lane == 0) out[k] = total;
}
