// Runs a kernel's blocks one after the other and a block's threads as fibers of this one OS thread, and looks at each
// load and store: g++ -fsanitize=thread makes the kernel call the __tsan_* functions below, no libtsan takes part.
//
// Who is ordered with whom: threads of different blocks never are, threads of a block only by a barrier between, those of
// a warp by __syncwarp as well. So two accesses to one word, one of them a store, by different threads are a race if the
// blocks differ or the barriers passed are as many, whatever the order in which they happened to run here. Two atomics
// never race. Shuffles and votes order nothing.
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
enum Kind { LOAD, STORE, ATOMIC };
static const char* const kind_name[] = {"load", "store", "atomic"};

struct Access { unsigned block = NOBODY, thread = 0, passed = 0, tick = 0; };  // passed: barriers before it
struct Word { Access store, load[2], atomic[2]; };
struct Range { uintptr_t begin, size; std::string name; size_t unit; std::vector<Word> words; };  // words of `unit` bytes
struct Fiber {
    ucontext_t context;
    uint3 index;
    unsigned number;
    bool done;
    int line;              // of the barrier or the warp's operation that it waits at; 0: it can go on
    const char* what;      // the name of that operation; null: a barrier
    unsigned mask;
    Lanes lanes;           // what it brings there, in its own place, and finds there afterwards
    unsigned tick, known[LANES];  // how many __syncwarp it has met, and whose accesses up to which of theirs it comes after
};

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

void leave() { swapcontext(&running->context, &scheduler); }

void fail(const char* format, ...)  // ends the launch: nobody comes back to this fiber
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
    running->what = nullptr;
    running->line = line;
    leave();
}
unsigned lane() { return running->number % LANES; }

const Lanes& meet(const char* what, unsigned mask, unsigned long long value, int line)
{
    Fiber& f = *running;
    if (!(mask >> lane() & 1)) fail("wrong mask: lane %u isn't in its own mask %08x, line %d", lane(), mask, line);
    f.what = what;
    f.mask = mask;
    f.lanes.value[lane()] = value;
    f.line = line;
    leave();
    return f.lanes;
}

// --- loads and stores -----------------------------------------------------------------------------------------------

static bool same(const Access& a, const Access& b) { return a.block == b.block && a.thread == b.thread; }
static bool unordered(const Access& before, const Access& now)  // now: by the thread that is running
{
    if (before.block == NOBODY || same(before, now)) return false;
    if (before.block != now.block) return true;
    if (before.passed != now.passed) return false;
    return before.thread / LANES != now.thread / LANES || before.tick > running->known[before.thread % LANES];
}

// Two loads (or atomics) stand for all: a store that's in order with both is in order with each that's left out.
static void remember(Access (&two)[2], const Access& now)
{
    for (Access& old : two)
        if (old.block == NOBODY || !unordered(old, now)) { old = now; return; }
    if (two[0].block == two[1].block && now.block != two[0].block) two[1] = now;
}

// The first access to a word that races with this one, and of what kind it was.
static const Access* rival(const Word& word, Kind kind, const Access& now, Kind* of)
{
    *of = STORE;
    if (unordered(word.store, now)) return &word.store;
    *of = LOAD;
    for (const Access& load : word.load)
        if (kind != LOAD && unordered(load, now)) return &load;
    *of = ATOMIC;
    for (const Access& atomic : word.atomic)
        if (kind != ATOMIC && unordered(atomic, now)) return &atomic;
    return nullptr;
}

static Range* find(uintptr_t at, size_t size)
{
    auto holds = [&](const Range& r) { return at >= r.begin && at + size <= r.begin + r.size; };
    if (last < ranges.size() && holds(ranges[last])) return &ranges[last];
    for (last = 0; last < ranges.size(); ++last)
        if (holds(ranges[last])) return &ranges[last];
    return nullptr;
}

static void access(const void* p, size_t size, Kind kind, const void* code)
{
    const uintptr_t at = (uintptr_t)p;
    if (!running || (p >= stacks.data() && p < stacks.data() + stacks.size())) return;
    const char* what = kind_name[kind];
    const long pc = (const char*)code - &__ehdr_start;  // the part of the launcher in Python makes a line of it
    if (at % size) return fail("misaligned: %s of %zu bytes at pc 0x%lx", what, size, pc);
    Range* range = find(at, size);
    if (!range)
        return fail("out of bounds: %s of %zu bytes at pc 0x%lx is in no argument or shared variable", what, size, pc);
    if (size < range->unit)
        return fail("%s of %zu bytes at pc 0x%lx of %s: whole words of %zu only", what, size, pc, range->name.c_str(),
                    range->unit);
    const Access now = {block, running->number, passed, running->tick};
    for (size_t byte = at - range->begin; byte < at - range->begin + size; byte += range->unit) {
        Word& word = range->words[byte / range->unit];
        Kind of;
        if (const Access* other = rival(word, kind, now, &of))
            return fail("race: %s at pc 0x%lx of %s byte %zu, with %s by block %u thread %u", what, pc,
                        range->name.c_str(), byte, kind_name[of], other->block, other->thread);
        if (kind != STORE && range->name == "shared memory" && word.store.block != block)
            return fail("uninitialised: %s at pc 0x%lx of shared memory byte %zu, which nobody stored", what, pc, byte);
        if (kind == STORE) word.store = now;
        else remember(kind == LOAD ? word.load : word.atomic, now);
    }
}
void touch(const void* p, size_t size, const void* code) { access(p, size, ATOMIC, code); }

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
        f.tick = 1;
        std::fill_n(f.known, LANES, 0u);
    }
    if (const size_t size = &__stop_shared_memory - &__start_shared_memory)
        ranges.back().words.assign(size / 4, Word());  // stored by nobody
}

static bool together(const Fiber& f, const Fiber& g)  // both at the same barrier or operation, with the same mask
{
    return !f.done && !g.done && f.line == g.line && f.what == g.what && (!f.what || f.mask == g.mask);
}

static std::string place(const Fiber& f)
{
    if (f.done) return "the end";
    if (!f.what) return "the barrier at line " + std::to_string(f.line);
    char mask[16];
    snprintf(mask, sizeof mask, "%08x", f.mask);
    return std::string(f.what) + " of mask " + mask + " at line " + std::to_string(f.line);
}

// The lanes of one mask have met: each finds what the others brought, and __syncwarp puts what it did before theirs.
static void exchange(Fiber* warp, unsigned mask)
{
    Lanes all{};
    unsigned known[LANES] = {};
    for (unsigned l = 0; l < LANES; ++l) {
        if (!(mask >> l & 1)) continue;
        all.value[l] = warp[l].lanes.value[l];
        warp[l].known[l] = warp[l].tick;
        for (unsigned k = 0; k < LANES; ++k) known[k] = std::max(known[k], warp[l].known[k]);
    }
    all.present = mask;
    const bool orders = warp[__builtin_ctz(mask)].what == std::string("__syncwarp");
    for (unsigned l = 0; l < LANES; ++l) {
        if (!(mask >> l & 1)) continue;
        warp[l].lanes = all;
        warp[l].line = 0;
        if (!orders) continue;
        std::copy_n(known, LANES, warp[l].known);
        ++warp[l].tick;
    }
}

// Stricter than CUDA, which lets lanes that ended be missing: every lane of a mask has to come, to the same line.
static bool met(Fiber* warp, unsigned lanes, unsigned first)
{
    const unsigned mask = warp[first].mask;
    for (unsigned l = 0; l < LANES; ++l)
        if ((mask >> l & 1) && (l >= lanes || !together(warp[first], warp[l]))) return false;
    return true;
}

static bool exchange_all()  // whether some lanes can go on
{
    bool any = false;
    for (unsigned begin = 0; begin < fibers.size(); begin += LANES) {
        const unsigned lanes = std::min<size_t>(LANES, fibers.size() - begin);
        for (unsigned l = 0; l < lanes; ++l) {
            Fiber& f = fibers[begin + l];
            if (f.done || !f.line || !f.what || !met(&fibers[begin], lanes, l)) continue;
            exchange(&fibers[begin], f.mask);
            any = true;
        }
    }
    return any;
}

// No thread can go on: at one barrier all go on, anything else is an error.
static void open_barrier()
{
    const Fiber* other = &fibers[0];
    for (const Fiber& f : fibers)
        if (!together(f, fibers[0]) && other == &fibers[0]) other = &f;
    if (other == &fibers[0] && !fibers[0].what) {
        for (Fiber& f : fibers) f.line = 0;
        ++passed;
        return;
    }
    if (other == &fibers[0]) other = &fibers.back();
    error = "divergent: thread 0 is at " + place(fibers[0]) + ", thread " + std::to_string(other->number) + " at " +
            place(*other) + " [block " + std::to_string(block) + "]";
}

static void run_block(unsigned number, int how)
{
    start_block(number);
    std::vector<unsigned> order(block_dim.x);
    while (error.empty()) {
        for (unsigned i = 0; i < order.size(); ++i) order[i] = i;
        arrange(order, how);
        for (unsigned i : order) {
            if (fibers[i].done || fibers[i].line) continue;
            running = &fibers[i];
            swapcontext(&scheduler, &running->context);
            if (!error.empty()) return;
        }
        if (exchange_all()) continue;
        if (std::all_of(fibers.begin(), fibers.end(), [](const Fiber& f) { return f.done; })) return;
        open_barrier();
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

// spans: address, bytes and bytes of an item of each array that the kernel is given. Returns 0, or 1 with what went wrong in `message`.
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
        const uint64_t at = spans[3 * i], size = spans[3 * i + 1], unit = std::min<uint64_t>(4, spans[3 * i + 2]);
        ranges.push_back({at, size, "array " + std::to_string(i), unit, std::vector<Word>(size / unit)});
    }
    const size_t shared = &__stop_shared_memory - &__start_shared_memory;
    if (shared > MOST_SHARED) error = "more than 48 KiB of shared memory in a module";
    if (shared) ranges.push_back({(uintptr_t)&__start_shared_memory, shared, "shared memory", 4, {}});
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
    extern "C" void __tsan_read##n(void* p) { access(p, n, LOAD, __builtin_return_address(0)); } \
    extern "C" void __tsan_write##n(void* p) { access(p, n, STORE, __builtin_return_address(0)); } \
    extern "C" void __tsan_unaligned_read##n(void* p) { access(p, n, LOAD, __builtin_return_address(0)); } \
    extern "C" void __tsan_unaligned_write##n(void* p) { access(p, n, STORE, __builtin_return_address(0)); }
WATCH(1) WATCH(2) WATCH(4) WATCH(8) WATCH(16)
extern "C" void __tsan_read_range(void* p, size_t n) { access(p, n, LOAD, __builtin_return_address(0)); }
extern "C" void __tsan_write_range(void* p, size_t n) { access(p, n, STORE, __builtin_return_address(0)); }
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}
