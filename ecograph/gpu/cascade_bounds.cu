// How far is a state from the greatest fixed point? What ecograph/cpu/cascade_bounds.py asks, of 32 lanes at a time; the
// rounds in between are those of cascade.cu. `met` has a bit for each lane whose loss comes to a row, though too small
// for float64 to tell. One writer a number; atomics are on whole numbers, or on bits that order as numbers do.
#ifndef WIDTH
#define WIDTH 32  // lanes side by side; fewer where memory is short (in_chunks of _module.py)
#endif
#define LANES 32  // threads of a warp; those from WIDTH on are in no lane: their bits stay 0, they store nothing
#define WARPS 8  // of a block
#define ROWS 4   // rows that a warp takes
#define ALL 0xffffffffu
typedef unsigned long long u8;

// Of lane `lane` of a row, or `idle` for a thread without a lane.
__device__ double got(const double* x, long long row, int lane, double idle)
{
    return WIDTH == LANES || lane < WIDTH ? x[row * WIDTH + lane] : idle;
}

__device__ void put(double value, double* x, long long row, int lane)
{
    if (WIDTH == LANES || lane < WIDTH) x[row * WIDTH + lane] = value;
}

__device__ unsigned joined(unsigned word)
{
    for (int step = LANES / 2; step > 0; step /= 2) word |= __shfl_xor_sync(ALL, word, step);
    return word;
}

// Lanes in which a row lost something.
extern "C" __global__ void __launch_bounds__(256) begin_met(
    const double* h, const unsigned* hit, long long n, unsigned* met)
{
    const int lane = threadIdx.x % LANES;
    const long long first = ((long long)blockIdx.x * WARPS + threadIdx.x / LANES) * ROWS;
    for (long long i = first; i < first + ROWS && i < n; ++i) {
        const unsigned word = hit[i] ? __ballot_sync(ALL, got(h, i, lane, 1.0) < 1.0) : 0;
        if (lane == 0) met[i] = word;
    }
}

// One step farther along what rows read. The row at place t has all entries from bound[first[t]] to
// bound[first[t + 1]]; places from `narrow` on have more than 64 and take a block each, which come first. *grew: did any?
extern "C" __global__ void __launch_bounds__(256) spread_met(
    const int* row, const long long* first, const long long* bound, const int* column, long long narrow,
    long long places, const unsigned* met, unsigned* next, unsigned* grew)
{
    __shared__ unsigned part[WARPS];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long wide = places - narrow, b = blockIdx.x;
    if (b < wide) {
        const long long t = narrow + b, end = bound[first[t + 1]];
        unsigned got = 0;
        for (long long e = bound[first[t]] + threadIdx.x; e < end; e += WARPS * LANES) got |= met[column[e]];
        got = joined(got);
        if (lane == 0) part[warp] = got;
        __syncthreads();
        if (warp > 0) return;
        const unsigned before = met[row[t]], word = before | joined(lane < WARPS ? part[lane] : 0);
        if (lane == 0) {
            next[row[t]] = word;
            if (word != before) atomicOr(grew, 1u);
        }
        return;
    }
    const long long begin = ((b - wide) * WARPS + warp) * ROWS;
    for (long long t = begin; t < begin + ROWS && t < narrow; ++t) {
        const long long end = bound[first[t + 1]];
        unsigned got = 0;
        for (long long e = bound[first[t]] + lane; e < end; e += LANES) got |= met[column[e]];
        const unsigned before = met[row[t]], word = before | joined(got);
        if (lane == 0) {
            next[row[t]] = word;
            if (word != before) atomicOr(grew, 1u);
        }
    }
}

// The most terms that a row met in a lane adds up.
extern "C" __global__ void __launch_bounds__(256) longest_met(
    const int* row, const long long* first, const long long* bound, const unsigned* met, long long n, unsigned* longest)
{
    const int lane = threadIdx.x % LANES;
    const long long begin = ((long long)blockIdx.x * WARPS + threadIdx.x / LANES) * ROWS;
    unsigned mine = 0;
    for (long long t = begin; t < begin + ROWS && t < n; ++t) {
        const unsigned terms = (unsigned)(bound[first[t + 1]] - bound[first[t]]);
        if ((met[row[t]] >> lane & 1) && terms > mine) mine = terms;
    }
    if (mine) atomicMax(longest + lane, mine);
}

// What was kept less a step, 0 at least, in lanes met.
__device__ double lowered(double kept, unsigned word, int lane, double step)
{
    return fmax(0.0, kept - (word >> lane & 1 ? step : 0.0));
}

// Every row of the state that is tried: step[lane] below what is kept.
extern "C" __global__ void __launch_bounds__(256) lower_rows(
    const double* kept, const unsigned* met, const double* step, long long n, double* h)
{
    const int lane = threadIdx.x % LANES;
    const long long first = ((long long)blockIdx.x * WARPS + threadIdx.x / LANES) * ROWS;
    for (long long i = first; i < first + ROWS && i < n; ++i)
        put(lowered(got(kept, i, lane, 1.0), met[i], lane, step[lane]), h, i, lane);
}

// A round: take over, of rows met, surely no more than what is left (step[32 + lane] is more than it rounds up by), and
// tell the farthest below the start yet.
extern "C" __global__ void __launch_bounds__(256) rise_rows(
    const int* row, const long long* first, const double* sums, const unsigned* struck, const double* most,
    const unsigned* met, const double* kept, const double* step, long long n, double* h, u8* worst)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long begin = ((long long)blockIdx.x * WARPS + warp) * ROWS;
    double mine = 0.0;
    for (long long t = begin; t < begin + ROWS && t < n; ++t) {
        const long long i = row[t];
        const unsigned word = met[i];
        if (!word) continue;
        double largest = 0.0;
        for (long long r = first[t]; r < first[t + 1]; ++r) largest = fmax(largest, got(sums, r, lane, 0.0));
        double left = fmax(0.0, 1.0 - largest);
        if (struck[i] >> lane & 1) left = fmin(left, most[i * WIDTH + lane]);
        const double risen = lowered(left, word, lane, step[LANES + lane]);
        put(risen, h, i, lane);
        mine = fmax(mine, lowered(got(kept, i, lane, 0.0), word, lane, step[lane]) - risen);
    }
    part[threadIdx.x] = mine;
    __syncthreads();
    if (warp > 0) return;
    double most_of_all = 0.0;
    for (int w = 0; w < WARPS; ++w) most_of_all = fmax(most_of_all, part[w * LANES + lane]);
    if (most_of_all > 0.0) atomicMax(worst + lane, (u8)__double_as_longlong(most_of_all));
}

// After a round: below[lane] stays 1 where some row is below its start still. One block of 32 threads.
extern "C" __global__ void decide_rise(u8* worst, unsigned* below)
{
    if (blockIdx.x > 0) return;
    if (!worst[threadIdx.x]) below[threadIdx.x] = 0;
    worst[threadIdx.x] = 0;
}
