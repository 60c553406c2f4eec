#include "network/aten.h"

#include <dlfcn.h>
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <limits>

#include "device/torch_status.h"

namespace funcsim::aten {

namespace {

/// Calls the function of this name and overload. Arguments must have the very type of the schema: std::int64_t for int
/// and SymInt, double for float, std::optional for what may be None, and so on. Of several results the first is
/// returned.
///
/// Each argument becomes an owning reference that the call takes over, also if it fails; each result is one that we
/// take over.
template <std::size_t results = 1, typename... Arguments>
Tensor call(const std::string& name, const char* overload, const Arguments&... arguments) {
  std::array<StableIValue, std::max(results, sizeof...(Arguments))> stack{torch::stable::detail::from(arguments)...};
  check_torch(torch_call_dispatcher(("aten::" + name).c_str(), overload, stack.data(), TORCH_ABI_VERSION),
              "aten::", name);
  auto first = torch::stable::detail::to<Tensor>(stack[0]);
  for (std::size_t i = 1; i < results; ++i) {
    (void)torch::stable::detail::to<Tensor>(stack[i]);
  }
  return first;
}

/// a - alpha * b. One of the few functions that have a C entry point of their own, and so may take a Scalar.
Tensor subtract_multiple(const Tensor& a, const Tensor& b, double alpha) {
  AtenTensorHandle result = nullptr;
  check_torch(aoti_torch_aten_subtract_Tensor(a.get(), b.get(), alpha, &result), "aten::subtract");
  return Tensor(result);
}

/// A large Linear by oneDNN, if this torch has it for this processor. ATen's own linear leaves float32 to MKL, which on
/// AMD's processors computes in registers half as wide as they have: oneDNN takes 0.43 of the time on Zen 5.
///
/// The function isn't public: should a later torch take its arguments in another way, it isn't called again.
OptionalTensor linear_by_onednn(const Tensor& input, const Tensor& weight, const OptionalTensor& bias) {
#ifdef __x86_64__
  constexpr std::int64_t least_weights = 1 << 15;  // below, preparing the call takes longer than it gains
  static const bool has_onednn = dlsym(RTLD_DEFAULT, "aoti_torch_cpu__linear_pointwise") != nullptr;
  static std::atomic<bool> fails = false;
  if (has_onednn && !fails.load(std::memory_order_relaxed) && input.is_cpu() && input.scalar_type() == Dtype::Float &&
      weight.numel() >= least_weights && input.numel() > 0) {
    std::array<StableIValue, 6> stack{
        torch::stable::detail::from(input),
        torch::stable::detail::from(weight),
        torch::stable::detail::from(bias),
        torch::stable::detail::from(std::string("none")),                   // nothing is done with the result
        torch::stable::detail::from(std::vector<std::optional<double>>()),  // nor with numbers
        torch::stable::detail::from(std::optional<std::string>())};
    if (torch_call_dispatcher("mkldnn::_linear_pointwise", "", stack.data(), TORCH_ABI_VERSION) == AOTI_TORCH_SUCCESS) {
      return torch::stable::detail::to<Tensor>(stack[0]);
    }
    fails.store(true, std::memory_order_relaxed);
  }
#endif
  return std::nullopt;
}

/// "max_pool2d"
std::string with_dimensions(const std::string& name, std::int64_t d) {
  return name + std::to_string(d) + "d";
}

/// The tensor with the strides of the usual memory format, also where it has one channel. Then it can have those of
/// channels-last as well and still count as contiguous.
Tensor with_usual_strides(const Tensor& t) {
  if (t.size(1) != 1) {
    return t;
  }
  const auto sizes = t.sizes();
  return aten::reshape(aten::reshape(aten::contiguous(t), {-1}), {sizes.begin(), sizes.end()});
}

}  // namespace

Tensor full(const Sizes& sizes, double value, const Tensor& like) {
  Tensor tensor = call("new_empty", "", like, sizes, std::nullopt, std::nullopt, std::nullopt, std::nullopt);
  // fill_ refuses what float32 can't hold.
  const bool overflows =
      like.scalar_type() == Dtype::Float && std::abs(value) > static_cast<double>(std::numeric_limits<float>::max());
  const double held = overflows ? std::copysign(std::numeric_limits<double>::infinity(), value) : value;
  check_torch(aoti_torch_aten_fill__Scalar(tensor.get(), held), "aten::fill_");
  return tensor;
}

Tensor clone(const Tensor& t) {
  return call("clone", "", t, std::nullopt);
}

Tensor to_dtype(const Tensor& t, Dtype dtype) {
  return call("to", "dtype", t, dtype, false, false, std::nullopt);
}

Tensor cat(const std::vector<Tensor>& tensors, std::int64_t dim) {
  return call("cat", "", tensors, dim);
}

Tensor index_select(const Tensor& t, std::int64_t dim, const Tensor& index) {
  return call("index_select", "", t, dim, index);
}

void copy_into(const Tensor& to, const Tensor& from) {
  constexpr bool non_blocking = false;
  call("copy_", "", to, from, non_blocking);
}

Tensor repeat_interleave(const Tensor& t, std::int64_t repeats, std::int64_t dim) {
  return call("repeat_interleave", "self_int", t, repeats, std::optional<std::int64_t>(dim), std::nullopt);
}

Tensor detach(const Tensor& t) {
  return call("detach", "", t);
}

Tensor reshape(const Tensor& t, const Sizes& sizes) {
  return call("reshape", "", t, sizes);
}

Tensor permute(const Tensor& t, const Sizes& dims) {
  return call("permute", "", t, dims);
}

Tensor narrow(const Tensor& t, std::int64_t dim, std::int64_t start, std::int64_t length) {
  return call("narrow", "", t, dim, start, length);
}

Tensor contiguous(const Tensor& t) {
  return call("contiguous", "", t, torch::headeronly::MemoryFormat::Contiguous);
}
Tensor aligned(const Tensor& t) {
  constexpr std::uintptr_t alignment = 64;
  const Tensor result = aten::contiguous(t);
  const bool lies_well = reinterpret_cast<std::uintptr_t>(result.const_data_ptr()) % alignment == 0;
  return lies_well ? result : aten::clone(result);
}

Tensor add(const Tensor& a, const Tensor& b) {
  return subtract_multiple(a, b, -1.0);
}

Tensor subtract(const Tensor& a, const Tensor& b) {
  return subtract_multiple(a, b, 1.0);
}

Tensor mul(const Tensor& a, const Tensor& b) {
  return call("mul", "Tensor", a, b);
}

Tensor div(const Tensor& a, const Tensor& b) {
  return call("div", "Tensor", a, b);
}

Tensor eq(const Tensor& a, const Tensor& b) {
  return call("eq", "Tensor", a, b);
}

Tensor gt(const Tensor& a, const Tensor& b) {
  return call("gt", "Tensor", a, b);
}

Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y) {
  return call("where", "self", condition, x, y);
}

Tensor clamp(const Tensor& t, const Tensor& min, const Tensor& max) {
  return call("clamp", "Tensor", t, OptionalTensor(min), OptionalTensor(max));
}

Tensor abs(const Tensor& t) {
  return call("abs", "", t);
}

Tensor sqrt(const Tensor& t) {
  return call("sqrt", "", t);
}

Tensor exp(const Tensor& t) {
  return call("exp", "", t);
}

Tensor expm1(const Tensor& t) {
  return call("expm1", "", t);
}

Tensor log1p(const Tensor& t) {
  return call("log1p", "", t);
}

Tensor relu(const Tensor& t) {
  return call("relu", "", t);
}

Tensor relu6(const Tensor& t) {
  return call("relu6", "", t);
}

Tensor selu(const Tensor& t) {
  return call("selu", "", t);
}

Tensor silu(const Tensor& t) {
  return call("silu", "", t);
}

Tensor mish(const Tensor& t) {
  return call("mish", "", t);
}

Tensor tanh(const Tensor& t) {
  return call("tanh", "", t);
}

Tensor sigmoid(const Tensor& t) {
  return call("sigmoid", "", t);
}

Tensor hardswish(const Tensor& t) {
  return call("hardswish", "", t);
}

Tensor hardsigmoid(const Tensor& t) {
  return call("hardsigmoid", "", t);
}

Tensor gelu(const Tensor& t, const std::string& approximate) {
  // PyTorch 2.11 (2.15 doesn't) never frees a string it is handed, about 50 bytes a call. GELU is the only caller.
  return call("gelu", "", t, approximate);
}

Tensor prelu(const Tensor& t, const Tensor& weight) {
  return call("prelu", "", t, weight);
}

Tensor amax(const Tensor& t, const Sizes& dims, bool keepdim) {
  return call("amax", "", t, dims, keepdim);
}

Tensor sum(const Tensor& t, const Sizes& dims, bool keepdim) {
  return call("sum", "dim_IntList", t, std::optional<Sizes>(dims), keepdim, std::nullopt);
}

Tensor softmax(const Tensor& t, std::int64_t dim) {
  return call("softmax", "int", t, dim, std::nullopt);
}

Tensor log_softmax(const Tensor& t, std::int64_t dim) {
  return call("log_softmax", "int", t, dim, std::nullopt);
}

Tensor linear(const Tensor& input, const Tensor& weight, const OptionalTensor& bias) {
  if (const OptionalTensor output = linear_by_onednn(input, weight, bias)) {
    return *output;
  }
  return call("linear", "", input, weight, bias);
}

Tensor convolution(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, const Sizes& stride,
                   const Sizes& padding, const Sizes& dilation, std::int64_t groups) {
  constexpr bool transposed = false;
  const Sizes output_padding(stride.size(), 0);
  // PyTorch (2.11 and 2.15) takes one channel with channels-last strides for channels-last, and then the CPU's oneDNN
  // reads past the end for some sizes: 1 × 4 × 3 images, 4 × 3 kernels, stride [1, 2], padding [2, 0] for example.
  const Tensor x = with_usual_strides(input);
  const Tensor filters = with_usual_strides(weight);
  if (input.is_cpu()) {
    return call("convolution", "", x, filters, bias, stride, padding, dilation, transposed, output_padding, groups);
  }
  // cuDNN would compute in TF32 unless told not to, and in another way from run to run.
  constexpr bool benchmark = false;
  constexpr bool deterministic = true;
  constexpr bool cudnn_enabled = true;
  constexpr bool allow_tf32 = false;
  return call("_convolution", "", x, filters, bias, stride, padding, dilation, transposed, output_padding, groups,
              benchmark, deterministic, cudnn_enabled, allow_tf32);
}

Tensor pad(const Tensor& input, const Sizes& pad, const std::string& mode) {
  AtenTensorHandle result = nullptr;
  check_torch(aoti_torch_aten_pad(input.get(), pad.data(), static_cast<std::int64_t>(pad.size()), mode.c_str(), nullptr,
                                  &result),
              "aten::pad");
  return Tensor(result);
}

Tensor batch_norm(const Tensor& input, const OptionalTensor& weight, const OptionalTensor& bias,
                  const Tensor& running_mean, const Tensor& running_var, double eps) {
  constexpr bool training = false;
  constexpr double momentum = 0.0;
  constexpr bool cudnn_enabled = true;
  return call("batch_norm", "", input, weight, bias, OptionalTensor(running_mean), OptionalTensor(running_var),
              training, momentum, eps, cudnn_enabled);
}

Tensor layer_norm(const Tensor& input, const Sizes& normalized_shape, const OptionalTensor& weight,
                  const OptionalTensor& bias, double eps) {
  constexpr bool cudnn_enabled = true;
  return call("layer_norm", "", input, normalized_shape, weight, bias, eps, cudnn_enabled);
}

Tensor rms_norm(const Tensor& input, const Sizes& normalized_shape, const OptionalTensor& weight,
                std::optional<double> eps) {
  return call("rms_norm", "", input, normalized_shape, weight, eps);
}

Tensor group_norm(const Tensor& input, std::int64_t num_groups, const OptionalTensor& weight,
                  const OptionalTensor& bias, double eps) {
  constexpr bool cudnn_enabled = true;
  return call("group_norm", "", input, num_groups, weight, bias, eps, cudnn_enabled);
}

Tensor max_pool(std::int64_t d, const Tensor& input, const Sizes& kernel_size, const Sizes& stride,
                const Sizes& padding, const Sizes& dilation, bool ceil_mode) {
  return call(with_dimensions("max_pool", d), "", input, kernel_size, stride, padding, dilation, ceil_mode);
}

Tensor avg_pool(std::int64_t d, const Tensor& input, const Sizes& kernel_size, const Sizes& stride,
                const Sizes& padding, bool ceil_mode, bool count_include_pad,
                std::optional<std::int64_t> divisor_override) {
  if (d == 1) {
    return call("avg_pool1d", "", input, kernel_size, stride, padding, ceil_mode, count_include_pad);
  }
  return call(with_dimensions("avg_pool", d), "", input, kernel_size, stride, padding, ceil_mode, count_include_pad,
              divisor_override);
}

Tensor adaptive_avg_pool(std::int64_t d, const Tensor& input, const Sizes& output_size) {
  return call(with_dimensions("adaptive_avg_pool", d), "", input, output_size);
}

Tensor adaptive_max_pool(std::int64_t d, const Tensor& input, const Sizes& output_size) {
  return call<2>(with_dimensions("adaptive_max_pool", d), "", input, output_size);
}

Tensor upsample(const std::string& function, std::int64_t d, const Tensor& input,
                const std::optional<Sizes>& output_size, const std::optional<std::vector<double>>& scale_factors) {
  return call(with_dimensions(function, d), "vec", input, output_size, scale_factors);
}

Tensor upsample(const std::string& function, std::int64_t d, const Tensor& input,
                const std::optional<Sizes>& output_size, bool align_corners,
                const std::optional<std::vector<double>>& scale_factors) {
  return call(with_dimensions(function, d), "vec", input, output_size, align_corners, scale_factors);
}

}  // namespace funcsim::aten
