#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "network/architecture.h"

namespace funcsim {

/// Sizes of one input or activation, without the batch.
using Shape = std::vector<std::int64_t>;

/// What a layer does to the units of the affine layer before it. Canonical form, hidden layers and shapes depend on a
/// type through its role only.
enum class LayerRole : std::uint8_t {
  affine,               ///< Linear, or a convolution where spatial_dimensions > 0: makes units
  batch_norm,           ///< an affine map of each channel, with running statistics
  mixing_norm,          ///< a normalisation over several units
  identity,             ///< gives its input back in eval mode
  homogeneous,          ///< f(s z) = s f(z) for s > 0, elementwise
  channel_homogeneous,  ///< the same with a parameter for each channel
  channelwise,          ///< linear or a maximum within each channel, over the last spatial_dimensions axes
  flatten,              ///< arguments start_dim, end_dim
  unflatten,            ///< arguments dim, unflattened_size
  elementwise,          ///< not homogeneous
  mixing,               ///< not a normalisation, mixes units
};

/// What an argument may be.
enum class ArgumentType : std::uint8_t { boolean, integer, real, word, integers, reals };

/// One hyper-parameter of a layer type.
struct ArgumentSpec {
  std::string_view name;
  ArgumentType type;
  std::optional<Value> usual = std::nullopt;  ///< the default; nullopt: required. A monostate: `none` may be given
  std::int64_t least = std::numeric_limits<std::int64_t>::min();  ///< smallest integer, or element of a list
  std::int64_t length = 0;                                        ///< of a list; 0: any from 1 on
  std::vector<std::string_view> words = {};  ///< what a word may be; for lists: words that may stand instead
};

/// Name and shape of a tensor that a layer takes.
struct ParameterSpec {
  std::string_view name;
  std::vector<std::int64_t> sizes;
};

/// An item with its tensors: what runs.
struct Layer {
  const Item& item;
  const std::vector<torch::stable::Tensor>& tensors;  ///< as type->parameters lists them, float32 or float64
};

/// A kind of module, all there is to know of it.
struct LayerType {
  std::string_view name;
  LayerRole role;
  std::int64_t spatial_dimensions = 0;  ///< the 2 of Conv2d; 0 where the type has no such number
  std::vector<ArgumentSpec> arguments = {};
  /// Checks what concerns several arguments. @throws Error: what was expected and what came, without the item's name
  void (*validate)(const Item& item) = nullptr;
  /// The tensors, in the order of docs/architecture.md. nullptr: none.
  std::vector<ParameterSpec> (*parameters)(const Item& item) = nullptr;
  /// Shape of the output for an input of this shape (both without the batch). nullptr: as the input.
  /// @throws Error where the input doesn't fit: what was expected and what came, without the item's name
  Shape (*output_shape)(const Item& item, const Shape& input) = nullptr;
  /// Eval-mode output for a batch [N, input...] whose shape output_shape accepts.
  torch::stable::Tensor (*forward)(const Layer& layer, const torch::stable::Tensor& input) = nullptr;
};

/// All types, in the order in which messages list them.
const std::vector<LayerType>& layer_types();

/// The type of this name, or nullptr.
const LayerType* find_layer_type(std::string_view name);

/// "Linear, Conv1d, ..., LogSoftmax", for messages.
std::string supported_layer_types();

/// The tensors of an item, in order.
std::vector<ParameterSpec> item_parameters(const Item& item);

/// Shape of an item's output. @throws Error as LayerType::output_shape
Shape item_output_shape(const Item& item, const Shape& input);

/// "[3, 28, 28]", for messages.
std::string shape_text(const Shape& shape);

/// Product of the sizes. @throws Error where it doesn't fit 62 bits
std::int64_t element_count(const Shape& shape);

}  // namespace funcsim
