#include "network/layer_types/common.h"

#include <array>
#include <limits>
#include <utility>

namespace funcsim {

ArgumentSpec size_argument(std::string_view name) {
  return {.name = name, .type = ArgumentType::integer, .least = 1};
}

ArgumentSpec sizes_argument(std::string_view name, std::int64_t d) {
  return {.name = name, .type = ArgumentType::integers, .least = 1, .length = d};
}

ArgumentSpec integers_argument(std::string_view name, std::int64_t d, std::int64_t usual, std::int64_t least) {
  return {
      .name = name,
      .type = ArgumentType::integers,
      .usual = std::vector<std::int64_t>(static_cast<std::size_t>(d), usual),
      .least = least,
      .length = d,
  };
}

ArgumentSpec boolean_argument(std::string_view name, bool usual) {
  return {.name = name, .type = ArgumentType::boolean, .usual = usual};
}

ArgumentSpec real_argument(std::string_view name, double usual) {
  return {.name = name, .type = ArgumentType::real, .usual = usual};
}

ArgumentSpec word_argument(std::string_view name, std::vector<std::string_view> words) {
  return {.name = name, .type = ArgumentType::word, .usual = std::string(words.front()), .words = std::move(words)};
}

void check_eps(const Item& item) {
  if (item.has("eps")) {
    check(item.real("eps") >= 0, "eps must be at least 0, got ", item.real("eps"));
  }
}

void check_32_bits(const Item& item, std::initializer_list<std::string_view> lists) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  for (const std::string_view name : lists) {
    for (const std::int64_t size : item.integers(name)) {
      check(size <= most && size >= -most, name, " must be at most ", most, " in size, got ", size);
    }
  }
}

std::string batch_shape_text(const Shape& shape) {
  return shape.empty() ? "[N]" : "[N, " + shape_text(shape).substr(1);
}

std::string spatial_text(std::int64_t d) {
  constexpr std::array<const char*, 3> names = {"length", "height, width", "depth, height, width"};
  return names.at(static_cast<std::size_t>(d - 1));
}

std::int64_t rank(const Shape& shape) {
  return static_cast<std::int64_t>(shape.size());
}

void check_rank(const Shape& input, std::int64_t dimensions, const std::string& layout) {
  check(rank(input) + 1 == dimensions, "expects inputs of ", dimensions, " dimensions ", layout, ", got ",
        batch_shape_text(input));
}

void check_spatial_rank(const Shape& input, std::int64_t d) {
  check(rank(input) == d || rank(input) == d + 1, "expects inputs of ", d + 2, " dimensions [N, channels, ",
        spatial_text(d), "] or of ", d + 1, " without channels, got ", batch_shape_text(input));
}

std::size_t checked_dimension(const Shape& input, std::string_view name, std::int64_t dim) {
  const std::int64_t dimensions = rank(input) + 1;
  check(dim >= -dimensions && dim < dimensions, name, " must be from ", -dimensions, " to ", dimensions - 1,
        " for inputs ", batch_shape_text(input), ", got ", dim);
  const std::int64_t place = dim < 0 ? dim + dimensions : dim;
  check(place != 0, name, " ", dim, " is the batch of inputs ", batch_shape_text(input),
        ": what a network computes for one input must not depend on the others");
  return static_cast<std::size_t>(place - 1);
}

std::int64_t window_output_size(const Window& window, std::int64_t input, const Shape& whole_input) {
  const std::int64_t padded = input + window.padding_before + window.padding_after;
  const std::int64_t reach = (window.dilation * (window.kernel_size - 1)) + 1;
  // With ceil_mode the last window may be partly outside, but must not start in the padding at the end.
  const std::int64_t room = padded - reach + (window.ceil_mode ? window.stride - 1 : 0);
  std::int64_t output = room < 0 ? 0 : (room / window.stride) + 1;
  if (window.ceil_mode && (output - 1) * window.stride >= input + window.padding_before) {
    --output;
  }
  check(output > 0, "has a window of ", reach, " (kernel_size ", window.kernel_size, ", dilation ", window.dilation,
        "), which doesn't fit an input of ", input, " padded to ", padded, ", got ", batch_shape_text(whole_input));
  return output;
}

std::optional<Tensor> find_tensor(const Layer& layer, std::string_view name) {
  const std::vector<ParameterSpec> specs = item_parameters(layer.item);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (specs[i].name == name) {
      return layer.tensors[i];
    }
  }
  return std::nullopt;
}

Shape input_shape(const Tensor& input) {
  const auto sizes = input.sizes();
  return {sizes.begin() + 1, sizes.end()};
}

aten::Sizes batch_sizes(const Tensor& input, const Shape& shape) {
  aten::Sizes sizes = {input.size(0)};
  sizes.insert(sizes.end(), shape.begin(), shape.end());
  return sizes;
}

}  // namespace funcsim
