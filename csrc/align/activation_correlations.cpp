#include "align/activation_correlations.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>

#include "kernels/common/error.h"
#include "network/activation_samples.h"
#include "network/aten.h"
#include "network/moments.h"
#include "network/record_signatures.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// Activations of both networks that are held at a time.
constexpr std::int64_t held_elements = std::int64_t{1} << 25;

/// Inputs that are run at a time: a power of two, at least 8, that depends on the networks only.
std::int64_t block_size(const NetworkRun& a, const NetworkRun& b) {
  std::int64_t elements = 0;  // of one input
  for (const NetworkRun* run : {&a, &b}) {
    for (const LayerExtent& extent : run->extents()) {
      elements += extent.samples_per_input * extent.units;
    }
  }
  std::int64_t inputs = block_inputs;
  while (inputs > 8 && inputs * elements > held_elements) {
    inputs /= 2;
  }
  return inputs;
}

/// The activations of a layer on a block, divided by a power of two where their squares could leave float64.
struct BlockActivations {
  BlockActivations(const Network& network, std::int64_t layer, const Tensor& samples, const Execution& execution)
      : values(samples) {
    double scale = 1.0;
    if (samples.scalar_type() == Dtype::Double) {
      constexpr double smallest = 0x1p-1000;
      const double largest = values_of(aten::amax(aten::abs(samples), {0, 1})).front();
      scale = std::exp2(std::floor(std::log2(std::max(largest, smallest))));
      values = aten::mul(samples, aten::full({}, 1.0 / scale, samples));
    }
    const std::unique_ptr<MomentsAccumulator> accumulator =
        make_moments_accumulator(network.hidden_layers()[layer].units, execution);
    accumulator->add(values, 1);
    Moments moments = accumulator->moments();
    spread = {samples.size(0), std::move(moments.means), std::move(moments.variances)};
    scaled_means = spread.means;
    for (std::size_t u = 0; u < spread.means.size(); ++u) {
      scaled_deviations.push_back(std::sqrt(spread.deviations[u]));
      spread.means[u] *= scale;
      spread.deviations[u] = scaled_deviations[u] * scale;
      if (!std::isfinite(spread.means[u]) || !std::isfinite(spread.deviations[u])) {
        fail(network.role(), ": ", hidden_layer_place(network, layer), ": the activations of unit ", u,
             " must be finite, to be correlated, got mean ", spread.means[u], ", standard deviation ",
             spread.deviations[u],
             ": look for infinities and for very large numbers in the inputs and in the parameters up to there");
      }
    }
  }

  /// [units, samples] of mean 0, the sum of squares of unit u being weights[u] squared; of the networks' dtype.
  Tensor standardised(const std::vector<double>& weights) const {
    std::vector<double> gains(weights.size());
    const double root = std::sqrt(static_cast<double>(spread.count));
    for (std::size_t u = 0; u < gains.size(); ++u) {
      gains[u] = scaled_deviations[u] > 0 ? weights[u] / scaled_deviations[u] / root : 0.0;
    }
    const std::vector<double> zeros(gains.size());
    const std::vector<double> ones(gains.size(), 1.0);
    const auto vector = [&](const std::vector<double>& numbers) { return float64_vector(numbers, values); };
    const Tensor in_float64 = aten::to_dtype(values, Dtype::Double);
    // A BatchNorm without eps: one way through memory.
    const Tensor result =
        aten::batch_norm(in_float64, vector(gains), vector(zeros), vector(scaled_means), vector(ones), 0.0);
    return aten::permute(aten::to_dtype(result, values.scalar_type()), {1, 0});
  }

  Tensor values;
  std::vector<double> scaled_means;
  std::vector<double> scaled_deviations;
  ActivationSpread spread;
};

/// The products of all rows of x with all rows of y, float64.
///
/// Libraries of linear algebra may sum the last few rows of a thread's part in another way than whole tiles. With a
/// multiple of 64 rows there are whole tiles only, on any number of threads.
Tensor products(const Tensor& x, const Tensor& y) {
  const auto whole_tiles = [](const Tensor& rows) {
    constexpr std::int64_t tile = 64;
    const std::int64_t missing = (tile - (rows.size(0) % tile)) % tile;
    return missing == 0 ? rows : aten::pad(rows, {0, 0, 0, missing}, "constant");
  };
  const Tensor all = aten::linear(whole_tiles(x), whole_tiles(y), std::nullopt);
  return aten::to_dtype(aten::contiguous(aten::narrow(aten::narrow(all, 0, 0, x.size(0)), 1, 0, y.size(0))),
                        Dtype::Double);
}

/// By what the terms of merged correlations are multiplied, for the units of one of the networks.
struct MergedSpread {
  MergedSpread(const ActivationSpread& before, const ActivationSpread& here) : merged(here) {
    merged.count = before.count + here.count;
    const double share = static_cast<double>(here.count) / static_cast<double>(merged.count);
    const double of_before = std::sqrt(1.0 - share);
    const double of_here = std::sqrt(share);
    for (std::size_t u = 0; u < here.means.size(); ++u) {
      const double apart = here.means[u] - before.means[u];
      const double between = of_before * of_here * apart;
      const double deviation = std::hypot(of_before * before.deviations[u], of_here * here.deviations[u], between);
      const double divisor = deviation > 0 ? deviation : 1.0;
      merged.means[u] = before.means[u] + (apart * share);
      merged.deviations[u] = deviation;
      old.push_back(of_before * before.deviations[u] / divisor);
      added.push_back(of_here * here.deviations[u] / divisor);
      means.push_back(between / divisor);
    }
  }

  ActivationSpread merged;
  std::vector<double> old;    ///< share of the standard deviation before,
  std::vector<double> added;  ///< of the block's,
  std::vector<double> means;  ///< and of the distance between their means
};

/// As in LayerCorrelations where units don't vary.
Tensor with_constants(const Tensor& correlations, const ActivationSpread& a, const ActivationSpread& b) {
  const auto is_constant = [](double deviation) { return deviation == 0; };
  if (std::ranges::none_of(a.deviations, is_constant) && std::ranges::none_of(b.deviations, is_constant)) {
    return correlations;
  }
  const Tensor zero = aten::full({}, 0.0, correlations);
  const Tensor one = aten::full({}, 1.0, correlations);
  const auto column = [&](const std::vector<double>& numbers) {
    return aten::reshape(float64_vector(numbers, correlations), {-1, 1});
  };
  const auto row = [&](const std::vector<double>& numbers) { return float64_vector(numbers, correlations); };
  const Tensor constant_a = aten::eq(column(a.deviations), zero);
  const Tensor constant_b = aten::eq(row(b.deviations), zero);
  const Tensor equal = aten::where(aten::eq(column(a.means), row(b.means)), one, zero);
  const Tensor with_a_constant = aten::where(constant_b, equal, zero);
  return aten::where(constant_a, with_a_constant, aten::where(constant_b, zero, correlations));
}

ActivationSpread nothing(const ActivationSpread& like) {
  const std::vector<double> zeros(like.means.size());
  return {0, zeros, zeros};
}

LayerCorrelations merged(const LayerCorrelations* before, const BlockActivations& a, const BlockActivations& b) {
  const MergedSpread of_a(before == nullptr ? nothing(a.spread) : before->a, a.spread);
  const MergedSpread of_b(before == nullptr ? nothing(b.spread) : before->b, b.spread);
  Tensor correlations = products(a.standardised(of_a.added), b.standardised(of_b.added));
  if (before != nullptr) {
    const auto outer = [&](const std::vector<double>& x, const std::vector<double>& y) {
      return aten::mul(aten::reshape(float64_vector(x, correlations), {-1, 1}), float64_vector(y, correlations));
    };
    correlations = aten::add(correlations, aten::mul(before->correlations, outer(of_a.old, of_b.old)));
    correlations = aten::add(correlations, outer(of_a.means, of_b.means));
  }
  correlations = aten::clamp(correlations, aten::full({}, -1.0, correlations), aten::full({}, 1.0, correlations));
  return {with_constants(correlations, of_a.merged, of_b.merged), of_a.merged, of_b.merged};
}

void check_equal_samples(const NetworkRun& a, const NetworkRun& b) {
  for (std::size_t l = 0; l < a.extents().size(); ++l) {
    const std::int64_t of_a = a.extents()[l].samples_per_input;
    const std::int64_t of_b = b.extents()[l].samples_per_input;
    if (of_a != of_b) {
      const auto layer = static_cast<std::int64_t>(l);
      fail(a.network().role(), ": ", hidden_layer_place(a.network(), layer), " has ", of_a,
           " samples an input, but its counterpart, ", hidden_layer_place(b.network(), layer), ", has ", of_b,
           ": activations of the same samples can be correlated");
    }
  }
}

}  // namespace

std::vector<LayerCorrelations> activation_correlations(const Network& a, const Network& b, const Tensor& inputs,
                                                       const SignatureOptions& options,
                                                       std::vector<LayerCorrelations> before, Execution& execution) {
  std::vector<LayerCorrelations> layers = std::move(before);
  const NetworkRun all_a(a, inputs, options);
  const NetworkRun all_b(b, inputs, options);
  check_equal_samples(all_a, all_b);
  const std::int64_t block = block_size(all_a, all_b);
  for (std::int64_t start = 0; start < inputs.size(0); start += block) {
    const Tensor part = aten::narrow(inputs, 0, start, std::min(block, inputs.size(0) - start));
    SignatureOptions there = options;
    there.first_input += start;
    const NetworkRun run_a(a, part, there);
    const NetworkRun run_b(b, part, there);
    const std::vector<Tensor> samples_a = activation_samples(run_a, execution);
    const std::vector<Tensor> samples_b = activation_samples(run_b, execution);
    for (std::size_t l = 0; l < samples_a.size(); ++l) {
      const auto layer = static_cast<std::int64_t>(l);
      const BlockActivations of_a(a, layer, samples_a[l], execution);
      const BlockActivations of_b(b, layer, samples_b[l], execution);
      if (l < layers.size()) {
        layers[l] = merged(&layers[l], of_a, of_b);
      } else {
        layers.push_back(merged(nullptr, of_a, of_b));
      }
    }
  }
  return layers;
}

}  // namespace funcsim
