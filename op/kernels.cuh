// The operators of StyleGAN2 for CUDA devices. No header is needed, so that nvcc (op/kernels.cu) and NVRTC (op/nvrtc.py)
// compile the same text, and tests/op/emulate.cpp runs it on a CPU.
//
// All of them move far more bytes than they compute, so the aim is the bandwidth of a copy: 16 bytes for each access and
// thread, neighbouring threads at neighbouring addresses, several loads under way before the first is used, every input
// byte fetched from memory once. Arithmetic is in float. A result never depends on the grid: any number of blocks is right.

#ifndef EMULATED
#define HERE __device__ __forceinline__
#endif

constexpr int kThreads = 256;  // of a block, in every kernel
constexpr int kMostTaps = 32;

// ---------------------------------------------------------------------------------------------------------------------
// Types and vectors

struct Half {
  unsigned short bits;
};
struct Bfloat {
  unsigned short bits;
};

#ifndef EMULATED
HERE float widen(Half value) {
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
  return result;
}
HERE Half half_of(float value) {
  Half result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(value));
  return result;
}
#endif
HERE float widen(Bfloat value) { return __uint_as_float(unsigned(value.bits) << 16); }
HERE Bfloat bfloat_of(float value) {
  const unsigned bits = __float_as_uint(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return {0x7fff};  // not a number
  return {static_cast<unsigned short>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16)};  // to nearest, ties to even
}

HERE void narrow(float value, float& result) { result = value; }
HERE void narrow(float value, Half& result) { result = half_of(value); }
HERE void narrow(float value, Bfloat& result) { result = bfloat_of(value); }

// Two values in one word, the first in its lower half.
HERE unsigned two(Half*, float a, float b) { return half_of(a).bits | unsigned(half_of(b).bits) << 16; }
HERE unsigned two(Bfloat*, float a, float b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  unsigned result;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(result) : "f"(b), "f"(a));
  return result;
#else
  return bfloat_of(a).bits | unsigned(bfloat_of(b).bits) << 16;
#endif
}

// What was loaded and is not opened yet, one element or 16 bytes: it takes half the registers, so more loads are under way.
template <typename T, int V>
struct Packed {
  uint4 words;
};
template <typename T>
struct Packed<T, 1> {
  T value;
};

// From an address that is a multiple of the size. No kernel writes what it reads: __ldg tells the compiler, which may then
// begin loads before earlier stores.
template <typename T, int V>
HERE void fetch(const T* from, Packed<T, V>& to) {
  to.words = __ldg(reinterpret_cast<const uint4*>(from));
}
HERE void fetch(const float* from, Packed<float, 1>& to) { to.value = __ldg(from); }
template <typename T>
HERE void fetch(const T* from, Packed<T, 1>& to) {
  to.value = {__ldg(&from->bits)};
}

HERE void open(Half*, unsigned word, float& low, float& high) {
  low = widen(Half{static_cast<unsigned short>(word & 0xffffu)});
  high = widen(Half{static_cast<unsigned short>(word >> 16)});
}
HERE void open(Bfloat*, unsigned word, float& low, float& high) {
  low = __uint_as_float(word << 16);
  high = __uint_as_float(word & 0xffff0000u);
}
HERE void open(const Packed<float, 1>& packed, float (&to)[1]) { to[0] = packed.value; }
template <typename T>
HERE void open(const Packed<T, 1>& packed, float (&to)[1]) {
  to[0] = widen(packed.value);
}
HERE void open(const Packed<float, 4>& packed, float (&to)[4]) {
  to[0] = __uint_as_float(packed.words.x), to[1] = __uint_as_float(packed.words.y);
  to[2] = __uint_as_float(packed.words.z), to[3] = __uint_as_float(packed.words.w);
}
template <typename T>
HERE void open(const Packed<T, 8>& packed, float (&to)[8]) {
  T* type = nullptr;
  open(type, packed.words.x, to[0], to[1]), open(type, packed.words.y, to[2], to[3]);
  open(type, packed.words.z, to[4], to[5]), open(type, packed.words.w, to[6], to[7]);
}

template <typename T, int V>
HERE void load(const T* from, float (&to)[V]) {
  Packed<T, V> packed;
  fetch(from, packed);
  open(packed, to);
}
HERE void load(const float* from, float (&to)[8]) {
  float low[4], high[4];
  load(from, low), load(from + 4, high);
#pragma unroll
  for (int i = 0; i < 4; i++) to[i] = low[i], to[i + 4] = high[i];
}

template <typename T>
HERE void store(T* to, const float (&from)[1]) {
  narrow(from[0], *to);
}
HERE void store(float* to, const float (&from)[4]) {
  *reinterpret_cast<uint4*>(to) = {__float_as_uint(from[0]), __float_as_uint(from[1]), __float_as_uint(from[2]),
                                   __float_as_uint(from[3])};
}
template <typename T>
HERE void store(T* to, const float (&from)[8]) {
  *reinterpret_cast<uint4*>(to) = {two(to, from[0], from[1]), two(to, from[2], from[3]), two(to, from[4], from[5]),
                                   two(to, from[6], from[7])};
}

HERE long long ceil_div(long long a, long long b) { return (a + b - 1) / b; }
HERE int smaller(long long a, long long b) { return static_cast<int>(a < b ? a : b); }
HERE int larger(long long a, long long b) { return static_cast<int>(a > b ? a : b); }
HERE int modulo(int a, int b) { return (a % b + b) % b; }
HERE bool within(int index, int size) { return unsigned(index) < unsigned(size); }  // not below 0 either

// index /= count, and the remainder. Division of 32 bits is several times faster, and nearly always enough.
HERE int split(long long& index, int count) {
  if (index >> 32 == 0) {
    const unsigned whole = static_cast<unsigned>(index);
    index = whole / count;
    return whole % count;
  }
  const int rest = static_cast<int>(index % count);
  index /= count;
  return rest;
}

// ---------------------------------------------------------------------------------------------------------------------
// upfirdn2d, separable: out[o] = sum over t of taps[t] * in[(o * down - pad + t) / up], over those t that up divides, and
// zero outside the image. Memory is [planes, height, width, inner]: inner = channels for channels_last, and 1 for NCHW,
// whose planes are batch * channels.

struct Axis {
  int in, out;
  int up, down;
  int pad;  // zeros before the first sample; negative crops
  int count;
  float taps[kMostTaps];  // in the order of a correlation
};

struct Resample {
  const void* in;
  void* out;
  long long planes;
  int inner;
  Axis y, x;
};

// A thread walks down a strip of the image. A few output columns, V channels wide; each input row is filtered horizontally
// once, as it comes, and added to every output row that needs it, so that an output costs (columns + TAPS - 1) / columns
// loads instead of TAPS^2, all but one of which a neighbour has just brought into the L1 cache. Buffering rows in shared
// memory would save only those. While a row is filtered the next one is under way. With everything known to the compiler,
// polyphase filters cost nothing: a product with a stuffed zero is never written down.
//
// ROW: for NCHW, as many columns as fill 16 bytes. Rows of the output must be whole runs of those, and begin with one.
template <typename T, int V, int UP, int DOWN, int TAPS, bool ROW = false>
HERE void resample(const Resample& r) {
  constexpr int kColumns = ROW ? 16 / sizeof(T) : UP == 1 && DOWN == 1 ? 2 : UP;  // outputs in a row
  constexpr int kRows = UP;                                           // output rows of one step down the strip
  constexpr int kFresh = DOWN;                                        // input rows that a step adds
  constexpr int kWide = ((kColumns - 1) * DOWN + TAPS - 1) / UP + 1;  // input samples that the outputs of a row see
  constexpr int kHigh = ((kRows - 1) * DOWN + TAPS - 1) / UP + 1;
  constexpr int kEarly = (kHigh - 1) / kFresh;  // steps before its own in which an output row is begun
  static_assert(kHigh == (kEarly + 1) * kFresh, "a strip begins with whole steps");

  // Blocks of outputs begin where the first tap meets a sample: earlier than 0 if the padding is odd.
  const int early_y = modulo(-r.y.pad, UP), early_x = modulo(-r.x.pad, UP);
  const int steps = ceil_div(r.y.out + early_y, kRows), columns = ceil_div(r.x.out + early_x, kColumns);
  const int inner = ROW ? 1 : r.inner, vectors = inner / V;
  const long long in_line = static_cast<long long>(r.x.in) * inner, out_line = static_cast<long long>(r.x.out) * inner;

  // Strips as long as the grid allows, since the rows at their seams are read twice.
  const long long upright = r.planes * columns * vectors;
  const int wished = larger(1, static_cast<long long>(gridDim.x) * kThreads / upright);
  const int strip = ceil_div(steps, wished), strips = ceil_div(steps, strip);

  const long long first = static_cast<long long>(blockIdx.x) * kThreads + threadIdx.x;
  for (long long item = first; item < upright * strips; item += static_cast<long long>(gridDim.x) * kThreads) {
    long long plane = item;
    const int vector = split(plane, vectors), column = split(plane, columns);
    const int begin = split(plane, strips) * strip, end = smaller(begin + strip, steps);
    const int out_column = column * kColumns - early_x;
    const int in_column = (out_column * DOWN - r.x.pad) / UP;  // exact
    int row = ((begin * kRows - early_y) * DOWN - r.y.pad) / UP, out_row = (begin - kEarly) * kRows - early_y;
    const T* source = static_cast<const T*>(r.in) + (plane * r.y.in + row) * in_line +
                      static_cast<long long>(in_column) * inner + vector * V;
    T* target = static_cast<T*>(r.out) + (plane * r.y.out + out_row) * out_line +
                static_cast<long long>(out_column) * inner + vector * V;

    Packed<T, V> samples[kWide];
    auto fetched = [&]() {  // input row `row`; then the next
#pragma unroll
      for (int s = 0; s < kWide; s++) {
        samples[s] = {};
        if (within(row, r.y.in) && within(in_column + s, r.x.in)) fetch(source + s * inner, samples[s]);
      }
      source += in_line;
      row++;
    };
    auto filtered = [&](float (&line)[kColumns][V]) {
#pragma unroll
      for (int s = 0; s < kWide; s++) {
        float sample[V];
        open(samples[s], sample);
#pragma unroll
        for (int j = 0; j < kColumns; j++) {
          const int t = s * UP - j * DOWN;
#pragma unroll
          for (int v = 0; v < V; v++) {
            if (s == 0) line[j][v] = 0.f;
            if (t >= 0 && t < TAPS) line[j][v] += r.x.taps[t] * sample[v];
          }
        }
      }
    };

    float sums[kEarly + 1][kRows][kColumns][V] = {};  // of the output rows of this step and of the next ones
    fetched();
#pragma unroll 1
    for (int step = begin - kEarly; step < end; step++) {
#pragma unroll
      for (int f = 0; f < kFresh; f++) {
        float line[kColumns][V];
        filtered(line);
        fetched();
#pragma unroll
        for (int d = 0; d <= kEarly; d++) {
#pragma unroll
          for (int i = 0; i < kRows; i++) {
            const int t = (kHigh - kFresh + f - d * kFresh) * UP - i * DOWN;
#pragma unroll
            for (int j = 0; j < kColumns; j++) {
#pragma unroll
              for (int v = 0; v < V; v++) {
                const float sum = f > 0 ? sums[d][i][j][v] : d < kEarly ? sums[d + 1][i][j][v] : 0.f;  // a step: all move up
                sums[d][i][j][v] = t >= 0 && t < TAPS ? sum + r.y.taps[t] * line[j][v] : sum;
              }
            }
          }
        }
      }
#pragma unroll
      for (int i = 0; i < kRows; i++, out_row++, target += out_line) {
        if (step < begin || !within(out_row, r.y.out)) continue;
        if constexpr (ROW) {
          float all[kColumns];
#pragma unroll
          for (int j = 0; j < kColumns; j++) all[j] = sums[0][i][j][0];
          store(target, all);
        } else {
#pragma unroll
          for (int j = 0; j < kColumns; j++) {
            if (within(out_column + j, r.x.out)) store(target + j * inner, sums[0][i][j]);
          }
        }
      }
    }
  }
}

// The first tap that meets a sample rather than a stuffed zero, and that sample.
HERE int first_tap(const Axis& axis, int out, int& sample) {
  const int position = out * axis.down - axis.pad, tap = modulo(-position, axis.up);
  sample = (position + tap) / axis.up;  // exact
  return tap;
}

// Any number of taps, up and down: one output a thread, and a load for each tap that meets a sample. Filters along one axis,
// as in ADA, lose nothing by that.
template <typename T, int V>
HERE void resample_any(const Resample& r) {
  const int vectors = r.inner / V;
  const long long items = r.planes * r.y.out * r.x.out * vectors;
  const long long first = static_cast<long long>(blockIdx.x) * kThreads + threadIdx.x;
  for (long long item = first; item < items; item += static_cast<long long>(gridDim.x) * kThreads) {
    long long plane = item;
    const int vector = split(plane, vectors), column = split(plane, r.x.out), line = split(plane, r.y.out);
    const T* in = static_cast<const T*>(r.in) + plane * r.y.in * r.x.in * r.inner + vector * V;
    float sum[V] = {};
    int row, left;
    const int top_tap = first_tap(r.y, line, row), left_tap = first_tap(r.x, column, left);
    for (int ty = top_tap; ty < r.y.count; ty += r.y.up, row++) {
      if (!within(row, r.y.in)) continue;
      const T* source = in + static_cast<long long>(row) * r.x.in * r.inner;
      for (int tx = left_tap, at = left; tx < r.x.count; tx += r.x.up, at++) {
        if (!within(at, r.x.in)) continue;
        const float weight = r.y.taps[ty] * r.x.taps[tx];
        float sample[V];
        load(source + at * r.inner, sample);
#pragma unroll
        for (int v = 0; v < V; v++) sum[v] += weight * sample[v];
      }
    }
    store(static_cast<T*>(r.out) + item * V, sum);
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// out = scale * leaky_relu(x * demod + strength * noise + bias)

struct Activation {
  const void* x;
  void* out;
  const float *bias, *demod, *noise, *strength;  // each may be null
  long long samples, noise_stride;               // the stride is 0 where the samples share their noise
  int channels, pixels;
  float above, below;  // scale, and scale * slope
};

// A block's share of [rows, length] vectors of V elements: as many whole rows beside one another as its threads can hold.
struct Share {
  int width;   // threads beside one another in a row
  int height;  // rows
  int at, row;  // of this thread
  HERE explicit Share(int length) {
    width = smaller(length, kThreads), height = kThreads / width;
    at = threadIdx.x % width, row = threadIdx.x / width;
  }
};

// channels_last: a thread keeps its V channels, with their bias and factor in registers, and goes from pixel to pixel.
template <typename T, int V>
HERE void activate_pixels(const Activation& a) {
  constexpr int kAhead = 2;  // loads under way of a thread; more registers would leave room for fewer threads
  const int vectors = a.channels / V;
  const Share share(vectors);
  const int chunks = ceil_div(vectors, share.width);
  const int pieces = smaller(larger(1, gridDim.x / (a.samples * chunks)), ceil_div(a.pixels, share.height));
  const int piece = ceil_div(a.pixels, pieces);
  const float strength = a.noise ? *a.strength : 0.f;
  for (long long job = blockIdx.x; job < a.samples * pieces * chunks; job += gridDim.x) {
    long long n = job;
    const int vector = split(n, chunks) * share.width + share.at;
    const int first = split(n, pieces) * piece, last = smaller(first + piece, a.pixels);
    if (vector >= vectors || share.row >= share.height) continue;
    float factor[V], offset[V];
#pragma unroll
    for (int v = 0; v < V; v++) {
      factor[v] = a.demod ? a.demod[n * a.channels + vector * V + v] : 1.f;
      offset[v] = a.bias ? a.bias[vector * V + v] : 0.f;
    }
    const long long start = n * a.pixels * a.channels + vector * V;
    const T* x = static_cast<const T*>(a.x) + start;
    T* out = static_cast<T*>(a.out) + start;
    for (int p = first + share.row; p < last; p += kAhead * share.height) {
      Packed<T, V> loaded[kAhead];
      float grain[kAhead];
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const int at = p + k * share.height;
        if (at >= last) continue;
        fetch(x + static_cast<long long>(at) * a.channels, loaded[k]);
        grain[k] = a.noise ? strength * a.noise[n * a.noise_stride + at] : 0.f;
      }
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const int at = p + k * share.height;
        if (at >= last) continue;
        float values[V];
        open(loaded[k], values);
#pragma unroll
        for (int v = 0; v < V; v++) {
          const float value = values[v] * factor[v] + (offset[v] + grain[k]);
          values[v] = value * (value > 0.f ? a.above : a.below);
        }
        store(out + static_cast<long long>(at) * a.channels, values);
      }
    }
  }
}

// NCHW: a thread goes through one plane, V pixels at a time; small planes share a block.
template <typename T, int V>
HERE void activate_planes(const Activation& a) {
  constexpr int kAhead = 4;
  const int vectors = a.pixels / V;
  const Share share(vectors);
  const long long planes = a.samples * a.channels, groups = ceil_div(planes, share.height);
  const int pieces = smaller(larger(1, gridDim.x / groups), ceil_div(vectors, share.width));
  const int piece = ceil_div(vectors, pieces);
  const float strength = a.noise ? *a.strength : 0.f;
  for (long long job = blockIdx.x; job < groups * pieces; job += gridDim.x) {
    long long group = job;
    const int first = split(group, pieces) * piece, last = smaller(first + piece, vectors);
    const long long plane = group * share.height + share.row;
    if (plane >= planes || share.row >= share.height) continue;
    long long n = plane;
    const int channel = split(n, a.channels);
    const float factor = a.demod ? a.demod[plane] : 1.f, offset = a.bias ? a.bias[channel] : 0.f;
    const T* x = static_cast<const T*>(a.x) + plane * a.pixels;
    T* out = static_cast<T*>(a.out) + plane * a.pixels;
    for (int i = first + share.at; i < last; i += kAhead * share.width) {
      float values[kAhead][V];
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const int at = i + k * share.width;
        if (at < last) load(x + static_cast<long long>(at) * V, values[k]);
      }
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const int at = i + k * share.width;
        if (at >= last) continue;
        float grain[V] = {};
        if (a.noise) load(a.noise + n * a.noise_stride + static_cast<long long>(at) * V, grain);
#pragma unroll
        for (int v = 0; v < V; v++) {
          const float value = values[k][v] * factor + (offset + strength * grain[v]);
          values[k][v] = value * (value > 0.f ? a.above : a.below);
        }
        store(out + static_cast<long long>(at) * V, values[k]);
      }
    }
  }
}

// Backward: gated = grad * (out > 0 ? above : below), grad_x = gated * demod, and the sums over pixels of gated (for the
// bias), gated * x (for demod) and gated * noise (for its strength). Each block sums its piece in a fixed order and writes
// the result; a second kernel adds the pieces. Their number depends on the shape alone, so the sums are the same everywhere.

struct ActivationBackward {
  const void *grad, *out, *x;  // without out every number counts as above 0; x where demod's sums are wanted
  void* grad_x;                // may be null
  const float *demod, *noise;
  float *bias_sums, *demod_sums;  // [samples, pieces, channels]
  float* noise_sums;              // [samples, pieces, channels] of planes, [samples, pieces, chunks of channels] of pixels
  long long samples, noise_stride;
  int channels, pixels;
  int pieces;
  float above, below;
};

// values[place] += values[place + stride] + values[place + 2 * stride] + ... + values[place + (count - 1) * stride], as a
// tree; `rank` says which of the `count` this thread holds, if less. Every thread of the block must come here.
template <int V>
HERE void fold(float (*values)[V], int place, int rank, int count, int stride) {
  int span = 1;
  while (span < count) span *= 2;
  for (span /= 2; span > 0; span /= 2) {
    __syncthreads();
    if (rank < span && rank + span < count) {
#pragma unroll
      for (int v = 0; v < V; v++) values[place][v] += values[place + span * stride][v];
    }
  }
  __syncthreads();
}

template <typename T, int V>
HERE void activate_backward_pixels(const ActivationBackward& a) {
  constexpr int kAhead = 4;
  __shared__ float shared[kThreads][V];
  __shared__ float shared_noise[kThreads][1];
  const int vectors = a.channels / V;
  const Share share(vectors);
  const int chunks = ceil_div(vectors, share.width), piece = ceil_div(a.pixels, a.pieces);
  for (long long job = blockIdx.x; job < a.samples * a.pieces * chunks; job += gridDim.x) {
    long long row = job;  // of the sums
    const int vector = split(row, chunks) * share.width + share.at;
    long long n = row;
    const int first = split(n, a.pieces) * piece, last = smaller(first + piece, a.pixels);
    const bool mine = vector < vectors && share.row < share.height;
    float factor[V], bias_sum[V], demod_sum[V], noise_sum = 0.f;
#pragma unroll
    for (int v = 0; v < V; v++) {
      factor[v] = mine && a.demod ? a.demod[n * a.channels + vector * V + v] : 1.f;
      bias_sum[v] = demod_sum[v] = 0.f;
    }
    const long long start = n * a.pixels * a.channels + vector * V;
    const T *grad = static_cast<const T*>(a.grad) + start, *out = static_cast<const T*>(a.out) + start;
    const T* x = static_cast<const T*>(a.x) + (a.x ? start : 0);
    T* grad_x = static_cast<T*>(a.grad_x) + start;
    for (int p = mine ? first + share.row : last; p < last; p += kAhead * share.height) {
      Packed<T, V> loaded_grad[kAhead], loaded_out[kAhead], loaded_x[kAhead];
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const long long at = p + k * share.height;
        if (at >= last) continue;
        fetch(grad + at * a.channels, loaded_grad[k]);
        if (a.out) fetch(out + at * a.channels, loaded_out[k]);
        if (a.x) fetch(x + at * a.channels, loaded_x[k]);
      }
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const long long at = p + k * share.height;
        if (at >= last) continue;
        float gated[V], sign[V], value[V], all = 0.f;
        open(loaded_grad[k], gated);
        if (a.out) open(loaded_out[k], sign);
        if (a.x) open(loaded_x[k], value);
#pragma unroll
        for (int v = 0; v < V; v++) {
          const float g = gated[v] * (!a.out || sign[v] > 0.f ? a.above : a.below);
          bias_sum[v] += g;
          if (a.x) demod_sum[v] += g * value[v];
          all += g;
          gated[v] = g * factor[v];
        }
        if (a.noise) noise_sum += all * a.noise[n * a.noise_stride + at];
        if (a.grad_x) store(grad_x + at * a.channels, gated);
      }
    }

    const int me = threadIdx.x;
#pragma unroll
    for (int v = 0; v < V; v++) shared[me][v] = bias_sum[v];
    fold<V>(shared, me, share.row, share.height, share.width);
    if (mine && share.row == 0) {
#pragma unroll
      for (int v = 0; v < V; v++) a.bias_sums[row * a.channels + vector * V + v] = shared[me][v];
    }
    if (a.x) {
#pragma unroll
      for (int v = 0; v < V; v++) shared[me][v] = demod_sum[v];  // where only this thread has read since the last barrier
      fold<V>(shared, me, share.row, share.height, share.width);
      if (mine && share.row == 0) {
#pragma unroll
        for (int v = 0; v < V; v++) a.demod_sums[row * a.channels + vector * V + v] = shared[me][v];
      }
    }
    if (a.noise) {
      shared_noise[me][0] = noise_sum;
      fold<1>(shared_noise, me, me, kThreads, 1);
      if (me == 0) a.noise_sums[job] = shared_noise[0][0];
    }
  }
}

template <typename T, int V>
HERE void activate_backward_planes(const ActivationBackward& a) {
  constexpr int kAhead = 2;
  __shared__ float shared[kThreads][3];
  const int vectors = a.pixels / V;
  const Share share(vectors);
  const long long planes = a.samples * a.channels, groups = ceil_div(planes, share.height);
  const int piece = ceil_div(vectors, a.pieces);
  for (long long job = blockIdx.x; job < groups * a.pieces; job += gridDim.x) {
    long long group = job;
    const int which = split(group, a.pieces), first = which * piece, last = smaller(first + piece, vectors);
    const long long plane = group * share.height + share.row;
    const bool mine = plane < planes && share.row < share.height;
    long long n = plane;
    const int channel = split(n, a.channels);
    const float factor = mine && a.demod ? a.demod[plane] : 1.f;
    const T *grad = static_cast<const T*>(a.grad) + plane * a.pixels, *out = static_cast<const T*>(a.out) + plane * a.pixels;
    const T* x = static_cast<const T*>(a.x) + (a.x ? plane * a.pixels : 0);
    T* grad_x = static_cast<T*>(a.grad_x) + plane * a.pixels;
    float bias_sum = 0.f, demod_sum = 0.f, noise_sum = 0.f;
    for (int i = mine ? first + share.at : last; i < last; i += kAhead * share.width) {
      float gated[kAhead][V], sign[kAhead][V], value[kAhead][V];
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const long long at = i + k * share.width;
        if (at >= last) continue;
        load(grad + at * V, gated[k]);
        if (a.out) load(out + at * V, sign[k]);
        if (a.x) load(x + at * V, value[k]);
      }
#pragma unroll
      for (int k = 0; k < kAhead; k++) {
        const long long at = i + k * share.width;
        if (at >= last) continue;
        float grain[V] = {};
        if (a.noise) load(a.noise + n * a.noise_stride + at * V, grain);
#pragma unroll
        for (int v = 0; v < V; v++) {
          const float g = gated[k][v] * (!a.out || sign[k][v] > 0.f ? a.above : a.below);
          bias_sum += g;
          if (a.x) demod_sum += g * value[k][v];
          if (a.noise) noise_sum += g * grain[v];
          gated[k][v] = g * factor;
        }
        if (a.grad_x) store(grad_x + at * V, gated[k]);
      }
    }

    const int me = threadIdx.x;
    shared[me][0] = bias_sum, shared[me][1] = demod_sum, shared[me][2] = noise_sum;
    fold<3>(shared, me, share.row < share.height ? share.at : kThreads, share.width, 1);
    if (mine && share.at == 0) {
      const long long sum = (n * a.pieces + which) * a.channels + channel;
      a.bias_sums[sum] = shared[me][0];
      if (a.x) a.demod_sums[sum] = shared[me][1];
      if (a.noise) a.noise_sums[sum] = shared[me][2];
    }
  }
}

struct Totals {
  const float *bias_sums, *demod_sums, *noise_sums;
  float *grad_bias, *grad_demod, *grad_strength;  // [channels], [samples, channels], [1]
  long long samples, pieces;
  int channels;
  int noises;  // how many noise sums there are; 0 without noise
  int demods;  // 1 with demod, else 0
};

// One block for each 8 channels of grad_bias, then of every sample of grad_demod, then one for grad_strength. Eight floats
// fill a sector of the L2 cache, and 32 threads for each channel keep enough loads under way.
HERE void total(const Totals& t) {
  constexpr int kWidth = 8, kHeight = kThreads / kWidth;
  __shared__ float shared[kThreads][1];
  const int chunks = ceil_div(t.channels, kWidth);
  const long long jobs = chunks * (1 + t.demods * t.samples);
  const int me = threadIdx.x;
  for (long long job = blockIdx.x; job < jobs + (t.noises > 0); job += gridDim.x) {
    float sum = 0.f;
    if (job == jobs) {
#pragma unroll 8
      for (int i = me; i < t.noises; i += kThreads) sum += t.noise_sums[i];
      shared[me][0] = sum;
      fold<1>(shared, me, me, kThreads, 1);
      if (me == 0) *t.grad_strength = shared[0][0];
    } else {
      long long n = job;
      const int channel = split(n, chunks) * kWidth + me % kWidth;
      n--;  // -1: the bias, over all samples
      const float* sums = n < 0 ? t.bias_sums : t.demod_sums + n * t.pieces * t.channels;
      const long long rows = n < 0 ? t.samples * t.pieces : t.pieces;
      if (channel < t.channels) {
#pragma unroll 8
        for (long long row = me / kWidth; row < rows; row += kHeight) sum += sums[row * t.channels + channel];
      }
      shared[me][0] = sum;
      fold<1>(shared, me, me / kWidth, kHeight, kWidth);
      if (me < kWidth && channel < t.channels) (n < 0 ? t.grad_bias : t.grad_demod + n * t.channels)[channel] = shared[me][0];
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// What a host can launch, under names that tell it all: operator, filter or layout, type, and what a thread writes at a time:
// one element, a vector of 16 bytes along the channels (of planes: along the pixels), or a run of 16 bytes of a row.
// BLOCKS of them must fit a multiprocessor (2: 128 registers a thread, 4: 64), so that their loads hide the latency of memory.

#define KERNELS_OF(X, type, T, width, V)                                                                     \
  X(upfirdn2d_blur_##type##_##width, Resample, 2, (resample<T, V, 1, 1, 4>))                                 \
  X(upfirdn2d_up_##type##_##width, Resample, 2, (resample<T, V, 2, 1, 4>))                                   \
  X(upfirdn2d_down_##type##_##width, Resample, 2, (resample<T, V, 1, 2, 4>))                                 \
  X(upfirdn2d_any_##type##_##width, Resample, 2, (resample_any<T, V>))                                       \
  X(leaky_relu_pixels_##type##_##width, Activation, 4, (activate_pixels<T, V>))                              \
  X(leaky_relu_planes_##type##_##width, Activation, 2, (activate_planes<T, V>))                              \
  X(leaky_relu_backward_pixels_##type##_##width, ActivationBackward, 2, (activate_backward_pixels<T, V>))    \
  X(leaky_relu_backward_planes_##type##_##width, ActivationBackward, 2, (activate_backward_planes<T, V>))

#define KERNELS_OF_ROWS(X, type, T) /* for NCHW */                                                           \
  X(upfirdn2d_blur_##type##_row, Resample, 2, (resample<T, 1, 1, 1, 4, true>))                               \
  X(upfirdn2d_up_##type##_row, Resample, 2, (resample<T, 1, 2, 1, 4, true>))                                 \
  X(upfirdn2d_down_##type##_row, Resample, 2, (resample<T, 1, 1, 2, 4, true>))

#define EVERY_KERNEL(X)                    \
  KERNELS_OF(X, float, float, one, 1)      \
  KERNELS_OF(X, float, float, vector, 4)   \
  KERNELS_OF(X, half, Half, one, 1)        \
  KERNELS_OF(X, half, Half, vector, 8)     \
  KERNELS_OF(X, bfloat, Bfloat, one, 1)    \
  KERNELS_OF(X, bfloat, Bfloat, vector, 8) \
  KERNELS_OF_ROWS(X, float, float)         \
  KERNELS_OF_ROWS(X, half, Half)           \
  KERNELS_OF_ROWS(X, bfloat, Bfloat)       \
  X(upfirdn2d_up12_float_one, Resample, 2, (resample<float, 1, 2, 1, 12>)) /* for ADA, whose images have three channels */ \
  X(upfirdn2d_down12_float_one, Resample, 2, (resample<float, 1, 1, 2, 12>))                                               \
  X(total_of_pieces, Totals, 2, total)

#define DEFINE(name, Arguments, BLOCKS, function) \
  extern "C" __global__ void __launch_bounds__(kThreads, BLOCKS) name(const Arguments arguments) { function(arguments); }
EVERY_KERNEL(DEFINE)
#undef DEFINE
