// Shortest paths in hops with a queue of each source: a block searches from one, there and back in one launch. For deep
// networks, of which breadth.cu asks all rows at every level: here an arrow is looked at three times, however deep.
//
// A source has `level` (-1: not reached), `order` (the queue: everyone reached, level by level), `start` (where each
// level begins in it), `sigma` and `behind`, all its own. In what order a level lies in the queue is chance: who comes
// first claims a place. Nothing else goes by that order. Paths are asked for by who was claimed, dependencies by who
// lies before, each over its own row: every number has one writer, and sums have the order of breadth.cu, arrow by arrow
// up to 64 arrows, in pieces and stretches above. Atomics are on whole numbers only: the same in any order.
//
// A level is claimed, then asked, with a barrier after each: between two barriers `level` is either claimed by atomics or
// read. A source that may be reached again (node[2 n + s] > 0) is -1 again after level 1, the only one that reads its
// first number, and has a second place in the queue where it is reached.
#define THREADS 256  // of a block
#define LANES 32
#define WARPS 8      // of a block, and stretches of a piece
#define SHORT 64     // arrows; up to so many a row is a thread's, and a longer one its warp's
#define PIECE 4096   // arrows added up by themselves: chains.py
#define SUMS 16      // over sources, a participant: BLOCKS of ecograph/cpu/paths.py
#define ALL 0xffffffffu
typedef unsigned long long u8;

// Arrows by one of their ends.
struct Rows {
    const long long* ptr;
    const int* column;
};

// For places begin to end - 1 of the queue, whose rows are dealt out: one(place, row, first, last) by a thread for up to
// SHORT arrows, many(the same) by all threads of a warp together for more.
template <class One, class Many> __device__ void each_row(
    const long long* ptr, const int* order, int begin, int end, const One& one, const Many& many)
{
    const int lane = threadIdx.x % LANES, warp = threadIdx.x / LANES;
    for (int at = begin + warp * LANES; at < end; at += THREADS) {
        const int mine = at + lane < end ? order[at + lane] : -1;
        const long long first = mine < 0 ? 0 : ptr[mine], last = mine < 0 ? 0 : ptr[mine + 1];
        const bool big = last - first > SHORT;
        if (mine >= 0 && !big) one(mine, first, last);
        for (unsigned left = __ballot_sync(ALL, big); left; left &= left - 1) {
            const int from = __ffs(left) - 1;
            many(__shfl_sync(ALL, mine, from), __shfl_sync(ALL, first, from), __shfl_sync(ALL, last, from));
        }
    }
}

// Whom the arrows of a level (begin to end - 1 of the queue) reach first: they get `next` and a place from *reached on.
__device__ void claim(const Rows& out, int begin, int end, int next, int* level, int* order, int* reached)
{
    const auto take = [=](int w) {
        if (atomicCAS(level + w, -1, next) == -1) order[atomicAdd(reached, 1)] = w;
    };
    each_row(out.ptr, order, begin, end,
        [&](int, long long first, long long last) {
            for (long long e = first; e < last; ++e) take(out.column[e]);
        },
        [&](int, long long first, long long last) {
            for (long long e = first + threadIdx.x % LANES; e < last; e += LANES) take(out.column[e]);
        });
}

// The sum of term(neighbour) over a long row by a warp, four pieces at a time, in the order of breadth.cu: a piece in
// eight stretches, which are added in order, then the pieces. All threads get it.
template <class Term> __device__ double long_sum(const int* column, long long begin, long long end, const Term& term)
{
    const int lane = threadIdx.x % LANES;
    double total = 0.0;
    for (long long at = begin; at < end; at += LANES / WARPS * PIECE) {
        const long long first = at + lane / WARPS * PIECE, last = first + PIECE < end ? first + PIECE : end;
        const long long each = (last - first + WARPS - 1) / WARPS;  // of a piece past the end 0 or less
        const long long from = first + lane % WARPS * each, to = from + each < last ? from + each : last;
        double stretch = 0.0;
        for (long long e = from; e < to; ++e) stretch += term(column[e]);
        for (int piece = 0; piece < LANES / WARPS && at + piece * PIECE < end; ++piece) {
            double sum = 0.0;
            for (int w = 0; w < WARPS; ++w) sum += __shfl_sync(ALL, stretch, piece * WARPS + w);
            total += sum;
        }
    }
    return total;
}

// done(row, sum of term(neighbour)) for places begin to end - 1 of the queue, by one thread each.
template <class Term, class Done> __device__ void ask(
    const Rows& rows, const int* order, int begin, int end, const Term& term, const Done& done)
{
    each_row(rows.ptr, order, begin, end,
        [&](int row, long long first, long long last) {
            double total = 0.0;
            for (long long e = first; e < last; ++e) total += term(rows.column[e]);
            done(row, total);
        },
        [&](int row, long long first, long long last) {
            const double total = long_sum(rows.column, first, last, term);
            if (threadIdx.x % LANES == 0) done(row, total);
        });
}

// Nobody is reached but s.
__device__ void begin_search(int s, long long n, int* level, int* order, int* reached)
{
    for (long long v = threadIdx.x; v < n; v += THREADS) level[v] = v == s ? 0 : -1;
    if (threadIdx.x == 0) {
        order[0] = s;
        *reached = 1;
    }
    __syncthreads();
}

// Source first + block before last, along `out_` arrows, its paths counted along `in_` ones. After it sigma has the
// dependency of everyone whose level is above 0; told has, of each block, how many targets were reached, and 1 if the
// source was again.
extern "C" __global__ void __launch_bounds__(256, 4) search_paths(
    const long long* out_ptr, const int* out_column, const long long* in_ptr, const int* in_column, const int* source,
    long long first, long long last, const double* node, long long n, int* levels, int* orders, int* starts,
    double* sigmas, double* behinds, double* told)
{
    __shared__ int reached;
    __shared__ u8 targets;
    const long long b = blockIdx.x;
    if (first + b >= last) return;
    const Rows out = {out_ptr, out_column}, in = {in_ptr, in_column};
    const int s = source[first + b];
    const bool twice = node[2 * n + s] > 0.0;
    int *level = levels + b * n, *order = orders + b * (n + 2), *start = starts + b * (n + 2);
    double *sigma = sigmas + b * n, *behind = behinds + b * n;
    if (threadIdx.x == 0) {
        targets = 0;
        sigma[s] = 1.0;
        start[0] = 0;
    }
    begin_search(s, n, level, order, &reached);
    u8 found = 0;
    int head = 0, tail = 1, now = 0;
    for (;; ++now) {
        if (threadIdx.x == 0) start[now + 1] = tail;
        claim(out, head, tail, now + 1, level, order, &reached);
        __syncthreads();  // all are claimed
        const int end = reached;
        if (end == tail) break;
        ask(in, order, tail, end,
            [=](int v) { return level[v] == now ? sigma[v] * node[v] : 0.0; },
            [&](int w, double paths) {
                sigma[w] = paths;
                found += (u8)node[n + w];
            });
        __syncthreads();  // all paths are there, and nobody reads levels or `reached`
        if (now == 0 && twice) {
            if (threadIdx.x == 0) level[s] = -1;
            __syncthreads();
        }
        head = tail;
        tail = end;
    }
    for (int back = now; back > 0; --back) {
        ask(out, order, start[back], start[back + 1],
            [=](int w) { return level[w] == back + 1 ? behind[w] : 0.0; },
            [=](int v, double x) {  // as ecograph/cpu/breadth.py::gather
                const double paths = sigma[v];
                behind[v] = node[(v == s ? 2 : 1) * n + v] / paths + node[v] * x;
                sigma[v] = paths * x;
            });
        __syncthreads();  // before who lies before reads them
    }
    if (found) atomicAdd(&targets, found);
    __syncthreads();
    if (threadIdx.x > 0) return;
    told[2 * b] = (double)targets;
    told[2 * b + 1] = twice && level[s] > 0 ? 1.0 : 0.0;
}

// The same for distances: told has, of each block, how many others are reached, the sum of distances to them, and of
// inverses, added up level by level.
extern "C" __global__ void __launch_bounds__(256, 4) search_levels(
    const long long* out_ptr, const int* out_column, const int* source, long long first, long long last, long long n,
    int* levels, int* orders, double* told)
{
    __shared__ int reached;
    const long long b = blockIdx.x;
    if (first + b >= last) return;
    const Rows out = {out_ptr, out_column};
    int *level = levels + b * n, *order = orders + b * (n + 2);
    begin_search(source[first + b], n, level, order, &reached);
    u8 far = 0;
    double near = 0.0;
    int head = 0, tail = 1;
    for (int now = 1;; ++now) {
        claim(out, head, tail, now, level, order, &reached);
        __syncthreads();  // all are claimed
        const int end = reached;
        if (end == tail) break;
        far += (u8)now * (end - tail);
        near += (double)(end - tail) / now;
        head = tail;
        tail = end;
        __syncthreads();  // all have read `reached`
    }
    if (threadIdx.x > 0) return;
    told[3 * b] = tail - 1;
    told[3 * b + 1] = (double)far;
    told[3 * b + 2] = near;
}

// What sources first to last - 1 found, added to sums over sources, two rows of n in each of 16 sums, as
// ecograph/cpu/paths.py deals sources out (first is a multiple of 16); a thread a participant and sum.
extern "C" __global__ void add_searches(
    const int* source, long long first, long long last, const double* node, long long n, const int* level,
    const double* delta, int squares, double* sums)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= SUMS * n) return;
    const long long v = i % n, sum = i / n;
    double total = sums[2 * sum * n + v], other = sums[(2 * sum + 1) * n + v];
    for (long long q = first + sum; q < last; q += SUMS) {
        const long long at = (q - first) * n + v;
        if (level[at] <= 0) continue;  // not reached, or where it starts
        const double d = delta[at], weight = node[3 * n + source[q]];
        total += weight * d;
        other += squares ? d * d : weight;
    }
    sums[2 * sum * n + v] = total;
    sums[(2 * sum + 1) * n + v] = other;
}

// out = delta, 0 where it isn't reached, for `items` of them.
extern "C" __global__ void searches_to_rows(const int* level, const double* delta, long long items, double* out)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < items) out[i] = level[i] > 0 ? delta[i] : 0.0;
}
