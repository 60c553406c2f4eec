#include <algorithm>

#include "network/layer_types/common.h"
#include "network/layer_types/families.h"

namespace funcsim {

namespace {

/// The stride of a pool is its kernel size unless it is given.
const Shape& pool_stride(const Item& item) {
  return item.has("stride") ? item.integers("stride") : item.integers("kernel_size");
}

ArgumentSpec stride_argument(std::int64_t d) {
  return {.name = "stride", .type = ArgumentType::integers, .usual = std::monostate{}, .least = 1, .length = d};
}

void validate_pool(const Item& item) {
  check_32_bits(item, {"kernel_size", "padding"});
  if (item.has("stride")) {
    check_32_bits(item, {"stride"});
  }
  const Shape& kernel_size = item.integers("kernel_size");
  const Shape& padding = item.integers("padding");
  for (std::size_t i = 0; i < padding.size(); ++i) {
    check(padding[i] <= kernel_size[i] / 2, "padding must be at most half of kernel_size, got padding ",
          shape_text(padding), ", kernel_size ", shape_text(kernel_size));
  }
}

Shape pool_output_shape(const Item& item, const Shape& input, const Shape& dilation) {
  check_spatial_rank(input, item.type->spatial_dimensions);
  Shape output = input;
  const std::size_t first = input.size() - dilation.size();
  for (std::size_t i = 0; i < dilation.size(); ++i) {
    const Window window = {
        .kernel_size = item.integers("kernel_size")[i],
        .stride = pool_stride(item)[i],
        .padding_before = item.integers("padding")[i],
        .padding_after = item.integers("padding")[i],
        .dilation = dilation[i],
        .ceil_mode = item.boolean("ceil_mode"),
    };
    output[first + i] = window_output_size(window, input[first + i], input);
  }
  return output;
}

/// The input as ATen's pools can read it: they take one without channels for channels and no batch, and then not in
/// every memory format.
Tensor pool_input(const Item& item, const Tensor& input) {
  return input.dim() == item.type->spatial_dimensions + 2 ? input : aten::contiguous(input);
}

LayerType max_pool_type(std::string_view name, std::int64_t d) {
  return {
      .name = name,
      .role = LayerRole::channelwise,
      .spatial_dimensions = d,
      .arguments =
          {
              sizes_argument("kernel_size", d),
              stride_argument(d),
              integers_argument("padding", d, 0, /*least=*/0),
              integers_argument("dilation", d, 1, /*least=*/1),
              boolean_argument("ceil_mode", false),
          },
      .validate =
          [](const Item& item) {
            validate_pool(item);
            check_32_bits(item, {"dilation"});
          },
      .output_shape = [](const Item& item,
                         const Shape& input) { return pool_output_shape(item, input, item.integers("dilation")); },
      .forward =
          [](const Layer& layer, const Tensor& input) {
            const Item& item = layer.item;
            return aten::max_pool(item.type->spatial_dimensions, pool_input(item, input), item.integers("kernel_size"),
                                  pool_stride(item), item.integers("padding"), item.integers("dilation"),
                                  item.boolean("ceil_mode"));
          },
  };
}

/// AvgPool3d alone asks for inputs of at least the kernel's size before they are padded.
void check_unpadded_size(const Item& item, const Shape& input) {
  const Shape& kernel_size = item.integers("kernel_size");
  for (std::size_t i = 0; i < kernel_size.size(); ++i) {
    check(input[input.size() - kernel_size.size() + i] >= kernel_size[i], "expects inputs of at least its kernel_size ",
          shape_text(kernel_size), " without the padding, got ", batch_shape_text(input));
  }
}

LayerType avg_pool_type(std::string_view name, std::int64_t d) {
  std::vector<ArgumentSpec> arguments = {
      sizes_argument("kernel_size", d),
      stride_argument(d),
      integers_argument("padding", d, 0, /*least=*/0),
      boolean_argument("ceil_mode", false),
      boolean_argument("count_include_pad", true),
  };
  if (d > 1) {
    arguments.push_back({.name = "divisor_override", .type = ArgumentType::integer, .usual = std::monostate{}});
  }
  return {
      .name = name,
      .role = LayerRole::channelwise,
      .spatial_dimensions = d,
      .arguments = arguments,
      .validate =
          [](const Item& item) {
            validate_pool(item);
            if (item.type->spatial_dimensions > 1 && item.has("divisor_override")) {
              check(item.integer("divisor_override") != 0, "divisor_override must not be 0, got 0");
            }
          },
      .output_shape =
          [](const Item& item, const Shape& input) {
            const Shape output =
                pool_output_shape(item, input, Shape(static_cast<std::size_t>(item.type->spatial_dimensions), 1));
            if (item.type->spatial_dimensions == 3) {
              check_unpadded_size(item, input);
            }
            return output;
          },
      .forward =
          [](const Layer& layer, const Tensor& input) {
            const Item& item = layer.item;
            std::optional<std::int64_t> divisor;
            if (item.type->spatial_dimensions > 1 && item.has("divisor_override")) {
              divisor = item.integer("divisor_override");
            }
            return aten::avg_pool(item.type->spatial_dimensions, pool_input(item, input), item.integers("kernel_size"),
                                  pool_stride(item), item.integers("padding"), item.boolean("ceil_mode"),
                                  item.boolean("count_include_pad"), divisor);
          },
  };
}

/// output_size with -1 replaced by the size of the input.
Shape adaptive_size(const Item& item, const Shape& input) {
  Shape sizes = item.integers("output_size");
  const std::size_t first = input.size() - sizes.size();
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    sizes[i] = sizes[i] == -1 ? input[first + i] : sizes[i];
  }
  return sizes;
}

/// AdaptiveAvgPool and AdaptiveMaxPool.
template <Tensor (*function)(std::int64_t, const Tensor&, const aten::Sizes&)>
LayerType adaptive_pool_type(std::string_view name, std::int64_t d) {
  return {
      .name = name,
      .role = LayerRole::channelwise,
      .spatial_dimensions = d,
      .arguments = {{.name = "output_size", .type = ArgumentType::integers, .least = -1, .length = d}},
      .validate =
          [](const Item& item) {
            for (const std::int64_t size : item.integers("output_size")) {
              check(size != 0, "output_size must be at least 1, or -1 for the input's size, got ",
                    shape_text(item.integers("output_size")));
            }
          },
      .output_shape =
          [](const Item& item, const Shape& input) {
            check_spatial_rank(input, item.type->spatial_dimensions);
            const Shape sizes = adaptive_size(item, input);
            Shape output = input;
            std::ranges::copy(sizes, output.end() - rank(sizes));
            return output;
          },
      .forward =
          [](const Layer& layer, const Tensor& input) {
            return function(layer.item.type->spatial_dimensions, pool_input(layer.item, input),
                            adaptive_size(layer.item, input_shape(input)));
          },
  };
}

}  // namespace

std::vector<LayerType> pooling_types() {
  return {
      max_pool_type("MaxPool1d", 1),
      max_pool_type("MaxPool2d", 2),
      max_pool_type("MaxPool3d", 3),
      avg_pool_type("AvgPool1d", 1),
      avg_pool_type("AvgPool2d", 2),
      avg_pool_type("AvgPool3d", 3),
      adaptive_pool_type<aten::adaptive_avg_pool>("AdaptiveAvgPool1d", 1),
      adaptive_pool_type<aten::adaptive_avg_pool>("AdaptiveAvgPool2d", 2),
      adaptive_pool_type<aten::adaptive_avg_pool>("AdaptiveAvgPool3d", 3),
      adaptive_pool_type<aten::adaptive_max_pool>("AdaptiveMaxPool1d", 1),
      adaptive_pool_type<aten::adaptive_max_pool>("AdaptiveMaxPool2d", 2),
      adaptive_pool_type<aten::adaptive_max_pool>("AdaptiveMaxPool3d", 3),
  };
}

}  // namespace funcsim
