// The operators of StyleGAN2 for CUDA, as PyTorch sees them: which kernel of kernels.cuh, with which arguments, on how many
// blocks. Built by op/build.py with nvcc against PyTorch's stable ABI (2.10 and later). op/kernels.py does the same in Python
// for machines without nvcc; tests/op/test_kernels.py holds both to the definition.

#define TORCH_TARGET_VERSION 0x020a000000000000

#ifndef EMULATED
#define USE_CUDA
#include <cuda_runtime.h>
#endif

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <optional>
#include <string>
#include <tuple>

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/macros.h>  // STD_CUDA_CHECK; only newer PyTorch includes it from the others
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include "kernels.cuh"

using std::int64_t;
using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

namespace {

int64_t rounded_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

const float* read(const OptionalTensor& tensor) { return tensor ? static_cast<const float*>(tensor->data_ptr()) : nullptr; }

// Between 8 and 256 elements for each thread, and 1024 blocks if there are so many: some for every multiprocessor.
int64_t blocks_for(int64_t elements) {
  return std::max(rounded_up(elements, 65536), std::min<int64_t>(1024, rounded_up(elements, 2048)));
}

// Two for every multiprocessor, as many as surely run at the same time, if each has 2048 elements: the longest strips.
int64_t one_wave(int64_t elements, const Tensor& where) {
  int processors = 2;
#ifndef EMULATED
  STD_CUDA_CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, where.get_device_index()));
#endif
  return std::min<int64_t>(2 * processors, rounded_up(elements, 2048));
}

struct Kernel {
  const char* name;
  const void* function;
};
#define NAMED(name, Arguments, BLOCKS, function) {#name, reinterpret_cast<const void*>(&name)},
const Kernel kKernels[] = {EVERY_KERNEL(NAMED)};
#undef NAMED

// On the device and the current stream of `where`.
template <typename Arguments>
void launch(const std::string& name, Arguments arguments, int64_t blocks, const Tensor& where) {
  const Kernel* kernel = std::begin(kKernels);
  while (name != kernel->name) kernel++;
#ifdef EMULATED
  emulate(kernel->function, arguments, blocks);
#else
  const torch::stable::accelerator::DeviceGuard guard(where.get_device_index());
  void *stream, *pointers[] = {&arguments};
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(where.get_device_index(), &stream));
  const auto on = static_cast<cudaStream_t>(stream);
  STD_CUDA_CHECK(cudaLaunchKernel(kernel->function, dim3(blocks), dim3(kThreads), pointers, 0, on));
#endif
}

std::string type_of(const Tensor& x) {
  switch (x.scalar_type()) {
    case ScalarType::Float: return "float";
    case ScalarType::Half: return "half";
    case ScalarType::BFloat16: return "bfloat";
    default: STD_TORCH_CHECK(false, "cartoon_stylegan2 on CUDA takes float32, float16 and bfloat16"); return "";
  }
}

// Whether runs of `length` elements can be read 16 bytes at a time. `at`: where they begin.
template <typename... Pointers>
bool in_vectors(const Tensor& x, int64_t length, Pointers... at) {
  return length % (16 / x.element_size()) == 0 && ((reinterpret_cast<std::uintptr_t>(at) % 16 == 0) && ...);
}

Axis axis(int64_t in, int64_t out, int64_t up, int64_t down, int64_t pad, const Tensor& taps) {
  Axis result{int(in), int(out), int(up), int(down), int(pad), int(taps.size(0)), {}};
  STD_TORCH_CHECK(result.count <= kMostTaps && in < 1 << 24 && out < 1 << 24, "upfirdn2d: more than 32 taps or 2^24 pixels");
  std::memcpy(result.taps, taps.data_ptr(), result.count * sizeof(float));
  return result;
}

// Which of the kernels: those with a name have their filter's form compiled in.
std::string filter(const Axis& y, const Axis& x, const std::string& type) {
  if (y.up != x.up || y.down != x.down || y.count != x.count) return "any";
  const std::string form = y.up == 2 && y.down == 1 ? "up" : y.up == 1 && y.down == 2 ? "down" : "";
  if (y.count == 4) return !form.empty() ? form : y.up == 1 && y.down == 1 ? "blur" : "any";
  return y.count == 12 && !form.empty() && type == "float" ? form + "12" : "any";
}

// x is contiguous, or channels_last; so is the result. The taps are in CPU memory, whatever the device of x: they travel with
// the kernel's arguments.
Tensor upfirdn2d(const Tensor& x, const Tensor& taps_y, const Tensor& taps_x, int64_t up_y, int64_t up_x, int64_t down_y,
                 int64_t down_x, int64_t pad_y, int64_t pad_x, int64_t height, int64_t width) {
  const bool planes = x.is_contiguous();
  const int64_t batch = x.size(0), channels = x.size(1), shape[] = {batch, channels, height, width};
  Tensor out = torch::stable::empty({shape, 4}, x.scalar_type(), std::nullopt, x.device(), std::nullopt,
                                    planes ? MemoryFormat::Contiguous : MemoryFormat::ChannelsLast);
  Resample r{x.data_ptr(), out.data_ptr(), planes ? batch * channels : batch, planes ? 1 : int(channels),
             axis(x.size(2), height, up_y, down_y, pad_y, taps_y), axis(x.size(3), width, up_x, down_x, pad_x, taps_x)};
  STD_TORCH_CHECK(std::max(width, x.size(3)) * r.inner < INT32_MAX, "upfirdn2d: a row of 2^31 numbers");
  const std::string form = filter(r.y, r.x, type_of(x));
  const bool ada = form.find("12") != std::string::npos, vector = !ada && in_vectors(x, r.inner, r.in, r.out);
  const bool row = r.inner == 1 && !ada && form != "any" && pad_x % up_x == 0 && in_vectors(x, width, r.out);
  const std::string name = "upfirdn2d_" + form + "_" + type_of(x) + (vector ? "_vector" : row ? "_row" : "_one");
  launch(name, r, vector && form != "any" ? one_wave(out.numel(), x) : blocks_for(out.numel()), x);
  return out;
}

// How the kernels of leaky_relu see x: planes for a contiguous tensor, otherwise rows of pixels with the channels innermost.
struct Layout {
  bool planes;
  int64_t samples, channels, pixels;
  Layout(const Tensor& x, bool samples_alike) : samples(x.size(0)), channels(x.size(1)) {
    STD_TORCH_CHECK(x.numel() > 0, "leaky_relu: a tensor without elements");
    pixels = x.numel() / (samples * channels);
    planes = x.is_contiguous() && pixels > 1;
    if (samples_alike && !planes && samples * pixels < 1 << 30) pixels *= samples, samples = 1;
    STD_TORCH_CHECK(pixels <= 1 << 30 && channels <= 1 << 30, "leaky_relu: more than 2^30 pixels");
  }
  int64_t run() const { return planes ? pixels : channels; }
  const char* name() const { return planes ? "planes_" : "pixels_"; }
};

int64_t noise_stride(const OptionalTensor& noise, const Layout& of) { return noise && noise->size(0) > 1 ? of.pixels : 0; }

Tensor leaky_relu(const Tensor& x, const OptionalTensor& bias, const OptionalTensor& demod, const OptionalTensor& noise,
                  const OptionalTensor& strength, double slope, double scale) {
  Tensor out = torch::stable::empty_like(x);
  const Layout of(x, !demod && !noise);
  const Activation a{x.data_ptr(), out.data_ptr(), read(bias), read(demod), read(noise), read(strength), of.samples,
                     noise_stride(noise, of), int(of.channels), int(of.pixels), float(scale), float(scale * slope)};
  const bool vector = in_vectors(x, of.run(), a.x, a.out, a.noise);
  launch(std::string("leaky_relu_") + of.name() + type_of(x) + (vector ? "_vector" : "_one"), a, blocks_for(x.numel()), x);
  return out;
}

// (grad_x, grad_bias [channels], grad_demod [samples, channels], grad_strength [1]); the last two are of use with x and with
// noise only. out and x lie in memory as grad does. `writes`: whether grad_x is wanted.
std::tuple<Tensor, Tensor, Tensor, Tensor> backward(const Tensor& grad, const OptionalTensor& out, const OptionalTensor& x,
                                                    const OptionalTensor& demod, const OptionalTensor& noise, double slope,
                                                    double scale, bool writes) {
  const int64_t of_bias[] = {grad.size(1)}, of_demod[] = {grad.size(0), grad.size(1)}, one[] = {1};
  Tensor grad_x = writes ? torch::stable::empty_like(grad) : torch::stable::new_empty(grad, {one, 1});
  Tensor grad_bias = torch::stable::new_empty(grad, {of_bias, 1}, ScalarType::Float);
  Tensor grad_demod = torch::stable::new_empty(grad, {of_demod, 2}, ScalarType::Float);
  Tensor grad_strength = torch::stable::new_empty(grad, {one, 1}, ScalarType::Float);

  // A block sums a piece: at least 8192 elements, and no more than about 1024 pieces in all.
  const Layout of(grad, !x && !noise);
  const int64_t rows = of.planes ? of.samples * of.channels : of.samples;
  const int64_t pieces = std::max<int64_t>(1, std::min(1024 / rows, grad.numel() / rows / 8192));
  const void *sign = out ? out->data_ptr() : nullptr, *source = x ? x->data_ptr() : nullptr;
  void* target = writes ? grad_x.data_ptr() : nullptr;
  const bool vector = in_vectors(grad, of.run(), grad.data_ptr(), sign, source, target, read(noise));
  const int64_t vectors = of.channels / (vector ? 16 / grad.element_size() : 1);
  const int64_t sums = of.samples * pieces * of.channels;
  const int64_t noises = !noise ? 0 : of.planes ? sums : of.samples * pieces * rounded_up(vectors, kThreads);
  const int64_t scratch[] = {sums * (x ? 2 : 1) + noises};
  Tensor sum = torch::stable::new_empty(grad, {scratch, 1}, ScalarType::Float);
  float *bias_sums = static_cast<float*>(sum.data_ptr()), *demod_sums = bias_sums + sums;
  float* noise_sums = demod_sums + (x ? sums : 0);

  const ActivationBackward a{grad.data_ptr(), sign, source, target, read(demod), read(noise), bias_sums,
                             demod_sums, noise_sums, of.samples, noise_stride(noise, of), int(of.channels), int(of.pixels),
                             int(pieces), float(scale), float(scale * slope)};
  launch(std::string("leaky_relu_backward_") + of.name() + type_of(grad) + (vector ? "_vector" : "_one"), a,
         blocks_for(grad.numel()), grad);
  const Totals t{bias_sums, demod_sums, noise_sums, static_cast<float*>(grad_bias.data_ptr()),
                 static_cast<float*>(grad_demod.data_ptr()), static_cast<float*>(grad_strength.data_ptr()), of.samples, pieces,
                 int(of.channels), int(noises), x ? 1 : 0};
  launch("total_of_pieces", t, rounded_up(of.channels, 8) * (1 + (x ? of.samples : 0)) + 1, grad);
  return {grad_x, grad_bias, grad_demod, grad_strength};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> leaky_relu_backward(const Tensor& grad, const Tensor& out, const OptionalTensor& x,
                                                               const OptionalTensor& demod, const OptionalTensor& noise,
                                                               double slope, double scale) {
  return backward(grad, out, demod ? x : std::nullopt, demod, noise, slope, scale, true);
}

// (grad * style, the sums of grad * x over the pixels [samples, channels]); without a style the former is of no use.
std::tuple<Tensor, Tensor> modulate_backward(const Tensor& grad, const Tensor& x, const OptionalTensor& style) {
  auto [grad_x, unused, grad_style, none] = backward(grad, std::nullopt, x, style, std::nullopt, 1, 1, style.has_value());
  return {grad_x, grad_style};
}

}  // namespace

#ifndef EMULATED
STABLE_TORCH_LIBRARY_IMPL(cartoon_stylegan2, CUDA, m) {
  m.impl("upfirdn2d", TORCH_BOX(&upfirdn2d));
  m.impl("leaky_relu", TORCH_BOX(&leaky_relu));
  m.impl("leaky_relu_backward", TORCH_BOX(&leaky_relu_backward));
  m.impl("modulate_backward", TORCH_BOX(&modulate_backward));
}
#endif
