// Runs a kernel's blocks one after the other and a block's threads as fibers of this one OS thread, and looks at each
// load and store: g++ -fsanitize=thread makes the kernel call the __tsan_* functions below, no libtsan takes part.
//
// Who is ordered with whom: threads of different blocks never are, threads of a block only by a barrier between. So
// two accesses to one word, one of them a store, by different threads are a race if the blocks differ or the barriers
// passed are as many, whatever the order in which they happened to run here.
#include "shim.h"
#include <ucontext.h>
#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <map>
#include <vector>

// The library itself begins at __ehdr_start; the kernels' shared variables lie between the other two.
#define HIDDEN __attribute__((visibility("hidden")))
extern "C" HIDDEN char __ehdr_start;
extern "C" HIDDEN __attribute__((weak)) char __start_shared_memory, __stop_shared_memory;

namespace shim {
constexpr size_t STACK = 64 << 10, MOST_SHARED = 48 << 10;
constexpr unsigned NOBODY = ~0u;

struct Kernel { std::string signature; Invoke invoke; };
struct Access { unsigned block = NOBODY, thread = 0, passed = 0; };  // passed: barriers before it
struct Word { Access store, load[2]; };
struct Range { uintptr_t begin, size; std::string name; std::vector<Word> words; };  // words of 4 bytes
struct Fiber { ucontext_t context; uint3 index; unsigned number; int line; bool done; };  // line: of its barrier

static std::map<std::string, Kernel>& kernels() { static std::map<std::string, Kernel> all; return all; }
static const Kernel* kernel;
static void** arguments;
static uint3 block_at, block_dim, grid_dim;
static unsigned block, passed, seed;
static std::vector<Fiber> fibers;
static std::vector<char> stacks;
static std::vector<Range> ranges;
static size_t last;  // range hit last
static Fiber* running;
static ucontext_t scheduler;
static std::string error;

bool add_kernel(const char* name, std::string signature, Invoke invoke)
{
    kernels()[name] = {signature, invoke};
    return true;
}
uint3 thread_index() { return running->index; }
uint3 block_index() { return block_at; }
uint3 block_size() { return block_dim; }
uint3 grid_size() { return grid_dim; }

static void leave() { swapcontext(&running->context, &scheduler); }

static void fail(const char* format, ...)  // ends the launch: nobody comes back to this fiber
{
    char text[500];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    error = std::string(text) + " [block " + std::to_string(block) + " thread " + std::to_string(running->number) + "]";
    leave();
}
void barrier(int line)
{
    running->line = line;
    leave();
}

// --- loads and stores -----------------------------------------------------------------------------------------------

static bool same(const Access& a, const Access& b) { return a.block == b.block && a.thread == b.thread; }
static bool unordered(const Access& before, const Access& now)
{
    return before.block != NOBODY && !same(before, now) && (before.block != now.block || before.passed == now.passed);
}

// Two loads stand for all: a store that's in order with both is in order with each load left out.
static void remember(Word& word, const Access& now)
{
    for (Access& old : word.load)
        if (old.block == NOBODY || !unordered(old, now)) { old = now; return; }
    if (word.load[0].block == word.load[1].block && now.block != word.load[0].block) word.load[1] = now;
}

static Range* find(uintptr_t at, size_t size)
{
    auto holds = [&](const Range& r) { return at >= r.begin && at + size <= r.begin + r.size; };
    if (last < ranges.size() && holds(ranges[last])) return &ranges[last];
    for (last = 0; last < ranges.size(); ++last)
        if (holds(ranges[last])) return &ranges[last];
    return nullptr;
}

static void access(const void* p, size_t size, bool store, const void* code)
{
    const uintptr_t at = (uintptr_t)p;
    if (!running || (p >= stacks.data() && p < stacks.data() + stacks.size())) return;
    const char* what = store ? "store" : "load";
    const long pc = (const char*)code - &__ehdr_start;  // the part of the launcher in Python makes a line of it
    if (size < 4 || at % size)
        return fail("%s of %zu bytes at pc 0x%lx: whole words of 4, 8 or 16 only", what, size, pc);
    Range* range = find(at, size);
    if (!range)
        return fail("out of bounds: %s of %zu bytes at pc 0x%lx is in no argument or shared variable", what, size, pc);
    const Access now = {block, running->number, passed};
    for (size_t w = (at - range->begin) / 4; w < (at - range->begin + size) / 4; ++w) {
        Word& word = range->words[w];
        const Access* other = nullptr;
        if (unordered(word.store, now)) other = &word.store;
        for (const Access& load : word.load)
            if (store && unordered(load, now)) other = &load;
        if (other)
            return fail("race: %s at pc 0x%lx of %s byte %zu, with a %s by block %u thread %u", what, pc,
                        range->name.c_str(), 4 * w,
                        other == &word.store ? "store" : "load", other->block, other->thread);
        if (!store && range->name == "shared memory" && word.store.block != block)
            return fail("uninitialised: load at pc 0x%lx of shared memory byte %zu, which nobody stored", pc, 4 * w);
        if (store) word.store = now;
        else remember(word, now);
    }
}

// --- threads --------------------------------------------------------------------------------------------------------

static unsigned random_number() { seed ^= seed << 13; seed ^= seed >> 17; return seed ^= seed << 5; }

static void arrange(std::vector<unsigned>& order, int how)  // 0 as they are, 1 backwards, 2 random
{
    if (how == 1) std::reverse(order.begin(), order.end());
    if (how == 2) for (size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random_number() % i]);
}

static void body()
{
    kernel->invoke(arguments);
    running->done = true;
    leave();
}

static void start_block(unsigned number)
{
    block = number;
    block_at = {number, 0, 0};
    passed = 0;
    for (unsigned i = 0; i < block_dim.x; ++i) {
        Fiber& f = fibers[i];
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = stacks.data() + i * STACK;
        f.context.uc_stack.ss_size = STACK;
        makecontext(&f.context, body, 0);
        f.index = {i, 0, 0};
        f.number = i;
        f.line = 0;
        f.done = false;
    }
    if (const size_t size = &__stop_shared_memory - &__start_shared_memory)
        ranges.back().words.assign(size / 4, Word());  // stored by nobody
}

// From barrier to barrier, all threads in some order; a barrier holds when all of the block are at the same one.
static void run_block(unsigned number, int how)
{
    start_block(number);
    std::vector<unsigned> order(block_dim.x);
    for (;; ++passed) {
        for (unsigned i = 0; i < order.size(); ++i) order[i] = i;
        arrange(order, how);
        for (unsigned i : order) {
            running = &fibers[i];
            swapcontext(&scheduler, &running->context);
            if (!error.empty()) return;
        }
        for (Fiber& f : fibers) {
            running = &f;
            if (f.done != fibers[0].done || (!f.done && f.line != fibers[0].line)) {
                auto at = [](const Fiber& g) {
                    return g.done ? "the end" : "the barrier at line " + std::to_string(g.line);
                };
                error = "divergent barrier: thread 0 is at " + at(fibers[0]) + ", thread " + std::to_string(f.number) +
                        " at " + at(f) + " [block " + std::to_string(block) + "]";
                return;
            }
        }
        if (fibers[0].done) return;
    }
}
}  // namespace shim

using namespace shim;
#define VISIBLE extern "C" __attribute__((visibility("default")))

VISIBLE const char* shim_signature(const char* name)
{
    auto found = kernels().find(name);
    return found == kernels().end() ? nullptr : found->second.signature.c_str();
}

// spans: address and bytes of each array that the kernel is given. Returns 0, or 1 with what went wrong in `message`.
VISIBLE int shim_launch(const char* name, unsigned grid, unsigned threads, void** given, const uint64_t* spans,
                        unsigned n_spans, int how, unsigned random_seed, char* message, size_t length)
{
    kernel = &kernels().at(name);
    arguments = given;
    grid_dim = {grid, 1, 1};
    block_dim = {threads, 1, 1};
    seed = random_seed * 2654435761u | 1;
    error.clear();
    ranges.clear();
    last = 0;
    for (unsigned i = 0; i < n_spans; ++i) {
        const uint64_t at = spans[2 * i], size = spans[2 * i + 1];
        ranges.push_back({at, size, "array " + std::to_string(i), std::vector<Word>(size / 4)});
    }
    const size_t shared = &__stop_shared_memory - &__start_shared_memory;
    if (shared > MOST_SHARED) error = "more than 48 KiB of shared memory in a module";
    if (shared) ranges.push_back({(uintptr_t)&__start_shared_memory, shared, "shared memory", {}});
    fibers.resize(threads);
    stacks.resize(threads * STACK);
    std::vector<unsigned> order(grid);
    for (unsigned i = 0; i < grid; ++i) order[i] = i;
    arrange(order, how);
    for (unsigned number : order) {
        if (!error.empty()) break;
        run_block(number, how);
    }
    running = nullptr;
    snprintf(message, length, "%s", error.c_str());
    return !error.empty();
}

#define WATCH(n) \
    extern "C" void __tsan_read##n(void* p) { access(p, n, false, __builtin_return_address(0)); } \
    extern "C" void __tsan_write##n(void* p) { access(p, n, true, __builtin_return_address(0)); } \
    extern "C" void __tsan_unaligned_read##n(void* p) { access(p, n, false, __builtin_return_address(0)); } \
    extern "C" void __tsan_unaligned_write##n(void* p) { access(p, n, true, __builtin_return_address(0)); }
WATCH(1) WATCH(2) WATCH(4) WATCH(8) WATCH(16)
extern "C" void __tsan_read_range(void* p, size_t n) { access(p, n, false, __builtin_return_address(0)); }
extern "C" void __tsan_write_range(void* p, size_t n) { access(p, n, true, __builtin_return_address(0)); }
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}
