#include <algorithm>

#include "network/layer_types/common.h"
#include "network/layer_types/families.h"

namespace funcsim {

namespace {

LayerType linear_type() {
  return {
      .name = "Linear",
      .role = LayerRole::affine,
      .arguments = {size_argument("in_features"), size_argument("out_features"), boolean_argument("bias", true)},
      .parameters =
          [](const Item& item) {
            std::vector<ParameterSpec> specs = {
                {"weight", {item.integer("out_features"), item.integer("in_features")}},
            };
            if (item.boolean("bias")) {
              specs.push_back({"bias", {item.integer("out_features")}});
            }
            return specs;
          },
      .output_shape =
          [](const Item& item, const Shape& input) {
            check(!input.empty() && input.back() == item.integer("in_features"),
                  "expects inputs whose last dimension is ", item.integer("in_features"), " (in_features), got ",
                  batch_shape_text(input));
            Shape output = input;
            output.back() = item.integer("out_features");
            return output;
          },
      .forward = [](const Layer& layer,
                    const Tensor& input) { return aten::linear(input, layer.tensors[0], find_tensor(layer, "bias")); },
  };
}

/// Zeros, or whatever padding_mode says, put before and after one spatial dimension.
struct Padding {
  std::int64_t before;
  std::int64_t after;
};

/// The padding of a convolution, for each spatial dimension. `same` puts what is odd at the end, as PyTorch does.
std::vector<Padding> conv_padding(const Item& item) {
  std::vector<Padding> padding;
  for (std::size_t i = 0; i < item.integers("kernel_size").size(); ++i) {
    if (item.is_word("padding", "same")) {
      const std::int64_t total = item.integers("dilation")[i] * (item.integers("kernel_size")[i] - 1);
      padding.push_back({total / 2, total - (total / 2)});
    } else {
      padding.push_back({item.integers("padding")[i], item.integers("padding")[i]});
    }
  }
  return padding;
}

void validate_conv(const Item& item) {
  const std::int64_t groups = item.integer("groups");
  const std::int64_t in = item.integer("in_channels");
  const std::int64_t out = item.integer("out_channels");
  check(in % groups == 0 && out % groups == 0, "groups must divide in_channels and out_channels, got groups ", groups,
        ", in_channels ", in, ", out_channels ", out);
  check_32_bits(item, {"kernel_size", "stride", "dilation"});
  if (!item.is_word("padding", "same")) {
    check_32_bits(item, {"padding"});
    return;
  }
  for (const std::int64_t stride : item.integers("stride")) {
    check(stride == 1, "padding same needs a stride of 1, got stride ", shape_text(item.integers("stride")));
  }
}

std::vector<ParameterSpec> conv_parameters(const Item& item) {
  const std::int64_t out = item.integer("out_channels");
  Shape weight = {out, item.integer("in_channels") / item.integer("groups")};
  const Shape& kernel_size = item.integers("kernel_size");
  weight.insert(weight.end(), kernel_size.begin(), kernel_size.end());
  std::vector<ParameterSpec> specs = {{"weight", weight}};
  if (item.boolean("bias")) {
    specs.push_back({"bias", {out}});
  }
  return specs;
}

/// PyTorch mirrors an input at most once and wraps it around at most once.
void check_padding_mode(const Item& item, const Padding& padding, std::int64_t size, const Shape& input) {
  const std::int64_t larger = std::max(padding.before, padding.after);
  if (item.is_word("padding_mode", "reflect")) {
    check(larger < size, "reflects, so that its padding of ", larger, " must be smaller than the input's ", size,
          ", got ", batch_shape_text(input));
  } else if (item.is_word("padding_mode", "circular")) {
    check(larger <= size, "wraps around, so that its padding of ", larger, " must be at most the input's ", size,
          ", got ", batch_shape_text(input));
  }
}

Shape conv_output_shape(const Item& item, const Shape& input) {
  const std::int64_t d = item.type->spatial_dimensions;
  const std::int64_t in = item.integer("in_channels");
  const std::string layout = "[N, " + std::to_string(in) + ", " + spatial_text(d) + "]";
  check_rank(input, d + 2, layout);
  check(input[0] == in, "expects inputs ", layout, " (in_channels ", in, "), got ", batch_shape_text(input));
  const std::vector<Padding> padding = conv_padding(item);
  Shape output = {item.integer("out_channels")};
  for (std::size_t i = 0; i < padding.size(); ++i) {
    const std::int64_t size = input[i + 1];
    check_padding_mode(item, padding[i], size, input);
    const Window window = {
        .kernel_size = item.integers("kernel_size")[i],
        .stride = item.integers("stride")[i],
        .padding_before = padding[i].before,
        .padding_after = padding[i].after,
        .dilation = item.integers("dilation")[i],
        .ceil_mode = false,
    };
    output.push_back(window_output_size(window, size, input));
  }
  return output;
}

Tensor conv_forward(const Layer& layer, const Tensor& input) {
  const Item& item = layer.item;
  const bool zeros = item.is_word("padding_mode", "zeros");
  // The convolution itself pads with zeros on both sides alike. All else is done beforehand, as in torch.nn also where
  // a padding mode has nothing to pad: that makes a copy, and the memory format decides the order of summation.
  bool pads_beforehand = !zeros;
  aten::Sizes beforehand;  // last dimension first
  aten::Sizes within;
  const std::vector<Padding> padding = conv_padding(item);
  for (const Padding& sides : padding) {
    within.push_back(zeros ? sides.before : 0);
    beforehand.insert(beforehand.begin(), {sides.before - within.back(), sides.after - within.back()});
    pads_beforehand = pads_beforehand || sides.before != sides.after;
  }
  const Tensor padded =
      pads_beforehand ? aten::pad(input, beforehand, zeros ? "constant" : item.word("padding_mode")) : input;
  return aten::convolution(padded, layer.tensors[0], find_tensor(layer, "bias"), item.integers("stride"), within,
                           item.integers("dilation"), item.integer("groups"));
}

LayerType conv_type(std::string_view name, std::int64_t d) {
  ArgumentSpec padding = integers_argument("padding", d, 0, /*least=*/0);
  padding.words = {"same"};
  return {
      .name = name,
      .role = LayerRole::affine,
      .spatial_dimensions = d,
      .arguments =
          {
              size_argument("in_channels"),
              size_argument("out_channels"),
              sizes_argument("kernel_size", d),
              integers_argument("stride", d, 1, /*least=*/1),
              padding,
              integers_argument("dilation", d, 1, /*least=*/1),
              {.name = "groups", .type = ArgumentType::integer, .usual = std::int64_t{1}, .least = 1},
              boolean_argument("bias", true),
              word_argument("padding_mode", {"zeros", "reflect", "replicate", "circular"}),
          },
      .validate = validate_conv,
      .parameters = conv_parameters,
      .output_shape = conv_output_shape,
      .forward = conv_forward,
  };
}

}  // namespace

std::vector<LayerType> affine_types() {
  return {linear_type(), conv_type("Conv1d", 1), conv_type("Conv2d", 2), conv_type("Conv3d", 3)};
}

}  // namespace funcsim
