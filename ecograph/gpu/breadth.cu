// Shortest paths in hops from 32 sources at a time: lane = source.
//
// Numbers of participant v are sigma[32 v] to sigma[32 v + 31], so that a warp loads or stores them in whole lines; one
// word a participant has a bit for each lane: `front` who is in a level, `seen` who was reached so far. Both ways are a
// pull: a row asks of its arrows who is in the level before (or behind), so that each number has one writer and sums
// have a stated order; a row whose word is empty asks nobody. Rows are shared out as in chains.cu: up to 64 arrows a
// warp's, up to 4096 a block's (eight stretches, added in order), longer ones in pieces of 4096 that finish_* adds up.
//
// A number that one thread stores is read by nobody in that launch: a lane of v is stored in the level in which v is
// reached, and read in later ones. (A source that may be reached again is the exception: who asks at level 1 reads its
// first number, and none of its own arrows leads to it.) Atomics are on whole numbers only: the same in any order.
#ifndef WIDTH
#define WIDTH 32  // lanes side by side; fewer where memory is short (in_chunks of _module.py)
#endif
#define LANES 32  // threads of a warp; those from WIDTH on search nothing, and their bits stay 0
#define WARPS 8  // of a block
#define ROWS 4   // short rows that a warp takes
#define ALL 0xffffffffu
typedef unsigned long long u8;

// Sources first, first + 1, ... before last, a lane each. Who may be reached again (node[2 n + s] > 0) isn't seen yet.
extern "C" __global__ void begin_searches(
    const int* source, long long first, long long last, const double* node, long long n, unsigned* front, unsigned* seen,
    double* sigma, int paths)
{
    const long long q = first + threadIdx.x;
    if (blockIdx.x > 0 || q >= last) return;
    const int s = source[q];
    atomicOr(front + s, 1u << threadIdx.x);
    if (!(node[2 * n + s] > 0.0)) atomicOr(seen + s, 1u << threadIdx.x);
    if (paths) sigma[(long long)s * WIDTH + threadIdx.x] = 1.0;
}

// Paths that arrows begin to end - 1 bring from the level before, in one lane of those wanted. Copies of v (node[v])
// bring as many each.
__device__ double brought(
    const int* column, const double* node, const unsigned* front, const double* sigma, unsigned want, long long begin,
    long long end, int lane)
{
    double total = 0.0;
    for (long long e = begin; e < end; ++e) {
        const long long v = column[e];
        if ((front[v] & want) >> lane & 1) total += sigma[v * WIDTH + lane] * node[v];
    }
    return total;
}

// Store what a warp found of a row; returns how many targets that is in this lane.
__device__ u8 reached(
    double total, long long row, int lane, const double* node, long long n, unsigned* next, unsigned* seen, double* sigma)
{
    const bool here = total > 0.0;
    const unsigned got = __ballot_sync(ALL, here);
    if (here) sigma[row * WIDTH + lane] = total;
    __syncwarp();  // all have read seen[row]
    if (lane == 0) {
        next[row] = got;
        if (got) seen[row] |= got;
    }
    return here ? (u8)node[n + row] : 0;
}

// The sum of 8 numbers of each lane, one a warp, in order; for the threads of warp 0.
__device__ double folded(const double* part, int lane)
{
    double total = 0.0;
    for (int w = 0; w < WARPS; ++w) total += part[w * LANES + lane];
    return total;
}

// Add what a block found to count[lane].
__device__ void counted(u8 found, u8* share, int lane, int warp, u8* count)
{
    share[threadIdx.x] = found;
    __syncthreads();
    if (warp > 0) return;
    u8 total = 0;
    for (int w = 0; w < WARPS; ++w) total += share[w * LANES + lane];
    if (total) atomicAdd(count + lane, total);
}

// A level, from the one before: who is reached in the `active` lanes, over how many paths. `owner` has the row of each
// piece.
extern "C" __global__ void __launch_bounds__(256) pull_paths(
    const long long* begin, const long long* end, const int* target, const int* owner, long long wide, long long tasks,
    const int* column, const double* node, long long n, unsigned active, const unsigned* front, unsigned* next,
    unsigned* seen, double* sigma, double* piece, u8* count)
{
    __shared__ double part[WARPS * LANES];
    __shared__ u8 share[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x;
    if (b < wide) {
        const int p = -1 - target[b];
        const long long row = p < 0 ? target[b] : owner[p];
        const unsigned want = active & ~seen[row];
        if (!want) {
            if (p < 0 && threadIdx.x == 0) next[row] = 0;
            return;
        }
        const long long each = (end[b] - begin[b] + WARPS - 1) / WARPS;
        const long long from = begin[b] + warp * each, to = from + each < end[b] ? from + each : end[b];
        part[threadIdx.x] = brought(column, node, front, sigma, want, from, to, lane);
        __syncthreads();
        if (warp > 0) return;
        const double total = folded(part, lane);
        if (p >= 0) piece[(long long)p * LANES + lane] = total;
        else if (const u8 found = reached(total, row, lane, node, n, next, seen, sigma)) atomicAdd(count + lane, found);
        return;
    }
    const long long first = wide + ((b - wide) * WARPS + warp) * ROWS;
    u8 found = 0;
    for (long long t = first; t < first + ROWS && t < tasks; ++t) {
        const long long row = target[t];
        const unsigned want = active & ~seen[row];
        if (want)
            found += reached(brought(column, node, front, sigma, want, begin[t], end[t], lane), row, lane, node, n, next,
                seen, sigma);
        else if (lane == 0) next[row] = 0;
    }
    counted(found, share, lane, warp, count);
}

// Long row r from its pieces bounds[r] to bounds[r + 1] - 1, one block of 32 threads each.
extern "C" __global__ void finish_paths(
    const int* row, const int* bounds, const double* piece, long long rows, const double* node, long long n,
    unsigned active, unsigned* next, unsigned* seen, double* sigma, u8* count)
{
    const long long r = blockIdx.x;
    const int lane = threadIdx.x;
    if (r >= rows) return;
    double total = 0.0;
    if (active & ~seen[row[r]])  // else its pieces weren't made
        for (int p = bounds[r]; p < bounds[r + 1]; ++p) total += piece[(long long)p * LANES + lane];
    if (const u8 found = reached(total, row[r], lane, node, n, next, seen, sigma)) atomicAdd(count + lane, found);
}

// Whether any lane of a warp has each bit.
__device__ unsigned joined(unsigned word)
{
    for (int step = LANES / 2; step > 0; step /= 2) word |= __shfl_xor_sync(ALL, word, step);
    return word;
}

// Who is reached, and nothing else: as pull_paths, but the arrows of a row are dealt out to threads, all lanes in a word.
extern "C" __global__ void __launch_bounds__(256) pull_masks(
    const long long* begin, const long long* end, const int* target, const int* owner, long long wide, long long tasks,
    const int* column, unsigned active, const unsigned* front, unsigned* next, unsigned* seen, unsigned* piece, u8* count)
{
    __shared__ unsigned part[WARPS];
    __shared__ u8 share[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x;
    u8 found = 0;
    if (b < wide) {
        const int p = -1 - target[b];
        const long long row = p < 0 ? target[b] : owner[p];
        const unsigned want = active & ~seen[row];
        unsigned got = 0;
        if (want)
            for (long long e = begin[b] + threadIdx.x; e < end[b]; e += WARPS * LANES) got |= front[column[e]];
        got = joined(got);
        if (lane == 0) part[warp] = got;
        __syncthreads();
        if (warp > 0) return;
        got = joined(lane < WARPS ? part[lane] : 0) & want;
        if (p >= 0) {
            if (lane == 0) piece[p] = got;
            return;
        }
        if (lane == 0) {
            next[row] = got;
            if (got) seen[row] |= got;
        }
        if (got >> lane & 1) atomicAdd(count + lane, 1ull);
        return;
    }
    const long long first = wide + ((b - wide) * WARPS + warp) * ROWS;
    for (long long t = first; t < first + ROWS && t < tasks; ++t) {
        const long long row = target[t];
        const unsigned want = active & ~seen[row];
        unsigned got = 0;
        if (want)
            for (long long e = begin[t] + lane; e < end[t]; e += LANES) got |= front[column[e]];
        got = joined(got) & want;
        __syncwarp();  // all have read seen[row]
        if (lane == 0) {
            next[row] = got;
            if (got) seen[row] |= got;
        }
        found += got >> lane & 1;
    }
    counted(found, share, lane, warp, count);
}

// Long rows of pull_masks, a thread each.
extern "C" __global__ void finish_masks(
    const int* row, const int* bounds, const unsigned* piece, long long rows, unsigned* next, unsigned* seen, u8* count)
{
    const long long r = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (r >= rows) return;
    unsigned got = 0;
    for (int p = bounds[r]; p < bounds[r + 1]; ++p) got |= piece[p];
    next[row[r]] = got;
    seen[row[r]] |= got;
    for (int lane = 0; lane < LANES; ++lane)
        if (got >> lane & 1) atomicAdd(count + lane, 1ull);
}

// What arrows begin to end - 1 add up of those behind, in one lane of `mine`.
__device__ double behind_of(
    const int* column, const unsigned* ahead, const double* behind, unsigned mine, long long begin, long long end, int lane)
{
    double total = 0.0;
    for (long long e = begin; e < end; ++e) {
        const long long w = column[e];
        if ((ahead[w] & mine) >> lane & 1) total += behind[w * WIDTH + lane];
    }
    return total;
}

// A row of a level, from the sum x over who is behind it: sigma becomes the dependency, behind what those before add
// up. As ecograph/cpu/breadth.py::gather, whose targets of the source itself are node[2 n + s].
__device__ void passed(
    double x, unsigned mine, long long row, int lane, const int* source, const double* node, long long n, double* behind,
    double* sigma)
{
    if (!(mine >> lane & 1)) return;
    const long long at = row * WIDTH + lane;
    const double paths = sigma[at], targets = node[(source[lane] == row ? 2 : 1) * n + row];
    behind[at] = targets / paths + node[row] * x;
    sigma[at] = paths * x;
}

// The way back through one level (`front`), from the one behind it (`ahead`; `last`: there is none). `source` begins
// with the first lane's.
extern "C" __global__ void __launch_bounds__(256) pull_behind(
    const long long* begin, const long long* end, const int* target, const int* owner, long long wide, long long tasks,
    const int* column, const int* sources, long long from_source, const double* node, long long n, int last,
    const unsigned* front, const unsigned* ahead, double* behind, double* sigma, double* piece)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const int* source = sources + from_source;
    const long long b = blockIdx.x;
    if (b < wide) {
        const int p = -1 - target[b];
        const long long row = p < 0 ? target[b] : owner[p];
        const unsigned mine = front[row];
        if (!mine) return;
        const long long each = (end[b] - begin[b] + WARPS - 1) / WARPS;
        const long long from = begin[b] + warp * each, to = from + each < end[b] ? from + each : end[b];
        part[threadIdx.x] = last ? 0.0 : behind_of(column, ahead, behind, mine, from, to, lane);
        __syncthreads();
        if (warp > 0) return;
        const double total = folded(part, lane);
        if (p >= 0) piece[(long long)p * LANES + lane] = total;
        else passed(total, mine, row, lane, source, node, n, behind, sigma);
        return;
    }
    const long long first = wide + ((b - wide) * WARPS + warp) * ROWS;
    for (long long t = first; t < first + ROWS && t < tasks; ++t) {
        const long long row = target[t];
        const unsigned mine = front[row];
        if (!mine) continue;
        const double x = last ? 0.0 : behind_of(column, ahead, behind, mine, begin[t], end[t], lane);
        passed(x, mine, row, lane, source, node, n, behind, sigma);
    }
}

// Long rows of pull_behind, one block of 32 threads each.
extern "C" __global__ void finish_behind(
    const int* row, const int* bounds, const double* piece, long long rows, const int* sources, long long from_source,
    const double* node, long long n, const unsigned* front, double* behind, double* sigma)
{
    const long long r = blockIdx.x;
    const int lane = threadIdx.x;
    if (r >= rows) return;
    const unsigned mine = front[row[r]];
    if (!mine) return;
    double total = 0.0;
    for (int p = bounds[r]; p < bounds[r + 1]; ++p) total += piece[(long long)p * LANES + lane];
    passed(total, mine, row[r], lane, sources + from_source, node, n, behind, sigma);
}

// Was v reached in this lane, by other than being where it starts? s is the lane's source, -1 for none.
__device__ bool counts(const unsigned* seen, const double* node, long long n, long long v, int s, int lane)
{
    return (seen[v] >> lane & 1) && !(s == v && !(node[2 * n + v] > 0.0));
}

// What 32 searches found, added to sums over sources, a warp a participant. The sums are 16 a participant, and lanes l
// and l + 16 go to the l-th in this order: as ecograph/cpu/paths.py deals sources out to blocks. again[q] is 1 where
// source q was reached again.
extern "C" __global__ void __launch_bounds__(256) add_lanes(
    const int* source, long long first, long long last, const double* node, long long n, const unsigned* seen,
    const double* delta, int squares, double* total, double* other, int* again)
{
    const int lane = threadIdx.x % LANES;
    const long long v = (long long)blockIdx.x * WARPS + threadIdx.x / LANES, q = first + lane;
    if (v >= n || !seen[v]) return;
    const int s = q < last ? source[q] : -1;
    const bool here = counts(seen, node, n, v, s, lane);
    const double d = here ? delta[v * WIDTH + lane] : 0.0, weight = s < 0 ? 0.0 : node[3 * n + s];
    const double one = weight * d, two = squares ? d * d : here ? weight : 0.0;
    const double upper = __shfl_down_sync(ALL, one, 16), upper_two = __shfl_down_sync(ALL, two, 16);
    if (here && s == v) again[q] = 1;
    if (lane >= 16) return;
    total[v * 16 + lane] = total[v * 16 + lane] + one + upper;
    other[v * 16 + lane] = other[v * 16 + lane] + two + upper_two;
}

// out[l n + v] = delta of lane l, 0 where it isn't reached; a thread a participant.
extern "C" __global__ void lanes_to_rows(
    const int* source, long long first, long long last, const double* node, long long n, const unsigned* seen,
    const double* delta, double* out)
{
    const long long v = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (v >= n) return;
    for (int l = 0; first + l < last; ++l)
        out[l * n + v] = counts(seen, node, n, v, source[first + l], l) ? delta[v * WIDTH + l] : 0.0;
}
