#include <algorithm>
#include <array>
#include <cmath>

#include "network/layer_types/common.h"
#include "network/layer_types/families.h"

namespace funcsim {

namespace {

Tensor reshape_to_output(const Layer& layer, const Tensor& input) {
  return aten::reshape(input, batch_sizes(input, item_output_shape(layer.item, input_shape(input))));
}

LayerType flatten_type() {
  return {
      .name = "Flatten",
      .role = LayerRole::flatten,
      .arguments =
          {
              {.name = "start_dim", .type = ArgumentType::integer, .usual = std::int64_t{1}},
              {.name = "end_dim", .type = ArgumentType::integer, .usual = std::int64_t{-1}},
          },
      .output_shape =
          [](const Item& item, const Shape& input) {
            const auto start =
                static_cast<std::ptrdiff_t>(checked_dimension(input, "start_dim", item.integer("start_dim")));
            const auto end = static_cast<std::ptrdiff_t>(checked_dimension(input, "end_dim", item.integer("end_dim")));
            check(start <= end, "start_dim must not come after end_dim, got start_dim ", item.integer("start_dim"),
                  ", end_dim ", item.integer("end_dim"), " for inputs ", batch_shape_text(input));
            Shape output(input.begin(), input.begin() + start);
            output.push_back(element_count({input.begin() + start, input.begin() + end + 1}));
            output.insert(output.end(), input.begin() + end + 1, input.end());
            return output;
          },
      .forward = reshape_to_output,
  };
}

/// unflattened_size with -1 replaced by what is left of `size`, or unchanged where that can't be.
Shape unflattened_sizes(const Item& item, std::int64_t size) {
  Shape sizes = item.integers("unflattened_size");
  const auto open = std::ranges::find(sizes, -1);
  if (open != sizes.end()) {
    *open = 1;
    const std::int64_t others = element_count(sizes);
    *open = size % others == 0 ? size / others : 1;
  }
  return sizes;
}

LayerType unflatten_type() {
  return {
      .name = "Unflatten",
      .role = LayerRole::unflatten,
      .arguments =
          {
              {.name = "dim", .type = ArgumentType::integer},
              {.name = "unflattened_size", .type = ArgumentType::integers, .least = -1},
          },
      .validate =
          [](const Item& item) {
            const Shape& sizes = item.integers("unflattened_size");
            check(std::ranges::count(sizes, 0) == 0 && std::ranges::count(sizes, -1) <= 1,
                  "unflattened_size must hold sizes of at least 1 and at most one -1 for what is left, got ",
                  shape_text(sizes));
          },
      .output_shape =
          [](const Item& item, const Shape& input) {
            const std::size_t place = checked_dimension(input, "dim", item.integer("dim"));
            const Shape sizes = unflattened_sizes(item, input[place]);
            check(element_count(sizes) == input[place], "unflattened_size ",
                  shape_text(item.integers("unflattened_size")), " doesn't multiply up to the ", input[place],
                  " of dimension ", item.integer("dim"), ", got ", batch_shape_text(input));
            Shape output = input;
            const auto split = output.erase(output.begin() + static_cast<std::ptrdiff_t>(place));
            output.insert(split, sizes.begin(), sizes.end());
            return output;
          },
      .forward = reshape_to_output,
  };
}

/// The padding of ZeroPad lists the last dimension first, before and after.
Shape zero_pad_output_shape(const Item& item, const Shape& input) {
  const std::int64_t d = item.type->spatial_dimensions;
  check(rank(input) >= d, "pads the last ", d, " dimensions of inputs [N, ..., ", spatial_text(d), "], got ",
        batch_shape_text(input));
  const Shape& padding = item.integers("padding");
  Shape output = input;
  for (std::int64_t i = 0; i < d; ++i) {
    std::int64_t& size = output[output.size() - 1 - static_cast<std::size_t>(i)];
    const std::int64_t before = padding[2 * i];
    const std::int64_t after = padding[(2 * i) + 1];
    // A negative padding crops first, then the other side pads what is left.
    const bool crops_too_much = size + std::min<std::int64_t>(before, 0) + std::min<std::int64_t>(after, 0) < 0;
    check(!crops_too_much && size + before + after > 0, "padding ", shape_text(padding),
          " must leave something of each dimension, got ", batch_shape_text(input));
    size += before + after;
  }
  return output;
}

LayerType zero_pad_type(std::string_view name, std::int64_t d) {
  return {
      .name = name,
      .role = LayerRole::channelwise,
      .spatial_dimensions = d,
      .arguments = {{.name = "padding", .type = ArgumentType::integers, .length = 2 * d}},
      .validate = [](const Item& item) { check_32_bits(item, {"padding"}); },
      .output_shape = zero_pad_output_shape,
      .forward = [](const Layer& layer,
                    const Tensor& input) { return aten::pad(input, layer.item.integers("padding"), "constant"); },
  };
}

/// A mode of Upsample: ATen's function, and the number of spatial dimensions it is for (0: any).
struct UpsampleMode {
  std::string_view word;
  const char* function;
  std::int64_t spatial_dimensions;
  bool takes_align_corners;
};

constexpr std::array<UpsampleMode, 6> upsample_modes = {
    {
        {"nearest", "upsample_nearest", 0, false},
        {"linear", "upsample_linear", 1, true},
        {"bilinear", "upsample_bilinear", 2, true},
        {"bicubic", "upsample_bicubic", 2, true},
        {"trilinear", "upsample_trilinear", 3, true},
        {"nearest-exact", "_upsample_nearest_exact", 0, false},
    },
};

const UpsampleMode& upsample_mode(const Item& item) {
  return *std::ranges::find(upsample_modes, item.word("mode"), &UpsampleMode::word);
}

void validate_upsample(const Item& item) {
  check(item.has("size") != item.has("scale_factor"), "takes exactly one of size and scale_factor, got ",
        item.has("size") ? "both" : "neither");
  if (item.has("scale_factor")) {
    for (const double factor : item.reals("scale_factor")) {
      check(factor > 0, "scale_factor must be larger than 0, got ", factor);
    }
  }
  check(!item.boolean("recompute_scale_factor") || item.has("scale_factor"),
        "recompute_scale_factor=true needs a scale_factor, got a size");
  check(!item.boolean("align_corners") || upsample_mode(item).takes_align_corners,
        "align_corners=true needs the mode linear, bilinear, bicubic or trilinear, got ", item.word("mode"));
}

/// A list of 1 stands for all d spatial dimensions.
template <typename Element>
std::vector<Element> for_each_dimension(std::string_view name, const std::vector<Element>& list, const Shape& input) {
  const std::size_t d = input.size() - 1;
  check(list.size() == 1 || list.size() == d, name, " must have 1 element", d > 1 ? " or " + std::to_string(d) : "",
        " for inputs ", batch_shape_text(input), ", got ", list.size());
  return list.size() == 1 ? std::vector<Element>(d, list.front()) : list;
}

Shape upsample_sizes(const Item& item, const Shape& input) {
  if (item.has("size")) {
    return for_each_dimension("size", item.integers("size"), input);
  }
  const std::vector<double> factors = for_each_dimension("scale_factor", item.reals("scale_factor"), input);
  Shape sizes;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    constexpr double most = 0x1p62;
    const double size = std::floor(static_cast<double>(input[i + 1]) * factors[i]);
    check(size >= 1 && size < most, "scale_factor ", factors[i], " makes a size of ", size, " from inputs ",
          batch_shape_text(input), "; expected a size from 1 to 2^62");
    sizes.push_back(static_cast<std::int64_t>(size));
  }
  return sizes;
}

Shape upsample_output_shape(const Item& item, const Shape& input) {
  const std::int64_t wanted = upsample_mode(item).spatial_dimensions;
  if (wanted > 0) {
    check_rank(input, wanted + 2, "[N, channels, " + spatial_text(wanted) + "] (mode " + item.word("mode") + ")");
  }
  check(rank(input) >= 2 && rank(input) <= 4, "expects inputs of 3 to 5 dimensions [N, channels, ...], got ",
        batch_shape_text(input));
  Shape output = upsample_sizes(item, input);
  output.insert(output.begin(), input.front());
  return output;
}

Tensor upsample_forward(const Layer& layer, const Tensor& input) {
  const Item& item = layer.item;
  const Shape shape = input_shape(input);
  // Given a factor, PyTorch interpolates with it and not with the ratio of the sizes, unless told to.
  std::optional<aten::Sizes> sizes;
  std::optional<std::vector<double>> factors;
  if (item.has("scale_factor") && !item.boolean("recompute_scale_factor")) {
    factors = for_each_dimension("scale_factor", item.reals("scale_factor"), shape);
  } else {
    sizes = upsample_sizes(item, shape);
  }
  const UpsampleMode& mode = upsample_mode(item);
  return mode.takes_align_corners
             ? aten::upsample(mode.function, rank(shape) - 1, input, sizes, item.boolean("align_corners"), factors)
             : aten::upsample(mode.function, rank(shape) - 1, input, sizes, factors);
}

LayerType upsample_type() {
  std::vector<std::string_view> modes(upsample_modes.size());
  std::ranges::transform(upsample_modes, modes.begin(), &UpsampleMode::word);
  return {
      .name = "Upsample",
      .role = LayerRole::channelwise,
      .arguments =
          {
              {.name = "size", .type = ArgumentType::integers, .usual = std::monostate{}, .least = 1},
              {.name = "scale_factor", .type = ArgumentType::reals, .usual = std::monostate{}},
              word_argument("mode", modes),
              boolean_argument("align_corners", false),
              boolean_argument("recompute_scale_factor", false),
          },
      .validate = validate_upsample,
      .output_shape = upsample_output_shape,
      .forward = upsample_forward,
  };
}

}  // namespace

std::vector<LayerType> reshaping_types() {
  return {
      flatten_type(),
      unflatten_type(),
      zero_pad_type("ZeroPad1d", 1),
      zero_pad_type("ZeroPad2d", 2),
      zero_pad_type("ZeroPad3d", 3),
      upsample_type(),
  };
}

}  // namespace funcsim
