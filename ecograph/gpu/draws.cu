// Twins of ecograph/cpu/draws.py: its functions, names, order of operations and counters; sources are cited there.
// One thread a row. + - * / and sqrt of float64 are rounded correctly on both sides, and nothing is fused.
typedef unsigned long long u8;

#define ATTEMPTS 64
#define GAMMA 0ull
#define NORMAL (1ull << 16)
#define CLUSTER (2ull << 16)

struct Pair { u8 x, y; };
struct Uniforms { double u, v; };

__device__ Pair philox(u8 key, u8 low, u8 high)
{
    const u8 mask = 0xFFFFFFFFull;
    u8 c0 = low & mask, c1 = low >> 32, c2 = high & mask, c3 = high >> 32;
    u8 k0 = key & mask, k1 = key >> 32;
    for (int round = 0; round < 10; ++round) {
        const u8 p = 0xD2511F53ull * c0, q = 0xCD9E8D57ull * c2;
        c0 = (q >> 32) ^ c1 ^ k0;
        c1 = q & mask;
        c2 = (p >> 32) ^ c3 ^ k1;
        c3 = p & mask;
        k0 = (k0 + 0x9E3779B9ull) & mask;
        k1 = (k1 + 0xBB67AE85ull) & mask;
    }
    return {c0 | (c1 << 32), c2 | (c3 << 32)};
}

__device__ double unit(u8 bits) { return ((double)(bits >> 12) + 0.5) * 0x1p-52; }

__device__ Uniforms uniforms(u8 seed, u8 replicate, u8 key, u8 step, u8 call)
{
    const Pair bits = philox(seed, key, replicate | (((step << 8) | call) << 32));
    return {unit(bits.x), unit(bits.y)};
}

__device__ double own_log(double x)
{
    const long long bits = __double_as_longlong(x);
    long long e = (bits >> 52) - 1023;
    double m = __longlong_as_double((bits & 0xFFFFFFFFFFFFFll) | 0x3FF0000000000000ll);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e += 1;
    }
    const double f = m - 1.0;
    const double s = f / (2.0 + f);
    const double z = s * s;
    double r = 2.0 / 19.0 + z * (2.0 / 21.0);
    r = 2.0 / 13.0 + z * (2.0 / 15.0 + z * (2.0 / 17.0 + z * r));
    r = 2.0 / 7.0 + z * (2.0 / 9.0 + z * (2.0 / 11.0 + z * r));
    r = z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * r));
    const double half = 0.5 * f * f, k = (double)e;
    return k * 0x1.62e42fee00000p-1 - ((half - (s * (half + r) + k * 0x1.a39ef35793c76p-33)) - f);
}

__device__ double exponential(u8 seed, u8 replicate, u8 key, u8 step)
{
    return -own_log(uniforms(seed, replicate, key, step, 0).u);
}

__device__ double try_normal(u8 seed, u8 replicate, u8 key, u8 step, u8 call)
{
    const Uniforms point = uniforms(seed, replicate, key, step, call);
    const double a = 2.0 * point.u - 1.0, b = 2.0 * point.v - 1.0;
    const double s = a * a + b * b;
    return s >= 1.0 ? nan("") : a * sqrt(-2.0 * own_log(s) / s);
}

__device__ double normal(u8 seed, u8 replicate, u8 key, u8 step)
{
    for (int attempt = 0; attempt < ATTEMPTS; ++attempt) {
        const double x = try_normal(seed, replicate, key, step, attempt);
        if (x == x) return x;
    }
    return 0.0;
}

__device__ double gamma_of(double shape, u8 seed, u8 replicate, u8 key, u8 step)
{
    if (shape == 1.0) return exponential(seed, replicate, key, step);
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / sqrt(9.0 * d);
    for (int attempt = 0; attempt < ATTEMPTS; ++attempt) {
        const double x = try_normal(seed, replicate, key, step, 2 * attempt);
        double t = 1.0 + c * x;
        if (t > 0.0) {  // not where x is NaN
            t = t * t * t;
            const double u = uniforms(seed, replicate, key, step, 2 * attempt + 1).u;
            if (own_log(u) < 0.5 * x * x + d * (1.0 - t + own_log(t))) return d * t;
        }
    }
    return shape;
}

__device__ long long row() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }

extern "C" __global__ void gamma_rows(
    const double* shape, u8 seed, u8 replicate, const u8* key, double* out, long long n)
{
    const long long r = row();
    if (r < n) out[r] = gamma_of(shape[r], seed, replicate, key[r], GAMMA);
}

extern "C" __global__ void exponential_rows(u8 seed, u8 replicate, const u8* key, double* out, long long n)
{
    const long long r = row();
    if (r < n) out[r] = exponential(seed, replicate, key[r], CLUSTER);
}

extern "C" __global__ void normal_rows(u8 seed, u8 replicate, const u8* key, double* out, long long n)
{
    const long long r = row();
    if (r < n) out[r] = normal(seed, replicate, key[r], NORMAL);
}

// Replicates side by side, 32 of them from `replicate` on: lane = column, a warp an arrow or a row. What the lanes of
// arrow q carry is p[32 place[q]] to p[32 place[q] + 31]. Together they are the twin of cpu/replicates.py::draw_shares:
// its operations in its order, but with all arrows at once.
#ifndef WIDTH
#define WIDTH 32  // lanes side by side; fewer where memory is short (in_chunks of _module.py)
#endif
#define LANES WIDTH

// An arrow's amount: its ties tie_ptr[q] to tie_ptr[q + 1] - 1, each drawn anew.
extern "C" __global__ void __launch_bounds__(256) draw_amounts(
    u8 seed, u8 replicate, const long long* tie_ptr, const double* weight, const double* factor, const double* shape,
    const u8* key, const long long* place, double* p, long long arrows)
{
    const long long q = row() / LANES;
    const int lane = threadIdx.x % LANES;
    if (q >= arrows) return;
    double amount = 0.0;
    for (long long t = tie_ptr[q]; t < tie_ptr[q + 1]; ++t)
        amount += weight[t] * (gamma_of(shape[t], seed, replicate + lane, key[t], GAMMA) / shape[t]) * factor[t];
    p[place[q] * LANES + lane] = amount;
}

// The same where clusters cut ties into parts: those of tie t are part_ptr[t] to part_ptr[t + 1] - 1, added up in order.
// A cluster is drawn once, by its code, so that each of its parts comes upon the same number; a part of shape 0 is of
// the cluster in `key`, any other by itself. A tie whose parts come to 0 or less, as where refunds outweigh what was
// bought, isn't there.
extern "C" __global__ void __launch_bounds__(256, 3) draw_parts(
    u8 seed, u8 replicate, const long long* tie_ptr, const long long* part_ptr, const double* weight,
    const double* factor, const double* shape, const u8* key, const long long* place, double* p, long long arrows)
{
    const long long q = row() / LANES;
    const int lane = threadIdx.x % LANES;
    if (q >= arrows) return;
    double amount = 0.0;
    for (long long t = tie_ptr[q]; t < tie_ptr[q + 1]; ++t) {
        double tie = 0.0;
        for (long long u = part_ptr[t]; u < part_ptr[t + 1]; ++u) {
            const bool together = shape[u] == 0.0;
            const double alike = together ? 1.0 : shape[u];  // an exponential either way; to divide by 1 is exact
            tie += weight[u] * (gamma_of(alike, seed, replicate + lane, key[u], together ? CLUSTER : GAMMA) / alike);
        }
        const double worth = tie * factor[t];
        if (worth > 0.0) amount += worth;
    }
    p[place[q] * LANES + lane] = amount;
}

// What a receiver buys in all, the last digits too (Neumaier), and outside: arrows arrow_ptr[r] to arrow_ptr[r + 1] - 1.
extern "C" __global__ void __launch_bounds__(256) total_rows(
    const long long* arrow_ptr, const long long* place, const double* cost, const double* p, double* total,
    long long rows)
{
    const long long r = row() / LANES;
    const int lane = threadIdx.x % LANES;
    if (r >= rows) return;
    double sum = 0.0, lost = 0.0;
    for (long long q = arrow_ptr[r]; q < arrow_ptr[r + 1]; ++q) {
        const double amount = p[place[q] * LANES + lane], next = sum + amount;
        lost += sum >= amount ? (sum - next) + amount : (amount - next) + sum;
        sum = next;
    }
    sum += lost;
    if (sum == 0.0) sum = 1.0;  // all drawn below what a float64 can tell from 0
    total[r * LANES + lane] = sum + cost[r];
}

// Amounts as shares of what row `receiver[q]` buys.
extern "C" __global__ void __launch_bounds__(256) share_arrows(
    const int* receiver, const long long* place, const double* total, double keep, double damping, double* p,
    long long arrows)
{
    const long long q = row() / LANES;
    const int lane = threadIdx.x % LANES;
    if (q >= arrows) return;
    const long long at = place[q] * LANES + lane;
    p[at] = keep * (p[at] / total[(long long)receiver[q] * LANES + lane]) * damping;
}
