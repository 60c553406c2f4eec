#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

// ATen's functions, called by name through PyTorch's stable ABI: one library for PyTorch 2.11 and later. Each is the
// function of torch or torch.nn.functional of the same name and has its shapes, dtypes and broadcasting.
//
// Functions with Scalar arguments can't be called this way; they are put together from others where they are needed.
//
// All throw Error naming the ATen function if it fails. PyTorch 2.13 and later give the reason, earlier ones lose it:
// check what could be wrong (shapes, dtypes, devices) before the call.
//
// Write them with their namespace: argument-dependent lookup would find those of torch::stable too.

namespace funcsim::aten {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;
using Sizes = std::vector<std::int64_t>;
using OptionalTensor = std::optional<Tensor>;

// New tensors.
/// A tensor filled with a value, of the dtype and on the device of `like`. Without sizes: of no dimension. What is too
/// large for float32 becomes infinite.
Tensor full(const Sizes& sizes, double value, const Tensor& like);
Tensor clone(const Tensor& t);
/// The tensor itself where it has this dtype already.
Tensor to_dtype(const Tensor& t, Dtype dtype);
Tensor cat(const std::vector<Tensor>& tensors, std::int64_t dim);
Tensor index_select(const Tensor& t, std::int64_t dim, const Tensor& index);
/// Not a function of a new tensor: writes into one, which has the sizes of `from`. Dtypes and devices may differ.
void copy_into(const Tensor& to, const Tensor& from);
Tensor repeat_interleave(const Tensor& t, std::int64_t repeats, std::int64_t dim);

// Views where that is possible.
Tensor detach(const Tensor& t);
Tensor reshape(const Tensor& t, const Sizes& sizes);
Tensor permute(const Tensor& t, const Sizes& dims);
Tensor narrow(const Tensor& t, std::int64_t dim, std::int64_t start, std::int64_t length);
Tensor contiguous(const Tensor& t);
/// The tensor, contiguous, at an address where libraries of linear algebra take the same way for all tensors: in
/// another place they may round sums differently.
Tensor aligned(const Tensor& t);

// Elementwise.
Tensor add(const Tensor& a, const Tensor& b);
Tensor subtract(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor div(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& x, const Tensor& y);
Tensor clamp(const Tensor& t, const Tensor& min, const Tensor& max);
Tensor abs(const Tensor& t);
Tensor sqrt(const Tensor& t);
Tensor exp(const Tensor& t);
Tensor expm1(const Tensor& t);
Tensor log1p(const Tensor& t);
Tensor relu(const Tensor& t);
Tensor relu6(const Tensor& t);
Tensor selu(const Tensor& t);
Tensor silu(const Tensor& t);
Tensor mish(const Tensor& t);
Tensor tanh(const Tensor& t);
Tensor sigmoid(const Tensor& t);
Tensor hardswish(const Tensor& t);
Tensor hardsigmoid(const Tensor& t);
Tensor gelu(const Tensor& t, const std::string& approximate);
Tensor prelu(const Tensor& t, const Tensor& weight);

// Reductions.
Tensor amax(const Tensor& t, const Sizes& dims, bool keepdim = false);
Tensor sum(const Tensor& t, const Sizes& dims, bool keepdim = false);
Tensor softmax(const Tensor& t, std::int64_t dim);
Tensor log_softmax(const Tensor& t, std::int64_t dim);

// Layers, in eval mode. d is the number of spatial dimensions; lists of them have length d.
Tensor linear(const Tensor& input, const Tensor& weight, const OptionalTensor& bias);
Tensor convolution(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, const Sizes& stride,
                   const Sizes& padding, const Sizes& dilation, std::int64_t groups);
/// mode: constant (zeros), reflect, replicate, circular. pad: first and last of the last dimension, then of the one
/// before it, and so on.
Tensor pad(const Tensor& input, const Sizes& pad, const std::string& mode);
Tensor batch_norm(const Tensor& input, const OptionalTensor& weight, const OptionalTensor& bias,
                  const Tensor& running_mean, const Tensor& running_var, double eps);
Tensor layer_norm(const Tensor& input, const Sizes& normalized_shape, const OptionalTensor& weight,
                  const OptionalTensor& bias, double eps);
Tensor rms_norm(const Tensor& input, const Sizes& normalized_shape, const OptionalTensor& weight,
                std::optional<double> eps);
Tensor group_norm(const Tensor& input, std::int64_t num_groups, const OptionalTensor& weight,
                  const OptionalTensor& bias, double eps);
Tensor max_pool(std::int64_t d, const Tensor& input, const Sizes& kernel_size, const Sizes& stride,
                const Sizes& padding, const Sizes& dilation, bool ceil_mode);
/// divisor_override: for d > 1 only.
Tensor avg_pool(std::int64_t d, const Tensor& input, const Sizes& kernel_size, const Sizes& stride,
                const Sizes& padding, bool ceil_mode, bool count_include_pad,
                std::optional<std::int64_t> divisor_override);
Tensor adaptive_avg_pool(std::int64_t d, const Tensor& input, const Sizes& output_size);
Tensor adaptive_max_pool(std::int64_t d, const Tensor& input, const Sizes& output_size);
/// function: "upsample_nearest", "_upsample_nearest_exact". Exactly one of output_size and scale_factors.
Tensor upsample(const std::string& function, std::int64_t d, const Tensor& input,
                const std::optional<Sizes>& output_size, const std::optional<std::vector<double>>& scale_factors);
/// The same for "upsample_linear", "upsample_bilinear", "upsample_bicubic", "upsample_trilinear".
Tensor upsample(const std::string& function, std::int64_t d, const Tensor& input,
                const std::optional<Sizes>& output_size, bool align_corners,
                const std::optional<std::vector<double>>& scale_factors);

}  // namespace funcsim::aten
