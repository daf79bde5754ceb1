// What CUDA C++ is to g++: what the kernels of ecograph/gpu use, shuffles, votes and atomics. A kernel that needs more
// doesn't compile, and shim.cpp has to learn how it orders memory first.
#pragma once
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

#define SHIM_OWN __attribute__((no_sanitize("thread")))  // what it loads and stores is not the kernel's

struct uint3 { unsigned x, y, z; };

namespace shim {
uint3 thread_index();  // by value: what lies in shim.cpp is not the kernel's to load
uint3 block_index();
uint3 block_size();
uint3 grid_size();
void barrier(int line);
unsigned lane();
void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));
void touch(const void* p, size_t size, const void* code);

constexpr unsigned LANES = 32;
struct Lanes { unsigned present; unsigned long long value[LANES]; };  // who met, and what each brought
const Lanes& meet(const char* what, unsigned mask, unsigned long long value, int line);

using Invoke = void (*)(void**);
bool add_kernel(const char* name, std::string signature, Invoke invoke);

template <class T> std::string code()  // NumPy's letter and size; P before that of a pointer
{
    if constexpr (std::is_pointer_v<T>) return "P" + code<std::remove_const_t<std::remove_pointer_t<T>>>();
    else if constexpr (std::is_floating_point_v<T>) return "f" + std::to_string(sizeof(T));
    else return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T));
}
template <auto kernel, class... A, size_t... I>
SHIM_OWN void invoke(void (*)(A...), void** a, std::index_sequence<I...>)
{
    kernel(*(A*)a[I]...);
}
template <class... A> std::string signature(void (*)(A...)) { return ((code<A>() + ",") + ... + ""); }
template <auto kernel, class... A> constexpr Invoke invoker(void (*)(A...))
{
    return [](void** a) { invoke<kernel>((void (*)(A...))kernel, a, std::index_sequence_for<A...>{}); };
}
}  // namespace shim

#define SHIM_EXPORT(name) \
    static const bool shim_has_##name = shim::add_kernel(#name, shim::signature(name), shim::invoker<name>(name));

#define __global__
#define __device__
#ifdef __SANITIZE_ADDRESS__
#define __shared__ static  // with room around it, which AddressSanitizer gives to no section of its own
#else
#define __shared__ static __attribute__((section("shared_memory")))  // blocks run one after the other
#endif
#define __launch_bounds__(...)
#define threadIdx (shim::thread_index())
#define blockIdx (shim::block_index())
#define blockDim (shim::block_size())
#define gridDim (shim::grid_size())
#define __syncthreads() shim::barrier(__LINE__)

// --- warps: every lane of the mask has to come, to the same line with the same mask ----------------------------------

namespace shim {
template <class T> unsigned long long bits(T x)
{
    static_assert(sizeof(T) == 4 || sizeof(T) == 8, "CUDA shuffles words of 4 or 8 bytes");
    unsigned long long r = 0;
    memcpy(&r, &x, sizeof x);
    return r;
}
template <class T> SHIM_OWN T taken(const Lanes& lanes, unsigned from, const char* what, int line)
{
    if (!(lanes.present >> from & 1))
        fail("shuffle: %s reads lane %u, which isn't in the mask %08x, line %d", what, from, lanes.present, line);
    T r;
    memcpy(&r, &lanes.value[from], sizeof r);
    return r;
}
// `from`: whose value, 32 or more for one's own.
template <class T> SHIM_OWN T shuffle(const char* what, unsigned mask, T x, unsigned from, int line)
{
    const Lanes& lanes = meet(what, mask, bits(x), line);
    return from < LANES ? taken<T>(lanes, from, what, line) : x;
}
SHIM_OWN inline unsigned vote(const char* what, unsigned mask, bool holds, int line)
{
    const Lanes& lanes = meet(what, mask, holds, line);
    unsigned r = 0;
    for (unsigned l = 0; l < LANES; ++l) r |= (unsigned)(lanes.present >> l & lanes.value[l] & 1) << l;
    return r;
}
}  // namespace shim

#define __syncwarp(...) ((void)shim::meet("__syncwarp", shim::mask_of(__VA_ARGS__), 0, __LINE__))
#define __shfl_sync(m, x, l) shim::shuffle("__shfl_sync", m, x, (unsigned)(l) % 32, __LINE__)
#define __shfl_up_sync(m, x, d) shim::shuffle("__shfl_up_sync", m, x, shim::lane() - (unsigned)(d), __LINE__)
#define __shfl_down_sync(m, x, d) shim::shuffle("__shfl_down_sync", m, x, shim::lane() + (unsigned)(d), __LINE__)
#define __shfl_xor_sync(m, x, d) shim::shuffle("__shfl_xor_sync", m, x, shim::lane() ^ (unsigned)(d), __LINE__)
#define __ballot_sync(m, holds) shim::vote("__ballot_sync", m, holds, __LINE__)
#define __any_sync(m, holds) (shim::vote("__any_sync", m, holds, __LINE__) != 0)
#define __all_sync(m, holds) (shim::vote("__all_sync", m, !(holds), __LINE__) == 0)
namespace shim { inline unsigned mask_of(unsigned mask = ~0u) { return mask; } }

// --- atomics: of the types that CUDA has; none of a floating point type, which would add in no stated order ----------

#ifdef __SANITIZE_THREAD__
#define SHIM_TOUCH(p) shim::touch(p, sizeof *(p), __builtin_return_address(0))
#else
#define SHIM_TOUCH(p) (void)(p)
#endif
#define SHIM_ATOMIC(name, expression) \
    template <class T> SHIM_OWN __attribute__((noinline)) T name(T* p, std::common_type_t<T> v) \
    { \
        static_assert(std::is_same_v<T, int> || std::is_same_v<T, unsigned> || std::is_same_v<T, unsigned long long>); \
        SHIM_TOUCH(p); \
        const T old = *p; \
        *p = expression; \
        return old; \
    }
SHIM_ATOMIC(atomicAdd, old + v)
SHIM_ATOMIC(atomicMin, old < v ? old : v)
SHIM_ATOMIC(atomicMax, old > v ? old : v)
SHIM_ATOMIC(atomicOr, old | v)
SHIM_ATOMIC(atomicAnd, old & v)
SHIM_ATOMIC(atomicExch, v)
template <class T> SHIM_OWN __attribute__((noinline)) T atomicCAS(T* p, std::common_type_t<T> was, std::common_type_t<T> v)
{
    SHIM_TOUCH(p);
    const T old = *p;
    if (old == was) *p = v;
    return old;
}

static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __clz(int x) { return x ? __builtin_clz((unsigned)x) : 32; }
template <class T> static inline T __ldg(const T* p) { return *p; }

static inline long long __double_as_longlong(double x) { long long r; memcpy(&r, &x, 8); return r; }
static inline double __longlong_as_double(long long x) { double r; memcpy(&r, &x, 8); return r; }
