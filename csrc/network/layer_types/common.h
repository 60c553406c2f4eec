#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/layer_type.h"

// What the families of layer types share: arguments, shapes and their messages, parameters.

namespace funcsim {

using torch::stable::Tensor;

// Arguments.

/// A required size, at least 1.
ArgumentSpec size_argument(std::string_view name);

/// A required list of d sizes, at least 1 each.
ArgumentSpec sizes_argument(std::string_view name, std::int64_t d);

/// An optional list of d integers, each `usual` by default.
ArgumentSpec integers_argument(std::string_view name, std::int64_t d, std::int64_t usual, std::int64_t least);

ArgumentSpec boolean_argument(std::string_view name, bool usual);

ArgumentSpec real_argument(std::string_view name, double usual);

/// An optional word; the first is the default.
ArgumentSpec word_argument(std::string_view name, std::vector<std::string_view> words);

/// @throws Error unless eps, where it is given, is at least 0
void check_eps(const Item& item);

/// PyTorch keeps the sizes of windows in 32 bits. The sums and products of window_output_size() then fit 64.
/// @throws Error unless the elements of these lists are at most 2^31 - 1 in size
void check_32_bits(const Item& item, std::initializer_list<std::string_view> lists);

// Shapes.

/// "[N, 3, 28, 28]", for messages: with the batch, as the user knows it.
std::string batch_shape_text(const Shape& shape);

/// "length", "height, width" or "depth, height, width", for messages.
std::string spatial_text(std::int64_t d);

std::int64_t rank(const Shape& shape);

/// @throws Error unless the input has as many dimensions as the layout: "[N, 3, height, width]"
void check_rank(const Shape& input, std::int64_t dimensions, const std::string& layout);

/// @throws Error unless the input has d or d + 1 dimensions after the batch. PyTorch takes an input without channels,
/// [N, length], as N channels of one sample, which comes to the same for layers that work within channels.
void check_spatial_rank(const Shape& input, std::int64_t d);

/// Index into a shape for a dimension that counts the batch and may be negative.
/// @throws Error where there is no such dimension, or where it is the batch
std::size_t checked_dimension(const Shape& input, std::string_view name, std::int64_t dim);

/// One spatial dimension of a convolution's or a pool's window.
struct Window {
  std::int64_t kernel_size;
  std::int64_t stride;
  std::int64_t padding_before;
  std::int64_t padding_after;
  std::int64_t dilation;
  bool ceil_mode;
};

/// Number of places of a window on an input of this size, as PyTorch counts them.
/// @throws Error where there is none, as when the window is larger than the padded input
std::int64_t window_output_size(const Window& window, std::int64_t input, const Shape& whole_input);

// Tensors.

/// The tensor of this name; nullopt where the item has none.
std::optional<Tensor> find_tensor(const Layer& layer, std::string_view name);

/// The sizes of an output of this shape for a batch like the input's.
aten::Sizes batch_sizes(const Tensor& input, const Shape& shape);

/// The sizes of one input of a batch.
Shape input_shape(const Tensor& input);

}  // namespace funcsim
