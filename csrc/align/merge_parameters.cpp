#include "align/merge_parameters.h"

#include <cmath>
#include <cstddef>
#include <utility>

#include "align/repair.h"
#include "kernels/common/error.h"
#include "network/aten.h"
#include "network/canonical_form.h"
#include "network/positions.h"
#include "network/tensor_text.h"
#include "network/tensor_values.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;
using Dtype = torch::headeronly::ScalarType;

/// Written so that the mean of equal tensors is that tensor.
Tensor weighted_mean(const std::vector<Network>& networks, const std::vector<double>& weights, std::int64_t item,
                     std::size_t tensor) {
  const Tensor& first = networks.front().layer(item).tensors[tensor];
  Tensor mean = first;
  for (std::size_t n = 1; n < networks.size(); ++n) {
    const Tensor& other = networks[n].layer(item).tensors[tensor];
    mean = aten::add(mean, aten::mul(aten::subtract(other, first), aten::full({}, weights[n], first)));
  }
  return mean;
}

Network mean_network(const std::string& description, const std::vector<Network>& networks,
                     const std::vector<double>& weights) {
  std::vector<Tensor> means;
  const auto items = static_cast<std::int64_t>(networks.front().architecture().items.size());
  for (std::int64_t i = 0; i < items; ++i) {
    for (std::size_t t = 0; t < networks.front().layer(i).tensors.size(); ++t) {
      means.push_back(weighted_mean(networks, weights, i, t));
    }
  }
  return {description, means, "merge_parameters: the merged network"};
}

/// Moments of pre-activations from those of canonical ones.
std::vector<std::vector<Moments>> scaled_back(const std::vector<Network>& networks,
                                              std::vector<std::vector<Moments>> moments, std::int64_t dimensions) {
  for (std::size_t n = 0; n < moments.size(); ++n) {
    const std::vector<std::vector<double>> scales = canonical_scales(networks[n], dimensions);
    for (std::size_t l = 0; l < scales.size(); ++l) {
      for (std::size_t u = 0; u < scales[l].size(); ++u) {
        moments[n][l].means[u] *= scales[l][u];
        moments[n][l].variances[u] *= scales[l][u] * scales[l][u];
      }
    }
  }
  return moments;
}

void check_finite(const Network& merged, std::int64_t item, const Tensor& rounded) {
  const Tensor sum = aten::sum(aten::mul(rounded, aten::full({}, 0.0, rounded)), {});
  const double zero = values_of(sum).front();
  check(zero == 0.0, merged.role(), ": ", item_place(merged.architecture(), item), ": a parameter is not finite in ",
        dtype_name(rounded.scalar_type()),
        ": the networks' parameters must be finite, and repaired ones in the range of the dtype");
}

}  // namespace

std::vector<Tensor> merge_parameters(const std::string& description, const std::vector<Network>& networks,
                                     const std::vector<double>& weights,
                                     const std::vector<std::vector<Moments>>& moments, const Tensor& inputs,
                                     bool repair, Execution& execution) {
  Network merged = mean_network(description, networks, weights);
  const SignatureOptions all_samples{.positions = all_positions};
  const NetworkRun run(merged, inputs, all_samples);
  if (repair) {
    std::vector<NetworkRun> parents;
    parents.reserve(networks.size());
    for (const Network& network : networks) {
      parents.emplace_back(network, inputs, all_samples);
    }
    const std::vector<RepairStep> steps = repair_steps(merged, inputs.dim());
    const std::vector<RepairTarget> targets =
        repair_targets(steps, parents, weights, scaled_back(networks, moments, inputs.dim()), execution);
    repair_statistics(steps, targets, run, merged, execution);
  }
  std::vector<Tensor> parameters;
  const Dtype dtype = networks.front().given_dtype();
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(merged.architecture().items.size()); ++i) {
    for (const Tensor& tensor : merged.layer(i).tensors) {
      const Tensor rounded = aten::to_dtype(tensor, dtype);
      check_finite(merged, i, rounded);
      parameters.push_back(rounded);
    }
  }
  return parameters;
}

}  // namespace funcsim
