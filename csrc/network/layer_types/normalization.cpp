#include <algorithm>

#include "network/layer_types/common.h"
#include "network/layer_types/families.h"

namespace funcsim {

namespace {

LayerType batch_norm_type(std::string_view name, std::int64_t d) {
  return {
      .name = name,
      .role = LayerRole::batch_norm,
      .spatial_dimensions = d,
      .arguments = {size_argument("num_features"), real_argument("eps", 1e-5), boolean_argument("affine", true)},
      .validate = check_eps,
      .parameters =
          [](const Item& item) {
            const Shape sizes = {item.integer("num_features")};
            std::vector<ParameterSpec> specs;
            if (item.boolean("affine")) {
              specs = {{"weight", sizes}, {"bias", sizes}};
            }
            specs.insert(specs.end(), {{"running_mean", sizes}, {"running_var", sizes}});
            return specs;
          },
      .output_shape =
          [](const Item& item, const Shape& input) {
            const std::int64_t features = item.integer("num_features");
            const std::int64_t axes = item.type->spatial_dimensions;
            const std::string layout = "[N, " + std::to_string(features) + ", " + spatial_text(axes) + "]";
            if (axes > 1 || rank(input) != 1) {
              check_rank(input, axes + 2, layout + (axes > 1 ? "" : " or 2 dimensions without the last"));
            }
            check(input[0] == features, "expects inputs ", layout, " (num_features ", features, "), got ",
                  batch_shape_text(input));
            return input;
          },
      .forward =
          [](const Layer& layer, const Tensor& input) {
            return aten::batch_norm(input, find_tensor(layer, "weight"), find_tensor(layer, "bias"),
                                    *find_tensor(layer, "running_mean"), *find_tensor(layer, "running_var"),
                                    layer.item.real("eps"));
          },
  };
}

/// LayerNorm and RMSNorm normalise over the last dimensions, which must be exactly these.
Shape check_normalized_shape(const Item& item, const Shape& input) {
  const Shape& normalized = item.integers("normalized_shape");
  check(rank(normalized) <= rank(input) && std::equal(normalized.rbegin(), normalized.rend(), input.rbegin()),
        "expects inputs whose last dimensions are ", shape_text(normalized), " (normalized_shape), got ",
        batch_shape_text(input));
  return input;
}

LayerType layer_norm_type() {
  return {
      .name = "LayerNorm",
      .role = LayerRole::mixing_norm,
      .arguments =
          {
              sizes_argument("normalized_shape", /*d=*/0),
              real_argument("eps", 1e-5),
              boolean_argument("elementwise_affine", true),
              boolean_argument("bias", true),
          },
      .validate = check_eps,
      .parameters =
          [](const Item& item) {
            std::vector<ParameterSpec> specs;
            if (item.boolean("elementwise_affine")) {
              specs.push_back({"weight", item.integers("normalized_shape")});
              if (item.boolean("bias")) {
                specs.push_back({"bias", item.integers("normalized_shape")});
              }
            }
            return specs;
          },
      .output_shape = check_normalized_shape,
      .forward =
          [](const Layer& layer, const Tensor& input) {
            return aten::layer_norm(input, layer.item.integers("normalized_shape"), find_tensor(layer, "weight"),
                                    find_tensor(layer, "bias"), layer.item.real("eps"));
          },
  };
}

LayerType rms_norm_type() {
  return {
      .name = "RMSNorm",
      .role = LayerRole::mixing_norm,
      .arguments =
          {
              sizes_argument("normalized_shape", /*d=*/0),
              {.name = "eps", .type = ArgumentType::real, .usual = std::monostate{}},
              boolean_argument("elementwise_affine", true),
          },
      .validate = check_eps,
      .parameters =
          [](const Item& item) {
            std::vector<ParameterSpec> specs;
            if (item.boolean("elementwise_affine")) {
              specs.push_back({"weight", item.integers("normalized_shape")});
            }
            return specs;
          },
      .output_shape = check_normalized_shape,
      .forward =
          [](const Layer& layer, const Tensor& input) {
            // Without an eps PyTorch takes that of the dtype it computes in, float32 for the 16-bit ones, and so for
            // what they were widened to.
            const std::optional<double> eps =
                layer.item.has("eps") ? std::optional(layer.item.real("eps")) : std::nullopt;
            return aten::rms_norm(input, layer.item.integers("normalized_shape"), find_tensor(layer, "weight"), eps);
          },
  };
}

LayerType group_norm_type() {
  return {
      .name = "GroupNorm",
      .role = LayerRole::mixing_norm,
      .arguments =
          {
              size_argument("num_groups"),
              size_argument("num_channels"),
              real_argument("eps", 1e-5),
              boolean_argument("affine", true),
          },
      .validate =
          [](const Item& item) {
            const std::int64_t groups = item.integer("num_groups");
            const std::int64_t channels = item.integer("num_channels");
            check(channels % groups == 0, "num_groups must divide num_channels, got num_groups ", groups,
                  ", num_channels ", channels);
            check_eps(item);
          },
      .parameters =
          [](const Item& item) {
            std::vector<ParameterSpec> specs;
            if (item.boolean("affine")) {
              specs = {{"weight", {item.integer("num_channels")}}, {"bias", {item.integer("num_channels")}}};
            }
            return specs;
          },
      .output_shape =
          [](const Item& item, const Shape& input) {
            const std::int64_t channels = item.integer("num_channels");
            check(!input.empty() && input[0] == channels, "expects inputs [N, ", channels, ", ...] (num_channels ",
                  channels, "), got ", batch_shape_text(input));
            return input;
          },
      .forward =
          [](const Layer& layer, const Tensor& input) {
            return aten::group_norm(input, layer.item.integer("num_groups"), find_tensor(layer, "weight"),
                                    find_tensor(layer, "bias"), layer.item.real("eps"));
          },
  };
}

}  // namespace

std::vector<LayerType> normalization_types() {
  return {
      batch_norm_type("BatchNorm1d", 1),
      batch_norm_type("BatchNorm2d", 2),
      batch_norm_type("BatchNorm3d", 3),
      layer_norm_type(),
      rms_norm_type(),
      group_norm_type(),
  };
}

}  // namespace funcsim
