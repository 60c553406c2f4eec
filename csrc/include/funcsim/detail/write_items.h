#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "item_text.h"

// One write_item() for each kind of module that has hyper-parameters or tensors.

namespace funcsim::detail {

namespace nn = torch::nn;

/// Modules that are their name and nothing more. Those of them with options (inplace, p) have none that change what
/// they compute in eval mode.
using PlainModules = std::tuple<nn::ReLUImpl, nn::IdentityImpl, nn::DropoutImpl, nn::Dropout2dImpl, nn::Dropout3dImpl,
                                nn::AlphaDropoutImpl, nn::FeatureAlphaDropoutImpl, nn::ReLU6Impl, nn::SELUImpl,
                                nn::SiLUImpl, nn::MishImpl, nn::TanhImpl, nn::SigmoidImpl>;

/// Modules with a write_item().
using ModulesWithArguments =
    std::tuple<nn::LinearImpl, nn::Conv1dImpl, nn::Conv2dImpl, nn::Conv3dImpl, nn::BatchNorm1dImpl, nn::BatchNorm2dImpl,
               nn::BatchNorm3dImpl, nn::LayerNormImpl, nn::GroupNormImpl, nn::LeakyReLUImpl, nn::PReLUImpl,
               nn::MaxPool1dImpl, nn::MaxPool2dImpl, nn::MaxPool3dImpl, nn::AvgPool1dImpl, nn::AvgPool2dImpl,
               nn::AvgPool3dImpl, nn::AdaptiveAvgPool1dImpl, nn::AdaptiveAvgPool2dImpl, nn::AdaptiveAvgPool3dImpl,
               nn::AdaptiveMaxPool1dImpl, nn::AdaptiveMaxPool2dImpl, nn::AdaptiveMaxPool3dImpl, nn::FlattenImpl,
               nn::UnflattenImpl, nn::ZeroPad1dImpl, nn::ZeroPad2dImpl, nn::ZeroPad3dImpl, nn::UpsampleImpl,
               nn::HardtanhImpl, nn::ELUImpl, nn::CELUImpl, nn::GELUImpl, nn::SoftplusImpl, nn::SoftmaxImpl,
               nn::LogSoftmaxImpl>;

inline void write_item(const nn::LinearImpl& module, ItemWriter& writer) {
  writer.required(module.options.in_features())
      .required(module.options.out_features())
      .optional("bias", module.bias.defined(), true)
      .parameter("weight", module.weight)
      .parameter_if_defined(module.bias);
}

/// A convolution's padding: `same`, or its sizes; "valid" is no padding.
template <std::size_t D>
void write_padding(const nn::detail::conv_padding_t<D>& padding, ItemWriter& writer) {
  if (std::holds_alternative<torch::enumtype::kSame>(padding)) {
    writer.keyword_argument("padding", std::string("same"));
  } else if (const auto* sizes = std::get_if<torch::ExpandingArray<D>>(&padding)) {
    writer.optional("padding", list_of<D>(*sizes), std::vector<std::int64_t>(D, 0));
  }
}

template <std::size_t D, typename Derived>
void write_item(const nn::ConvNdImpl<D, Derived>& module, ItemWriter& writer) {
  const auto& options = module.options;
  writer.required(options.in_channels()).required(options.out_channels()).required(list_of<D>(options.kernel_size()));
  writer.optional("stride", list_of<D>(options.stride()), std::vector<std::int64_t>(D, 1));
  write_padding<D>(options.padding(), writer);
  writer.optional("dilation", list_of<D>(options.dilation()), std::vector<std::int64_t>(D, 1))
      .optional("groups", options.groups(), std::int64_t{1})
      .optional("bias", module.bias.defined(), true)
      .optional("padding_mode", enum_word(options.padding_mode()), std::string("zeros"))
      .parameter("weight", module.weight)
      .parameter_if_defined(module.bias);
}

template <std::size_t D, typename Derived>
void write_item(const nn::BatchNormImplBase<D, Derived>& module, ItemWriter& writer) {
  if (!module.running_mean.defined() || !module.running_var.defined()) {
    writer.fail(
        "has no running statistics (track_running_stats(false)), so its output depends on the batch; funcsim needs "
        "running statistics");
  }
  writer.required(module.options.num_features())
      .optional("eps", module.options.eps(), 1e-5)
      .optional("affine", module.weight.defined(), true);
  if (module.weight.defined()) {
    writer.parameter("weight", module.weight).parameter("bias", module.bias);
  }
  writer.parameter("running_mean", module.running_mean).parameter("running_var", module.running_var);
}

inline void write_item(const nn::LayerNormImpl& module, ItemWriter& writer) {
  const bool affine = module.weight.defined();
  writer.required(module.options.normalized_shape())
      .optional("eps", module.options.eps(), 1e-5)
      .optional("elementwise_affine", affine, true)
      .optional("bias", module.bias.defined(), affine);
  writer.parameter_if_defined(module.weight).parameter_if_defined(module.bias);
}

inline void write_item(const nn::GroupNormImpl& module, ItemWriter& writer) {
  writer.required(module.options.num_groups())
      .required(module.options.num_channels())
      .optional("eps", module.options.eps(), 1e-5)
      .optional("affine", module.weight.defined(), true);
  if (module.weight.defined()) {
    writer.parameter("weight", module.weight).parameter("bias", module.bias);
  }
}

inline void write_item(const nn::LeakyReLUImpl& module, ItemWriter& writer) {
  writer.optional("negative_slope", module.options.negative_slope(), 0.01);
}

inline void write_item(const nn::PReLUImpl& module, ItemWriter& writer) {
  writer.optional("num_parameters", module.options.num_parameters(), std::int64_t{1})
      .parameter("weight", module.weight);
}

template <std::size_t D, typename Derived>
void write_item(const nn::MaxPoolImpl<D, Derived>& module, ItemWriter& writer) {
  const auto& options = module.options;
  const std::vector<std::int64_t> kernel_size = list_of<D>(options.kernel_size());
  writer.required(kernel_size)
      .optional("stride", list_of<D>(options.stride()), kernel_size)
      .optional("padding", list_of<D>(options.padding()), std::vector<std::int64_t>(D, 0))
      .optional("dilation", list_of<D>(options.dilation()), std::vector<std::int64_t>(D, 1))
      .optional("ceil_mode", options.ceil_mode(), false);
}

template <std::size_t D, typename Derived>
void write_item(const nn::AvgPoolImpl<D, Derived>& module, ItemWriter& writer) {
  const auto& options = module.options;
  const std::vector<std::int64_t> kernel_size = list_of<D>(options.kernel_size());
  writer.required(kernel_size)
      .optional("stride", list_of<D>(options.stride()), kernel_size)
      .optional("padding", list_of<D>(options.padding()), std::vector<std::int64_t>(D, 0))
      .optional("ceil_mode", options.ceil_mode(), false)
      .optional("count_include_pad", options.count_include_pad(), true);
  // AvgPool1d shares the options but does not look at the divisor.
  if (D > 1 && options.divisor_override().has_value()) {
    writer.keyword_argument("divisor_override", *options.divisor_override());
  }
}

template <std::size_t D, typename OutputSize, typename Derived>
void write_item(const nn::AdaptiveAvgPoolImpl<D, OutputSize, Derived>& module, ItemWriter& writer) {
  writer.required(list_of<D>(module.options.output_size()));
}

template <std::size_t D, typename OutputSize, typename Derived>
void write_item(const nn::AdaptiveMaxPoolImpl<D, OutputSize, Derived>& module, ItemWriter& writer) {
  writer.required(list_of<D>(module.options.output_size()));
}

inline void write_item(const nn::FlattenImpl& module, ItemWriter& writer) {
  writer.optional("start_dim", module.options.start_dim(), std::int64_t{1})
      .optional("end_dim", module.options.end_dim(), std::int64_t{-1});
}

inline void write_item(const nn::UnflattenImpl& module, ItemWriter& writer) {
  if (module.options.sizes().empty()) {
    writer.fail("unflattens a named dimension; give the dimension as a number");
  }
  writer.required(module.options.dim()).required(module.options.sizes());
}

template <std::size_t D, typename Derived>
void write_item(const nn::ZeroPadImpl<D, Derived>& module, ItemWriter& writer) {
  writer.required(list_of<D * 2>(module.options.padding()));
}

inline void write_item(const nn::UpsampleImpl& module, ItemWriter& writer) {
  const auto& options = module.options;
  if (options.size().has_value()) {
    writer.keyword_argument("size", *options.size());
  }
  if (options.scale_factor().has_value()) {
    writer.keyword_argument("scale_factor", *options.scale_factor());
  }
  writer.optional("mode", enum_word(options.mode()), std::string("nearest"))
      .optional("align_corners", options.align_corners().value_or(false), false);
}

inline void write_item(const nn::HardtanhImpl& module, ItemWriter& writer) {
  writer.optional("min_val", module.options.min_val(), -1.0).optional("max_val", module.options.max_val(), 1.0);
}

inline void write_item(const nn::ELUImpl& module, ItemWriter& writer) {
  writer.optional("alpha", module.options.alpha(), 1.0);
}

inline void write_item(const nn::CELUImpl& module, ItemWriter& writer) {
  writer.optional("alpha", module.options.alpha(), 1.0);
}

inline void write_item(const nn::GELUImpl& module, ItemWriter& writer) {
  writer.optional("approximate", module.options.approximate(), std::string("none"));
}

inline void write_item(const nn::SoftplusImpl& module, ItemWriter& writer) {
  writer.optional("beta", module.options.beta(), 1.0).optional("threshold", module.options.threshold(), 20.0);
}

inline void write_item(const nn::SoftmaxImpl& module, ItemWriter& writer) {
  writer.required(module.options.dim());
}

inline void write_item(const nn::LogSoftmaxImpl& module, ItemWriter& writer) {
  writer.required(module.options.dim());
}

}  // namespace funcsim::detail
