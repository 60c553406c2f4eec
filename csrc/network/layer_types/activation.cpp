#include "network/layer_types/common.h"
#include "network/layer_types/families.h"

namespace funcsim {

namespace {

/// An ATen function as a layer's forward.
template <Tensor (*function)(const Tensor&)>
Tensor apply(const Layer& /*layer*/, const Tensor& input) {
  return function(input);
}

/// A number as a tensor of no dimension that goes with the input.
Tensor scalar(double value, const Tensor& input) {
  return aten::full({}, value, input);
}

/// x where x > 0, otherwise alpha (exp(x input_scale) - 1).
Tensor exponential_below_zero(const Tensor& x, double alpha, double input_scale) {
  const Tensor below = aten::mul(aten::expm1(aten::mul(x, scalar(input_scale, x))), scalar(alpha, x));
  return aten::where(aten::gt(x, scalar(0.0, x)), x, below);
}

std::vector<LayerType> identity_types() {
  std::vector<LayerType> types;
  for (const std::string_view name :
       {"Identity", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout"}) {
    types.push_back({
        .name = name,
        .role = LayerRole::identity,
        .forward = [](const Layer& /*layer*/, const Tensor& input) { return input; },
    });
  }
  return types;
}

std::vector<LayerType> homogeneous_types() {
  return {
      {
          .name = "ReLU",
          .role = LayerRole::homogeneous,
          .forward = apply<aten::relu>,
      },
      {
          .name = "LeakyReLU",
          .role = LayerRole::homogeneous,
          .arguments = {real_argument("negative_slope", 0.01)},
          .forward =
              [](const Layer& layer, const Tensor& input) {
                return aten::prelu(input, aten::full({1}, layer.item.real("negative_slope"), input));
              },
      },
      {
          .name = "PReLU",
          .role = LayerRole::channel_homogeneous,
          .arguments =
              {{.name = "num_parameters", .type = ArgumentType::integer, .usual = std::int64_t{1}, .least = 1}},
          .parameters =
              [](const Item& item) { return std::vector<ParameterSpec>{{"weight", {item.integer("num_parameters")}}}; },
          .output_shape =
              [](const Item& item, const Shape& input) {
                const std::int64_t slopes = item.integer("num_parameters");
                check(slopes == 1 || (!input.empty() && input[0] == slopes), "expects inputs [N, ", slopes,
                      ", ...] (num_parameters ", slopes, "), got ", batch_shape_text(input));
                return input;
              },
          .forward = [](const Layer& layer, const Tensor& input) { return aten::prelu(input, layer.tensors[0]); },
      },
  };
}

/// Not homogeneous, one number at a time. ATen's hardtanh, elu, celu and softplus take Scalars, which can't be passed
/// over the stable ABI, so their formulas are written out; they agree with ATen's kernels to rounding.
std::vector<LayerType> elementwise_types() {
  return {
      {.name = "ReLU6", .role = LayerRole::elementwise, .forward = apply<aten::relu6>},
      {
          .name = "Hardtanh",
          .role = LayerRole::elementwise,
          .arguments = {real_argument("min_val", -1.0), real_argument("max_val", 1.0)},
          .validate =
              [](const Item& item) {
                check(item.real("max_val") > item.real("min_val"), "max_val must be larger than min_val, got min_val ",
                      item.real("min_val"), ", max_val ", item.real("max_val"));
              },
          .forward =
              [](const Layer& layer, const Tensor& input) {
                return aten::clamp(input, scalar(layer.item.real("min_val"), input),
                                   scalar(layer.item.real("max_val"), input));
              },
      },
      {
          .name = "ELU",
          .role = LayerRole::elementwise,
          .arguments = {real_argument("alpha", 1.0)},
          .forward = [](const Layer& layer,
                        const Tensor& input) { return exponential_below_zero(input, layer.item.real("alpha"), 1.0); },
      },
      {.name = "SELU", .role = LayerRole::elementwise, .forward = apply<aten::selu>},
      {
          .name = "CELU",
          .role = LayerRole::elementwise,
          .arguments = {real_argument("alpha", 1.0)},
          .validate = [](const Item& item) { check(item.real("alpha") != 0, "alpha must not be 0, got 0"); },
          .forward =
              [](const Layer& layer, const Tensor& input) {
                return exponential_below_zero(input, layer.item.real("alpha"), 1.0 / layer.item.real("alpha"));
              },
      },
      {
          .name = "GELU",
          .role = LayerRole::elementwise,
          .arguments = {word_argument("approximate", {"none", "tanh"})},
          .forward = [](const Layer& layer,
                        const Tensor& input) { return aten::gelu(input, layer.item.word("approximate")); },
      },
      {.name = "SiLU", .role = LayerRole::elementwise, .forward = apply<aten::silu>},
      {.name = "Mish", .role = LayerRole::elementwise, .forward = apply<aten::mish>},
      {
          .name = "Softplus",
          .role = LayerRole::elementwise,
          .arguments = {real_argument("beta", 1.0), real_argument("threshold", 20.0)},
          .forward =
              [](const Layer& layer, const Tensor& input) {
                const Tensor beta = scalar(layer.item.real("beta"), input);
                const Tensor scaled = aten::mul(input, beta);
                const Tensor smooth = aten::div(aten::log1p(aten::exp(scaled)), beta);
                return aten::where(aten::gt(scaled, scalar(layer.item.real("threshold"), input)), input, smooth);
              },
      },
      {.name = "Tanh", .role = LayerRole::elementwise, .forward = apply<aten::tanh>},
      {.name = "Sigmoid", .role = LayerRole::elementwise, .forward = apply<aten::sigmoid>},
      {.name = "Hardswish", .role = LayerRole::elementwise, .forward = apply<aten::hardswish>},
      {.name = "Hardsigmoid", .role = LayerRole::elementwise, .forward = apply<aten::hardsigmoid>},
  };
}

/// Softmax and LogSoftmax.
template <Tensor (*function)(const Tensor&, std::int64_t)>
LayerType softmax_type(std::string_view name) {
  return {
      .name = name,
      .role = LayerRole::mixing,
      .arguments = {{.name = "dim", .type = ArgumentType::integer}},
      .output_shape =
          [](const Item& item, const Shape& input) {
            (void)checked_dimension(input, "dim", item.integer("dim"));
            return input;
          },
      .forward = [](const Layer& layer, const Tensor& input) { return function(input, layer.item.integer("dim")); },
  };
}

}  // namespace

std::vector<LayerType> activation_types() {
  std::vector<LayerType> types = homogeneous_types();
  for (const auto& more : {identity_types(), elementwise_types()}) {
    types.insert(types.end(), more.begin(), more.end());
  }
  types.push_back(softmax_type<aten::softmax>("Softmax"));
  types.push_back(softmax_type<aten::log_softmax>("LogSoftmax"));
  return types;
}

}  // namespace funcsim
