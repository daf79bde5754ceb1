// Rounds of 32 cascades at a time: lane = shock. Twin of ecograph/cpu/cascade.py and what it calls.
//
// Numbers of row i are h[32 i] to h[32 i + 31], so that a warp loads and stores whole lines. A word a row tells who is
// concerned: `hit` lanes in which it ever changed (others lost nothing: they add exactly 0 and aren't loaded),
// `changed` in the last round, `moved` whose loss is felt otherwise than before, `struck` who is under shock. What
// nothing moved for keeps the number that it has, which is the one that it would get. One writer a number, sums in a
// stated order: up to 64 terms a warp's, in the CPU's order; up to 4096 a block's, in eight stretches; longer ones in
// pieces of 4096. Atomics are on whole numbers alone, among them the bits of a largest change, which order as it does.
#ifndef WIDTH
#define WIDTH 32  // lanes side by side; fewer where memory is short (in_chunks of _module.py)
#endif
#define LANES 32  // threads of a warp; those from WIDTH on are in no lane: their bits stay 0, they store nothing
#define WARPS 8  // of a block
#define ROWS 4   // short tasks that a warp takes
#define PAST 8   // rounds over which the rate is taken
#define ALL 0xffffffffu
#define FLOOR 1e-10  // of the published code: a market that offers no more counts as one that offers 1 unit of money
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

// Whether any lane of a warp has each bit.
__device__ unsigned joined(unsigned word)
{
    for (int step = LANES / 2; step > 0; step /= 2) word |= __shfl_xor_sync(ALL, word, step);
    return word;
}

// The sum of 8 numbers of each lane, one a warp, in order; for the threads of warp 0.
__device__ double folded(const double* part, int lane)
{
    double total = 0.0;
    for (int w = 0; w < WARPS; ++w) total += part[w * LANES + lane];
    return total;
}

// Nothing is lost yet.
extern "C" __global__ void no_loss(double* down, double* up, long long places)
{
    const long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (k < places) down[k] = up[k] = 1.0;
}

// Shocks begin to end - 1: lane[q] - first of row[q] keeps psi[q]. Each row at most once a lane.
extern "C" __global__ void strike(
    const int* row, const int* lane, const double* psi, long long begin, long long end, int first, double* down,
    double* up, double* most, unsigned* struck, unsigned* changed, unsigned* changed_up, unsigned* hit, unsigned* hit_up)
{
    const long long q = begin + (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (q >= end) return;
    const long long i = row[q], at = i * WIDTH + (lane[q] - first);
    const unsigned bit = 1u << (lane[q] - first);
    down[at] = up[at] = most[at] = psi[q];
    atomicOr(struck + i, bit);
    atomicOr(changed + i, bit);
    atomicOr(changed_up + i, bit);
    atomicOr(hit + i, bit);
    atomicOr(hit_up + i, bit);
}

// What rows begin to end - 1 lost and what they still sell, in one lane.
__device__ void sold(
    const double* out, const double* h, const unsigned* hit, long long begin, long long end, int lane, double& lost,
    double& left)
{
    lost = left = 0.0;
    for (long long i = begin; i < end; ++i) {
        const double x = hit[i] ? got(h, i, lane, 1.0) : 1.0;
        lost += out[i] * (1.0 - x);
        left += out[i] * x;
    }
}

// What a market offers: all less what is lost, or, where half is gone, the sum of what is left.
__device__ double offered(double total, double lost, double left, int published)
{
    double offer = total - lost;
    if (lost - offer > 0.0) offer = left;
    return published && !(offer - FLOOR > 0.0) ? 1.0 : offer;
}

// By market: offer, and whether anything changed in it (`asked`; always said of markets of more than 64).
extern "C" __global__ void __launch_bounds__(256) offers(
    const long long* begin, const long long* end, const int* target, long long wide, long long tasks, const double* out,
    const double* total, const double* h, const unsigned* hit, const unsigned* changed, const unsigned* live,
    int published, double* offer, unsigned* asked, double* piece)
{
    __shared__ double part[WARPS * LANES], other[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x;
    double lost, left;
    if (!*live) return;
    if (b < wide) {
        const long long each = (end[b] - begin[b] + WARPS - 1) / WARPS;
        const long long from = begin[b] + warp * each, to = from + each < end[b] ? from + each : end[b];
        sold(out, h, hit, from, to, lane, lost, left);
        part[threadIdx.x] = lost;
        other[threadIdx.x] = left;
        __syncthreads();
        if (warp > 0) return;
        lost = folded(part, lane);
        left = folded(other, lane);
        if (target[b] < 0) {
            const long long p = -1ll - target[b];
            piece[2 * p * LANES + lane] = lost;
            piece[(2 * p + 1) * LANES + lane] = left;
            return;
        }
        put(offered(total[target[b]], lost, left, published), offer, target[b], lane);
        if (lane == 0) asked[target[b]] = 1;
        return;
    }
    const long long first = wide + ((b - wide) * WARPS + warp) * ROWS;
    for (long long t = first; t < first + ROWS && t < tasks; ++t) {
        unsigned any = 0;
        for (long long i = begin[t] + lane; i < end[t]; i += LANES) any |= changed[i];
        any = joined(any);
        if (lane == 0) asked[target[t]] = any != 0;
        if (!any) continue;
        sold(out, h, hit, begin[t], end[t], lane, lost, left);
        put(offered(total[target[t]], lost, left, published), offer, target[t], lane);
    }
}

// Long markets from their pieces, one block of 32 threads each.
extern "C" __global__ void finish_offers(
    const int* market, const int* bounds, const double* piece, long long markets, const double* total,
    const unsigned* live, int published, double* offer, unsigned* asked)
{
    const long long r = blockIdx.x;
    const int lane = threadIdx.x;
    if (r >= markets || !*live) return;
    double lost = 0.0, left = 0.0;
    for (long long p = bounds[r]; p < bounds[r + 1]; ++p) {
        lost += piece[2 * p * LANES + lane];
        left += piece[(2 * p + 1) * LANES + lane];
    }
    put(offered(total[market[r]], lost, left, published), offer, market[r], lane);
    if (lane == 0) asked[market[r]] = 1;
}

// How the losses are felt of rows that changed or, where others stand in, of those hit in markets where any did.
extern "C" __global__ void __launch_bounds__(256) feel(
    const double* out, const int* market, const double* h, const unsigned* hit, const unsigned* changed,
    const unsigned* asked, const double* offer, long long n, int substitute, const unsigned* live, double* felt,
    unsigned* moved)
{
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long first = ((long long)blockIdx.x * WARPS + warp) * ROWS;
    if (!*live) return;
    for (long long i = first; i < first + ROWS && i < n; ++i) {
        const bool looked = substitute ? asked[market[i]] && hit[i] && out[i] > 0.0 : changed[i] != 0;
        unsigned differ = 0;
        if (looked) {
            double lost = 1.0 - got(h, i, lane, 1.0);
            if (substitute) lost = out[i] / fmax(out[i], got(offer, market[i], lane, 0.0)) * lost;
            const bool otherwise = lost != got(felt, i, lane, lost);
            if (otherwise) put(lost, felt, i, lane);
            differ = __ballot_sync(ALL, otherwise);
        }
        if (lane == 0) moved[i] = differ;
    }
}

// Entries begin to end - 1, in one lane.
__device__ double pulled(
    const int* column, const double* weight, const double* felt, const unsigned* hit, long long begin, long long end,
    int lane)
{
    double total = 0.0;
    for (long long e = begin; e < end; ++e) {
        const long long i = column[e];
        if (hit[i]) total += weight[e] * got(felt, i, lane, 0.0);
    }
    return total;
}

// The sum of each run of entries; `fresh` where it was made anew: where something moved, or there are more than 64.
extern "C" __global__ void __launch_bounds__(256) pull_runs(
    const long long* begin, const long long* end, const int* target, long long wide, long long tasks, const int* column,
    const double* weight, const double* felt, const unsigned* hit, const unsigned* moved, const unsigned* live,
    double* sums, unsigned* fresh, double* piece)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long b = blockIdx.x;
    if (!*live) return;
    if (b < wide) {
        const long long each = (end[b] - begin[b] + WARPS - 1) / WARPS;
        const long long from = begin[b] + warp * each, to = from + each < end[b] ? from + each : end[b];
        part[threadIdx.x] = pulled(column, weight, felt, hit, from, to, lane);
        __syncthreads();
        if (warp > 0) return;
        const double total = folded(part, lane);
        if (target[b] < 0) {
            piece[(-1ll - target[b]) * LANES + lane] = total;
            return;
        }
        put(total, sums, target[b], lane);
        if (lane == 0) fresh[target[b]] = 1;
        return;
    }
    const long long first = wide + ((b - wide) * WARPS + warp) * ROWS;
    for (long long t = first; t < first + ROWS && t < tasks; ++t) {
        unsigned any = 0;
        for (long long e = begin[t] + lane; e < end[t]; e += LANES) any |= moved[column[e]];
        any = joined(any);
        if (any) put(pulled(column, weight, felt, hit, begin[t], end[t], lane), sums, target[t], lane);
        if (lane == 0) fresh[target[t]] = any != 0;
    }
}

// Long runs from their pieces, one block of 32 threads each.
extern "C" __global__ void finish_runs(
    const int* run, const int* bounds, const double* piece, long long runs, const unsigned* live, double* sums,
    unsigned* fresh)
{
    const long long r = blockIdx.x;
    const int lane = threadIdx.x;
    if (r >= runs || !*live) return;
    double total = 0.0;
    for (long long p = bounds[r]; p < bounds[r + 1]; ++p) total += piece[p * LANES + lane];
    put(total, sums, run[r], lane);
    if (lane == 0) fresh[run[r]] = 1;
}

// What is left of the row at place t: 1 less the largest sum of a run, 0 at least, psi at most.
__device__ double left_of(
    const long long* first, const double* sums, const unsigned* struck, const double* most, long long t, long long i,
    int lane)
{
    double worst = 0.0;
    for (long long r = first[t]; r < first[t + 1]; ++r) worst = fmax(worst, got(sums, r, lane, 0.0));
    const double allowed = fmax(0.0, 1.0 - worst);
    return struck[i] >> lane & 1 ? fmin(allowed, most[i * WIDTH + lane]) : allowed;
}

// Keep the largest of each lane in a block, then in all: bits of numbers >= 0 order as these do.
__device__ void largest_of(double mine, double* part, int lane, int warp, u8* largest)
{
    part[threadIdx.x] = mine;
    __syncthreads();
    if (warp > 0) return;
    double most = 0.0;
    for (int w = 0; w < WARPS; ++w) most = fmax(most, part[w * LANES + lane]);
    if (most > 0.0) atomicMax(largest + lane, (u8)__double_as_longlong(most));
}

// Take over what is left in lanes that live, and the largest change (published rule: decrease) to largest[32 channel +
// lane]. row[t] is at place t.
extern "C" __global__ void __launch_bounds__(256) take_left(
    const int* row, const long long* first, const double* sums, const unsigned* fresh, const unsigned* struck,
    const double* most, long long n, int published, const unsigned* live, double* h, unsigned* changed, unsigned* hit,
    int channel, u8* largest)
{
    __shared__ double part[WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long begin = ((long long)blockIdx.x * WARPS + warp) * ROWS;
    const unsigned alive = *live;
    double mine = 0.0;
    if (!alive) return;
    for (long long t = begin; t < begin + ROWS && t < n; ++t) {
        const long long i = row[t], at = i * WIDTH + lane;
        unsigned any = 0;
        for (long long r = first[t]; r < first[t + 1]; ++r) any |= fresh[r];
        unsigned differ = 0;
        if (any) {
            const double now = left_of(first, sums, struck, most, t, i, lane);
            const double fall = alive >> lane & 1 ? h[at] - now : 0.0;
            if (fall != 0.0) h[at] = now;
            mine = fmax(mine, published ? fall : fabs(fall));
            differ = __ballot_sync(ALL, fall != 0.0);
        }
        if (lane == 0) {
            changed[i] = differ;
            if (differ) hit[i] |= differ;
        }
    }
    largest_of(mine, part, lane, warp, largest + channel * LANES);
}

// After a round: who stops? largest[lane] is that of the channel down, largest[32 + lane] of up; run[lane] counts
// rounds, run[32 + lane] is the residual; past[32 k + lane] and past[32 (8 + k) + lane] the changes of late. One block
// of 32 threads.
extern "C" __global__ void decide(
    u8* largest, double stop, long long limit, unsigned* live, double* run, double* past)
{
    const int lane = threadIdx.x;
    const unsigned alive = *live;
    if (blockIdx.x > 0 || !alive) return;
    bool on = alive >> lane & 1;
    const double fell = __longlong_as_double((long long)largest[lane]);
    const double sank = __longlong_as_double((long long)largest[LANES + lane]);
    largest[lane] = largest[LANES + lane] = 0;
    if (on) {
        const long long rounds = (long long)run[lane];
        past[rounds % PAST * LANES + lane] = fell;
        past[(PAST + rounds % PAST) * LANES + lane] = sank;
        run[lane] = rounds + 1;
        run[LANES + lane] = fmax(fell, sank);
        on = rounds + 1 < limit && fmax(fell, sank) > stop;
    }
    const unsigned left = __ballot_sync(ALL, on);
    __syncwarp();  // all have read *live
    if (lane == 0) *live = left;
}

// Weighted losses (total, down, up) of `each` rows a warp, in order; then of its 8 warps. A block has three lines.
extern "C" __global__ void __launch_bounds__(256) score_rows(
    const double* weight, const double* down, const double* up, const unsigned* hit, const unsigned* hit_up,
    long long n, long long each, double* score)
{
    __shared__ double part[3][WARPS * LANES];
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    const long long begin = ((long long)blockIdx.x * WARPS + warp) * each;
    double total = 0.0, fell = 0.0, sank = 0.0;
    for (long long i = begin; i < begin + each && i < n; ++i) {
        if (!(hit[i] | hit_up[i])) continue;
        const double hd = got(down, i, lane, 1.0), hu = got(up, i, lane, 1.0);
        total += weight[i] * (1.0 - fmin(hd, hu));
        fell += weight[i] * (1.0 - hd);
        sank += weight[i] * (1.0 - hu);
    }
    part[0][threadIdx.x] = total;
    part[1][threadIdx.x] = fell;
    part[2][threadIdx.x] = sank;
    __syncthreads();
    if (warp < 3) score[(3ll * blockIdx.x + warp) * LANES + lane] = folded(part[warp], lane);
}

// out[32 c + lane] = the sum of line c of all blocks, in order. One block of 96 threads.
extern "C" __global__ void fold_scores(const double* score, long long blocks, double* out)
{
    if (blockIdx.x > 0) return;
    double total = 0.0;
    for (long long b = 0; b < blocks; ++b) total += score[3 * b * LANES + threadIdx.x];
    out[threadIdx.x] = total;
}
