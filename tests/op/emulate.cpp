// A CUDA device in miniature: the text of op/kernels.cu, compiled for the CPU and run thread by thread, so that its index
// arithmetic can be tested where there is no GPU. The threads of a block are coroutines that wait for one another at a barrier.
// Nothing is said here about speed, coalescing, or races between two barriers.

#define EMULATED
#define HERE inline
#define __global__
#define __device__
#define __shared__ static
#define __launch_bounds__(...)

#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct Index {
  unsigned x;
};
static Index threadIdx, blockIdx, gridDim;

template <typename To, typename From>
To bits_of(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To result;
  std::memcpy(&result, &value, sizeof(To));
  return result;
}
inline float __uint_as_float(unsigned bits) { return bits_of<float>(bits); }
inline unsigned __float_as_uint(float value) { return bits_of<unsigned>(value); }

template <typename T>
T __ldg(const T* from) {
  if (reinterpret_cast<std::uintptr_t>(from) % sizeof(T)) std::fprintf(stderr, "misaligned load\n"), std::abort();
  return *from;
}

static void barrier();
inline void __syncthreads() { barrier(); }

struct Half;
inline float widen(Half value);
inline Half half_of(float value);

template <typename Arguments>
void emulate(const void* kernel, const Arguments& arguments, long long blocks);

#include "../../op/kernels.cu"

inline float widen(Half value) { return static_cast<float>(bits_of<_Float16>(value.bits)); }
inline Half half_of(float value) { return {bits_of<unsigned short>(static_cast<_Float16>(value))}; }

namespace {

ucontext_t scheduler, threads[kThreads];
std::unique_ptr<char[]> stacks;
bool done[kThreads];
unsigned running;
bool backwards = false;
void (*body)(const void*);
const void* given;

void one_thread() {
  body(given);
  done[running] = true;
}

const void* emulated_kernel;

template <typename Arguments>
void call(const void* arguments) {
  reinterpret_cast<void (*)(Arguments)>(const_cast<void*>(emulated_kernel))(*static_cast<const Arguments*>(arguments));
}

// Every thread runs up to its next barrier, or its end, in turns. What depends on the order of the turns is a race.
void run_block() {
  constexpr std::size_t kStack = 64 * 1024;
  if (!stacks) stacks.reset(new char[kThreads * kStack]);
  for (unsigned t = 0; t < kThreads; t++) {
    getcontext(&threads[t]);
    threads[t].uc_stack.ss_sp = &stacks[t * kStack];
    threads[t].uc_stack.ss_size = kStack;
    threads[t].uc_link = &scheduler;
    makecontext(&threads[t], one_thread, 0);
    done[t] = false;
  }
  for (bool any = true; any;) {
    any = false;
    for (unsigned turn = 0; turn < kThreads; turn++) {
      running = backwards ? kThreads - 1 - turn : turn;
      if (done[running]) continue;
      threadIdx.x = running;
      swapcontext(&scheduler, &threads[running]);
      any |= !done[running];
    }
    // A barrier that only some threads reach hangs a GPU.
    for (unsigned t = 1; t < kThreads; t++)
      if (done[t] != done[0]) std::fprintf(stderr, "threads part at a barrier\n"), std::abort();
  }
}

}  // namespace

static void barrier() {
  const unsigned self = running;
  swapcontext(&threads[self], &scheduler);
}

template <typename Arguments>
void emulate(const void* kernel, const Arguments& arguments, long long blocks) {
  emulated_kernel = kernel, given = &arguments, body = &call<Arguments>, gridDim.x = blocks;
  for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) run_block();
}

extern "C" void run_backwards(bool wish) { backwards = wish; }

// For op/nvrtc.py, in place of the driver's launch.
#define EMULATE_IF(kernel, Arguments, BLOCKS, function) \
  if (!std::strcmp(name, #kernel))              \
    return emulate(reinterpret_cast<const void*>(&kernel), *static_cast<const Arguments*>(arguments), blocks), 0;
extern "C" int emulate_kernel(const char* name, const void* arguments, long long blocks) {
  EVERY_KERNEL(EMULATE_IF)
  return 1;
}

extern "C" const char* kernel_name(unsigned index) { return index < std::size(kKernels) ? kKernels[index].name : nullptr; }

extern "C" int size_of(const char* name) {
  const std::string which = name;
  return which == "Resample"             ? sizeof(Resample)
         : which == "Activation"         ? sizeof(Activation)
         : which == "ActivationBackward" ? sizeof(ActivationBackward)
                                         : sizeof(Totals);
}

STABLE_TORCH_LIBRARY_IMPL(cartoon_stylegan2_emulated, CPU, m) {
  m.impl("upfirdn2d", TORCH_BOX(&upfirdn2d));
  m.impl("leaky_relu", TORCH_BOX(&leaky_relu));
  m.impl("leaky_relu_backward", TORCH_BOX(&leaky_relu_backward));
  m.impl("modulate_backward", TORCH_BOX(&modulate_backward));
}
