// The operators of StyleGAN2 for CPUs: one pass over memory each, in rows that stay in the cache.
//
// Tensors are float32 and channels_last, so that a row of pixels is one run of memory and every inner loop a run of
// vector instructions, whatever the number of channels. Built by op/build.py against PyTorch's stable ABI (2.10 and later).

#define TORCH_TARGET_VERSION 0x020a000000000000

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>
#include <tuple>
#include <vector>

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

using std::int64_t;
using torch::headeronly::MemoryFormat;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

namespace {

const float* read(const Tensor& tensor) { return static_cast<const float*>(tensor.data_ptr()); }
const float* read(const OptionalTensor& tensor) { return tensor ? read(*tensor) : nullptr; }
float* write(Tensor& tensor) { return static_cast<float*>(tensor.data_ptr()); }

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }
int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// ---------------------------------------------------------------------------------------------------------------------
// upfirdn2d, separable: vertical taps first, over whole rows; then horizontal taps, over the row just made.

struct Axis {
  int64_t in, out;
  int64_t up, down;  // one of them is 1
  int64_t pad;       // zeros before the first sample; negative crops
  const float* taps;  // in the order of a correlation
  int64_t count;
};

// Which rows take part in a sum, and with which weight.
struct Terms {
  static constexpr int kMost = 32;
  const float* row[kMost];
  float weight[kMost];
  int count = 0;

  void add(const float* source, float factor) {
    row[count] = source;
    weight[count++] = factor;
  }
};

// out[i] = sum over terms of weight * row[i]. Up to six terms at a time: out is read once for each further six.
void weighted_sum(const Terms& terms, float* __restrict out, int64_t length) {
  if (terms.count == 0) std::fill(out, out + length, 0.f);
  for (int t = 0; t < terms.count;) {
    const float *a = terms.row[t], k = terms.weight[t];
    const int left = terms.count - t;
    if (left >= 6) {
      const float *b = terms.row[t + 1], *c = terms.row[t + 2], *d = terms.row[t + 3], *e = terms.row[t + 4], *f = terms.row[t + 5];
      const float l = terms.weight[t + 1], m = terms.weight[t + 2], n = terms.weight[t + 3], o = terms.weight[t + 4],
                  p = terms.weight[t + 5];
      if (t == 0) {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] = k * a[i] + l * b[i] + m * c[i] + n * d[i] + o * e[i] + p * f[i];
      } else {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] += k * a[i] + l * b[i] + m * c[i] + n * d[i] + o * e[i] + p * f[i];
      }
      t += 6;
    } else if (left >= 4) {
      const float *b = terms.row[t + 1], *c = terms.row[t + 2], *d = terms.row[t + 3];
      const float l = terms.weight[t + 1], m = terms.weight[t + 2], n = terms.weight[t + 3];
      if (t == 0) {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] = k * a[i] + l * b[i] + m * c[i] + n * d[i];
      } else {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] += k * a[i] + l * b[i] + m * c[i] + n * d[i];
      }
      t += 4;
    } else if (left >= 2) {
      const float *b = terms.row[t + 1], l = terms.weight[t + 1];
      if (t == 0) {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] = k * a[i] + l * b[i];
      } else {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] += k * a[i] + l * b[i];
      }
      t += 2;
    } else {
      if (t == 0) {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] = k * a[i];
      } else {
#pragma omp simd
        for (int64_t i = 0; i < length; i++) out[i] += k * a[i];
      }
      t += 1;
    }
  }
}

// Pixels that lie so many floats apart. A number of channels that the compiler knows makes a copy of it a few instructions.
template <int64_t kChannels>
void copy_pixels(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t count, int64_t channels) {
  const size_t bytes = (kChannels ? kChannels : channels) * sizeof(float);
  for (int64_t i = 0; i < count; i++) std::memcpy(to + i * to_step, from + i * from_step, bytes);
}

void copy_pixels(const float* from, int64_t from_step, float* to, int64_t to_step, int64_t count, int64_t channels) {
  switch (channels) {
    case 1: return copy_pixels<1>(from, from_step, to, to_step, count, channels);
    case 3: return copy_pixels<3>(from, from_step, to, to_step, count, channels);
    case 16: return copy_pixels<16>(from, from_step, to, to_step, count, channels);
    case 32: return copy_pixels<32>(from, from_step, to, to_step, count, channels);
    default: return copy_pixels<0>(from, from_step, to, to_step, count, channels);
  }
}

// Output rows first .. last of all images, one after the other.
void filter_rows(const float* in, float* out, int64_t first, int64_t last, int64_t channels, const Axis& y, const Axis& x) {
  // The row between the two passes, with margins of zeros wide enough for every tap of every output sample.
  const int64_t lowest = std::min<int64_t>(0, floor_div(-x.pad, x.up));
  const int64_t highest = floor_div((x.out - 1) * x.down - x.pad + x.count - 1, x.up);
  const int64_t margin = round_up(-lowest, x.down);
  const int64_t length = round_up(margin + std::max(highest + 1, x.in), x.down);
  std::vector<float> row(length * channels, 0.f);
  std::vector<float> phases(x.down > 1 ? length * channels : 0);
  std::vector<float> phase(x.up > 1 ? (x.out / x.up + 1) * channels : 0);
  const bool only_vertical = x.count == 1 && x.taps[0] == 1.f && x.pad == 0 && x.in == x.out && x.up == 1 && x.down == 1;

  for (int64_t r = first; r < last; r++) {
    const float* image = in + r / y.out * y.in * x.in * channels;
    Terms vertical;
    for (int64_t t = 0; t < y.count; t++) {
      const int64_t position = r % y.out * y.down - y.pad + t;
      const int64_t source = floor_div(position, y.up);
      if (position == source * y.up && source >= 0 && source < y.in) vertical.add(image + source * x.in * channels, y.taps[t]);
    }
    float* target = out + r * x.out * channels;
    if (only_vertical) {
      weighted_sum(vertical, target, x.out * channels);
      continue;
    }
    weighted_sum(vertical, row.data() + margin * channels, x.in * channels);
    if (x.up == 1) {
      const float* samples = row.data();
      const int64_t plane = length / x.down;  // samples with equal remainder lie together
      if (x.down > 1) {
        for (int64_t p = 0; p < x.down; p++)
          copy_pixels(&row[p * channels], x.down * channels, &phases[p * plane * channels], channels, plane, channels);
        samples = phases.data();
      }
      Terms horizontal;
      for (int64_t t = 0; t < x.count; t++) {
        const int64_t start = margin - x.pad + t;
        horizontal.add(samples + (start % x.down * plane + start / x.down) * channels, x.taps[t]);
      }
      weighted_sum(horizontal, target, x.out * channels);
    } else {
      for (int64_t p = 0; p < std::min(x.up, x.out); p++) {  // outputs p, p + up, ... see the same taps
        Terms horizontal;
        for (int64_t t = 0; t < x.count; t++) {
          const int64_t position = p - x.pad + t, source = floor_div(position, x.up);
          if (position == source * x.up) horizontal.add(&row[(margin + source) * channels], x.taps[t]);
        }
        const int64_t outputs = (x.out - p + x.up - 1) / x.up;
        weighted_sum(horizontal, phase.data(), outputs * channels);
        copy_pixels(phase.data(), channels, target + p * channels, x.up * channels, outputs, channels);
      }
    }
  }
}

Tensor upfirdn2d(const Tensor& x, const Tensor& taps_y, const Tensor& taps_x, int64_t up_y, int64_t up_x, int64_t down_y,
                 int64_t down_x, int64_t pad_y, int64_t pad_x, int64_t height, int64_t width) {
  const int64_t batch = x.size(0), channels = x.size(1);
  const int64_t shape[] = {batch, channels, height, width};
  Tensor out = torch::stable::empty({shape, 4}, x.scalar_type(), std::nullopt, std::nullopt, std::nullopt, MemoryFormat::ChannelsLast);
  const Axis vertical{x.size(2), height, up_y, down_y, pad_y, read(taps_y), taps_y.size(0)};
  const Axis horizontal{x.size(3), width, up_x, down_x, pad_x, read(taps_x), taps_x.size(0)};
  const float* source = read(x);
  float* target = write(out);
  const int64_t rows_at_least = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, width * channels));
  torch::stable::parallel_for(0, batch * height, rows_at_least, [&](int64_t first, int64_t last) {
    filter_rows(source, target, first, last, channels, vertical, horizontal);
  });
  return out;
}

// ---------------------------------------------------------------------------------------------------------------------
// affine_sample: out(i, j) = x(a i + b j + s, c i + d j + t), positions in pixels from the centres, bilinear, 0 outside.

// Where the pixels of an output row are read, counted from the first pixel of the image: in the steps of the definition, whose
// rounding (a large image is -1 to 1 in float) shows in the fifth decimal.
struct Line {
  int64_t height, width;
  std::vector<float> column, row;      // pixels of the output, their centres between -1 and 1
  std::vector<float> right_x, right_y;  // what a column adds; of one image
  std::vector<float> px, py;           // of one row

  Line(int64_t height, int64_t width, int64_t out_height, int64_t out_width)
      : height(height), width(width), column(centres(out_width)), row(centres(out_height)), right_x(column), right_y(column),
        px(column), py(column) {}

  static std::vector<float> centres(int64_t side) {
    std::vector<float> at(side);
    const float step = side > 1 ? 2.f / (side - 1) : 0.f;
    for (int64_t i = 0; i < side; i++) {
      const float edge_to_edge = i < side / 2 ? step * i - 1 : 1 - step * (side - 1 - i);
      at[i] = (side > 1 ? edge_to_edge : -1.f) * (side - 1) / side;
    }
    return at;
  }

  void go_to(const float* map, int64_t r) {
    const float x = 2.0 / width, y = 2.0 / height, half_x = 0.5f * width, half_y = 0.5f * height;
    const float right = 0.5f * column.size(), down = 0.5f * row.size();
    const float along_x = map[0] * x * right, along_y = map[3] * y * right;
    const float down_x = row[r] * (map[1] * x * down), down_y = row[r] * (map[4] * y * down);
    const float shift_x = map[2] * x, shift_y = map[5] * y;
    const int64_t pixels = column.size();
    for (int64_t i = 0; i < pixels; i++) right_x[i] = column[i] * along_x, right_y[i] = column[i] * along_y;
    for (int64_t i = 0; i < pixels; i++) {
      px[i] = (right_x[i] + down_x + shift_x + 1) * half_x - 0.5f;
      py[i] = (right_y[i] + down_y + shift_y + 1) * half_y - 0.5f;
    }
  }
  // The four pixels around it are there.
  bool inside(int64_t i) const { return px[i] >= 0.f && py[i] >= 0.f && px[i] < width - 1 && py[i] < height - 1; }
};

// Calls inner(first, last) for the pixels of an output row that lie inside, which are neighbours, and outer(i) for the others.
template <typename Inner, typename Outer>
void along(const Line& line, int64_t pixels, Inner inner, Outer outer) {
  int64_t first = 0, last = pixels;
  while (first < last && !line.inside(first)) outer(first++);
  while (first < last && !line.inside(last - 1)) outer(--last);
  inner(first, last);
}

// use(pixel, share) for each of the four pixels around the place that lies in the image.
template <typename Use>
void each_neighbour(const Line& line, int64_t i, Use use) {
  const float px = line.px[i], py = line.py[i];
  if (!(px > -1 && py > -1 && px < line.width && py < line.height)) return;
  const float left = std::floor(px), top = std::floor(py), right = px - left, below = py - top;
  for (int n = 0; n < 4; n++) {
    const int64_t column = static_cast<int64_t>(left) + n % 2, row = static_cast<int64_t>(top) + n / 2;
    if (column >= 0 && column < line.width && row >= 0 && row < line.height)
      use(row * line.width + column, (n % 2 ? right : 1 - right) * (n / 2 ? below : 1 - below));
  }
}

template <int64_t kChannels>
void sample_row(const float* in, const Line& line, float* out, int64_t pixels, int64_t some_channels) {
  const int64_t channels = kChannels ? kChannels : some_channels, stride = line.width * channels;
  const auto inner = [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const float px = line.px[i], py = line.py[i];
      const int32_t left = px, top = py;
      const float right = px - left, below = py - top, above = 1 - below;
      const float *from = in + top * stride + left * channels, *next = from + channels;
      float* to = out + i * channels;
      for (int64_t k = 0; k < channels; k++)
        to[k] = (from[k] * above + from[stride + k] * below) * (1 - right) + (next[k] * above + next[stride + k] * below) * right;
    }
  };
  const auto outer = [&](int64_t i) {
    float* to = out + i * channels;
    std::fill(to, to + channels, 0.f);
    each_neighbour(line, i, [&](int64_t pixel, float share) {
      for (int64_t k = 0; k < channels; k++) to[k] += share * in[pixel * channels + k];
    });
  };
  along(line, pixels, inner, outer);
}

// The transpose: what was read at a place is added there.
template <int64_t kChannels>
void scatter_row(const float* grad, const Line& line, float* out, int64_t pixels, int64_t some_channels) {
  const int64_t channels = kChannels ? kChannels : some_channels, stride = line.width * channels;
  const auto inner = [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const float px = line.px[i], py = line.py[i];
      const int32_t left = px, top = py;
      const float right = px - left, below = py - top;
      const float shares[] = {(1 - right) * (1 - below), right * (1 - below), (1 - right) * below, right * below};
      const float* from = grad + i * channels;
      float *to = out + top * stride + left * channels, *next = to + channels;
      for (int64_t k = 0; k < channels; k++) {
        to[k] += shares[0] * from[k];
        next[k] += shares[1] * from[k];
        to[stride + k] += shares[2] * from[k];
        next[stride + k] += shares[3] * from[k];
      }
    }
  };
  const auto outer = [&](int64_t i) {
    each_neighbour(line, i, [&](int64_t pixel, float share) {
      for (int64_t k = 0; k < channels; k++) out[pixel * channels + k] += share * grad[i * channels + k];
    });
  };
  along(line, pixels, inner, outer);
}

Tensor affine_sample(const Tensor& x, const Tensor& maps, int64_t out_height, int64_t out_width) {
  const int64_t batch = x.size(0), channels = x.size(1), height = x.size(2), width = x.size(3);
  const int64_t shape[] = {batch, channels, out_height, out_width};
  Tensor out = torch::stable::empty({shape, 4}, x.scalar_type(), std::nullopt, std::nullopt, std::nullopt, MemoryFormat::ChannelsLast);
  const float *source = read(x), *map = read(maps);
  float* target = write(out);
  const auto sample = channels == 3 ? sample_row<3> : sample_row<0>;
  torch::stable::parallel_for(0, batch * out_height, 32, [&](int64_t first, int64_t last) {
    Line line(height, width, out_height, out_width);
    for (int64_t r = first; r < last; r++) {
      const int64_t n = r / out_height;
      line.go_to(map + 6 * n, r % out_height);
      sample(source + n * height * width * channels, line, target + r * out_width * channels, out_width, channels);
    }
  });
  return out;
}

// The transpose of affine_sample, to images of height x width.
Tensor affine_scatter(const Tensor& grad, const Tensor& maps, int64_t height, int64_t width) {
  const int64_t batch = grad.size(0), channels = grad.size(1), grad_height = grad.size(2), grad_width = grad.size(3);
  const int64_t shape[] = {batch, channels, height, width};
  Tensor out = torch::stable::empty({shape, 4}, grad.scalar_type(), std::nullopt, std::nullopt, std::nullopt, MemoryFormat::ChannelsLast);
  const float *source = read(grad), *map = read(maps);
  float* target = write(out);
  const auto scatter = channels == 3 ? scatter_row<3> : scatter_row<0>;
  torch::stable::parallel_for(0, batch, 1, [&](int64_t first, int64_t last) {
    std::fill(target + first * height * width * channels, target + last * height * width * channels, 0.f);
    Line line(height, width, grad_height, grad_width);
    for (int64_t r = first * grad_height; r < last * grad_height; r++) {
      const int64_t n = r / grad_height;
      line.go_to(map + 6 * n, r % grad_height);
      scatter(source + r * grad_width * channels, line, target + n * height * width * channels, grad_width, channels);
    }
  });
  return out;
}

// ---------------------------------------------------------------------------------------------------------------------
// out = scale * leaky_relu(x * demod + strength * noise + bias)

void activate(const float* __restrict x, float* __restrict out, const float* __restrict demod, const float* __restrict bias,
              const float* __restrict noise, float strength, float above, float below, int64_t channels, int64_t pixels) {
  for (int64_t p = 0; p < pixels; p++, x += channels, out += channels) {
    const float grain = noise ? strength * noise[p] : 0.f;
    if (demod) {
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) {
        const float value = x[c] * demod[c] + (bias[c] + grain);
        out[c] = value * (value > 0.f ? above : below);
      }
    } else {
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) {
        const float value = x[c] + (bias[c] + grain);
        out[c] = value * (value > 0.f ? above : below);
      }
    }
  }
}

int64_t pixels_of(const Tensor& x) { return x.numel() / std::max<int64_t>(1, x.size(0) * x.size(1)); }

Tensor leaky_relu(const Tensor& x, const OptionalTensor& bias, const OptionalTensor& demod, const OptionalTensor& noise,
                  const OptionalTensor& strength, double slope, double scale) {
  Tensor out = torch::stable::empty_like(x);
  const int64_t channels = x.size(1), pixels = pixels_of(x), samples = x.size(0);
  const std::vector<float> none(channels, 0.f);
  const float *source = read(x), *offset = bias ? read(bias) : none.data(), *factor = read(demod), *grain = read(noise);
  float* target = write(out);
  const float amount = strength ? *read(strength) : 0.f, above = scale, below = scale * slope;
  const int64_t grain_stride = grain && noise->size(0) > 1 ? pixels : 0;
  const int64_t pixels_at_least = std::max<int64_t>(1, 32768 / std::max<int64_t>(1, channels));
  torch::stable::parallel_for(0, samples * pixels, pixels_at_least, [&](int64_t first, int64_t last) {
    while (first < last) {
      const int64_t n = first / pixels, p = first % pixels, count = std::min(last - first, pixels - p);
      activate(source + first * channels, target + first * channels, factor ? factor + n * channels : nullptr, offset,
               grain ? grain + n * grain_stride + p : nullptr, amount, above, below, channels, count);
      first += count;
    }
  });
  return out;
}

// Sums over the pixels of one piece of one sample.
struct Sums {
  float *bias, *demod;
  double noise = 0;
};

void activate_backward(const float* __restrict grad, const float* __restrict out, const float* __restrict x,
                       const float* __restrict demod, const float* __restrict noise, float above, float below, int64_t channels,
                       int64_t pixels, float* __restrict grad_x, Sums& sums) {
  float *__restrict sum_bias = sums.bias, *__restrict sum_demod = sums.demod;
  for (int64_t p = 0; p < pixels; p++, grad += channels, out += channels, grad_x += channels) {
    if (demod) {
      float all = 0.f;
#pragma omp simd reduction(+ : all)
      for (int64_t c = 0; c < channels; c++) {
        const float value = grad[c] * (out[c] > 0.f ? above : below);
        sum_bias[c] += value;
        sum_demod[c] += value * x[c];
        grad_x[c] = value * demod[c];
        all += value;
      }
      x += channels;
      if (noise) sums.noise += double(all) * noise[p];
    } else if (noise) {
      float all = 0.f;
#pragma omp simd reduction(+ : all)
      for (int64_t c = 0; c < channels; c++) {
        const float value = grad[c] * (out[c] > 0.f ? above : below);
        sum_bias[c] += value;
        grad_x[c] = value;
        all += value;
      }
      sums.noise += double(all) * noise[p];
    } else {
#pragma omp simd
      for (int64_t c = 0; c < channels; c++) {
        const float value = grad[c] * (out[c] > 0.f ? above : below);
        sum_bias[c] += value;
        grad_x[c] = value;
      }
    }
  }
}

// (grad_x, grad_bias [channels], grad_demod [samples, channels], grad_strength [1]); zeros where the term is missing.
// The pieces that are summed do not depend on the number of threads, so the sums do not either.
std::tuple<Tensor, Tensor, Tensor, Tensor> leaky_relu_backward(const Tensor& grad, const Tensor& out, const OptionalTensor& x,
                                                               const OptionalTensor& demod, const OptionalTensor& noise,
                                                               double slope, double scale) {
  const int64_t samples = out.size(0), channels = out.size(1), pixels = pixels_of(out);
  const int64_t piece = std::max<int64_t>(1, std::min(pixels, 65536 / std::max<int64_t>(1, channels)));
  const int64_t pieces = (pixels + piece - 1) / piece;
  std::vector<float> bias_sums(samples * pieces * channels, 0.f), demod_sums(demod ? bias_sums.size() : 0, 0.f);
  std::vector<double> noise_sums(samples * pieces, 0.);

  Tensor grad_x = torch::stable::empty_like(out);
  const float *incoming = read(grad), *outgoing = read(out), *source = read(x), *factor = read(demod), *grain = read(noise);
  float* target = write(grad_x);
  const float above = scale, below = scale * slope;
  const int64_t grain_stride = grain && noise->size(0) > 1 ? pixels : 0;
  torch::stable::parallel_for(0, samples * pieces, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const int64_t n = i / pieces, p = i % pieces * piece, at = (n * pixels + p) * channels;
      Sums sums{&bias_sums[i * channels], factor ? &demod_sums[i * channels] : nullptr};
      activate_backward(incoming + at, outgoing + at, factor ? source + at : nullptr, factor ? factor + n * channels : nullptr,
                        grain ? grain + n * grain_stride + p : nullptr, above, below, channels, std::min(piece, pixels - p),
                        target + at, sums);
      noise_sums[i] = sums.noise;
    }
  });

  const int64_t of_bias[] = {channels}, of_demod[] = {samples, channels}, of_strength[] = {1};
  Tensor grad_bias = torch::stable::empty({of_bias, 1}, out.scalar_type());
  Tensor grad_demod = torch::stable::empty({of_demod, 2}, out.scalar_type());
  Tensor grad_strength = torch::stable::empty({of_strength, 1}, out.scalar_type());
  float *to_bias = write(grad_bias), *to_demod = write(grad_demod);
  std::fill(to_bias, to_bias + channels, 0.f);
  std::fill(to_demod, to_demod + samples * channels, 0.f);
  double to_strength = 0;
  for (int64_t i = 0; i < samples * pieces; i++) {
    for (int64_t c = 0; c < channels; c++) to_bias[c] += bias_sums[i * channels + c];
    if (factor)
      for (int64_t c = 0; c < channels; c++) to_demod[i / pieces * channels + c] += demod_sums[i * channels + c];
    to_strength += noise_sums[i];
  }
  *write(grad_strength) = static_cast<float>(to_strength);
  return {grad_x, grad_bias, grad_demod, grad_strength};
}

// ---------------------------------------------------------------------------------------------------------------------
// The gradients of x * style

void modulated_back(const float* __restrict grad, const float* __restrict x, const float* __restrict style, int64_t channels,
                    int64_t pixels, float* __restrict grad_x, float* __restrict sums) {
  for (int64_t p = 0; p < pixels; p++, grad += channels, x += channels) {
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) sums[c] += grad[c] * x[c];
    if (!style) continue;
#pragma omp simd
    for (int64_t c = 0; c < channels; c++) grad_x[c] = grad[c] * style[c];
    grad_x += channels;
  }
}

// (grad * style, the sums of grad * x over the pixels [samples, channels]); without a style the former is of no use. The
// pieces that are summed do not depend on the number of threads.
std::tuple<Tensor, Tensor> modulate_backward(const Tensor& grad, const Tensor& x, const OptionalTensor& style) {
  const int64_t samples = grad.size(0), channels = grad.size(1), pixels = pixels_of(grad);
  const int64_t piece = std::max<int64_t>(1, std::min(pixels, 8192 / std::max<int64_t>(1, channels)));
  const int64_t pieces = (pixels + piece - 1) / piece, none[] = {1}, of_style[] = {samples, channels};
  Tensor grad_x = style ? torch::stable::empty_like(grad) : torch::stable::empty({none, 1}, grad.scalar_type());
  Tensor grad_style = torch::stable::empty({of_style, 2}, grad.scalar_type());
  std::vector<float> sums(samples * pieces * channels, 0.f);
  const float *incoming = read(grad), *source = read(x), *factor = read(style);
  float *target = write(grad_x), *total = write(grad_style);
  torch::stable::parallel_for(0, samples * pieces, 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const int64_t n = i / pieces, p = i % pieces * piece, at = (n * pixels + p) * channels;
      modulated_back(incoming + at, source + at, factor ? factor + n * channels : nullptr, channels,
                     std::min(piece, pixels - p), target + (factor ? at : 0), &sums[i * channels]);
    }
  });
  std::fill(total, total + samples * channels, 0.f);
  for (int64_t i = 0; i < samples * pieces; i++)
    for (int64_t c = 0; c < channels; c++) total[i / pieces * channels + c] += sums[i * channels + c];
  return {grad_x, grad_style};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(cartoon_stylegan2, CPU, m) {
  m.impl("upfirdn2d", TORCH_BOX(&upfirdn2d));
  m.impl("affine_sample", TORCH_BOX(&affine_sample));
  m.impl("affine_scatter", TORCH_BOX(&affine_scatter));
  m.impl("leaky_relu", TORCH_BOX(&leaky_relu));
  m.impl("leaky_relu_backward", TORCH_BOX(&leaky_relu_backward));
  m.impl("modulate_backward", TORCH_BOX(&modulate_backward));
}
