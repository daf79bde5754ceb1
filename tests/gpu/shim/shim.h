// What CUDA C++ is to g++: enough for the kernels of ecograph/gpu, and nothing that they don't use. A kernel that needs
// more (a shuffle, an atomic) doesn't compile, and shim.cpp has to learn how it orders memory first.
#pragma once
#include <cmath>
#include <cstring>
#include <string>
#include <type_traits>
#include <utility>

struct uint3 { unsigned x, y, z; };

namespace shim {
uint3 thread_index();  // by value: what lies in shim.cpp is not the kernel's to load
uint3 block_index();
uint3 block_size();
uint3 grid_size();
void barrier(int line);

using Invoke = void (*)(void**);
bool add_kernel(const char* name, std::string signature, Invoke invoke);

template <class T> std::string code()  // NumPy's letter and size; P before that of a pointer
{
    if constexpr (std::is_pointer_v<T>) return "P" + code<std::remove_const_t<std::remove_pointer_t<T>>>();
    else if constexpr (std::is_floating_point_v<T>) return "f" + std::to_string(sizeof(T));
    else return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T));
}
template <auto kernel, class... A, size_t... I>
__attribute__((no_sanitize("thread"))) void invoke(void (*)(A...), void** a, std::index_sequence<I...>)
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
#define __shared__ static __attribute__((section("shared_memory")))  // blocks run one after the other
#define __launch_bounds__(...)
#define threadIdx (shim::thread_index())
#define blockIdx (shim::block_index())
#define blockDim (shim::block_size())
#define gridDim (shim::grid_size())
#define __syncthreads() shim::barrier(__LINE__)

static inline long long __double_as_longlong(double x) { long long r; memcpy(&r, &x, 8); return r; }
static inline double __longlong_as_double(long long x) { double r; memcpy(&r, &x, 8); return r; }
