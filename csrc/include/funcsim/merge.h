#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "align.h"
#include "canonicalize.h"
#include "describe.h"
#include "detail/operators.h"

namespace funcsim {

namespace detail {

inline AlignOptions with_rescaling() {
  return {.rescale = true};
}

}  // namespace detail

/// Options of merge(), for example {.weights = {0.3}}.
struct MergeOptions {
  /// How the other networks are aligned; with rescaling unless it is given.
  AlignOptions align = detail::with_rescaling();
  /// A share of each of the other networks, from 0 to 1, of sum at most 1; the reference has the rest. Empty: equal
  /// shares for all.
  std::vector<double> weights = {};
  /// Whether to repair the statistics of units.
  bool repair = true;
};

namespace detail {

/// What messages call the network others[index].
inline std::string role_of_other(std::size_t index, std::size_t others) {
  return others == 1 ? model_role : "network " + std::to_string(index + 1);
}

/// One for each network, the reference's first.
inline std::vector<double> all_weights(const std::vector<double>& weights, std::size_t others) {
  if (weights.empty()) {
    const std::size_t networks = others + 1;
    return std::vector<double>(networks, 1.0 / static_cast<double>(networks));
  }
  if (weights.size() != others) {
    throw Error("merge: weights must be a share of each of the " + std::to_string(others) + " other networks, got " +
                std::to_string(weights.size()));
  }
  constexpr double rounding = 1e-9;
  double rest = 1.0;
  for (const double weight : weights) {
    rest -= weight;
  }
  if (!(rest >= -rounding)) {
    throw Error("merge: weights must have a sum of at most 1, got " + std::to_string(1.0 - rest));
  }
  std::vector<double> all = {std::max(rest, 0.0)};
  all.insert(all.end(), weights.begin(), weights.end());
  return all;
}

}  // namespace detail

/// One network between others of its architecture, each aligned to the reference as by align(): every tensor is the
/// weighted mean of theirs. Repair then gives a unit the weighted means of the means and standard deviations that it
/// has in the networks on the inputs (REPAIR, Jordan et al., arXiv:2211.08403), by its weight and bias, and a BatchNorm
/// running statistics with which it normalises as the networks' did; docs/mathematics.md, section 14, has the details.
/// All networks stay as they are.
///
/// @param reference a network that describe() can read, with hidden layers; the merged network has its order of units
/// @param others    at least one network of the same architecture, dtype and device; of several, messages call
///                  others[i] network i + 1
/// @param inputs    [inputs, features...], as for align(); such as the networks were trained on
/// @param options   their defaults are those of the Python package
/// @return a deep copy of the reference with other parameters; names, modes, dtypes and requires_grad are its own
/// @throws Error as align(); for networks of different architectures or dtypes, weights out of range, and statistics or
///         merged parameters that are not finite: the message names the place
inline torch::nn::Sequential merge(const torch::nn::Sequential& reference,
                                   const std::vector<torch::nn::Sequential>& others, const torch::Tensor& inputs,
                                   const MergeOptions& options = {}) {
  const torch::NoGradGuard no_grad;
  if (others.empty()) {
    throw Error("merge: there must be at least one other network, got none");
  }
  const std::vector<double> weights = detail::all_weights(options.weights, others.size());
  const detail::DescribedNetwork first(detail::reference_role, reference);
  std::vector<torch::Tensor> all = first.parameters;
  for (std::size_t i = 0; i < others.size(); ++i) {
    const std::string role = detail::role_of_other(i, others.size());
    const std::string architecture = detail::DescribedNetwork(role, others[i]).architecture;
    if (architecture != first.architecture) {
      throw Error("merge: networks must have one architecture, got " + first.architecture + " (" +
                  detail::reference_role + ") and " + architecture + " (" + role + ")");
    }
    const auto align_it = [&] { return parameters(align(reference, others[i], inputs, options.align)); };
    const std::vector<torch::Tensor> aligned = others.size() == 1 ? align_it() : detail::with_role(role, align_it);
    all.insert(all.end(), aligned.begin(), aligned.end());
  }
  const torch::Tensor there = inputs.is_cpu() ? inputs.to(first.parameters.front().device()) : inputs;
  const auto merged = detail::call_operator<std::vector<at::Tensor>(
      std::string_view, at::TensorList, at::ArrayRef<double>, at::TensorList, const at::Tensor&, bool)>(
      "merge_parameters", first.architecture, all, weights, std::vector<torch::Tensor>(), there, options.repair);
  return detail::clone_with(reference, merged);
}

/// merge() of two networks.
///
/// @param reference as above
/// @param other     the one that is aligned
/// @param inputs    as above
/// @param options   as above
/// @return the merged network
/// @throws Error as above
inline torch::nn::Sequential merge(const torch::nn::Sequential& reference, const torch::nn::Sequential& other,
                                   const torch::Tensor& inputs, const MergeOptions& options = {}) {
  return merge(reference, std::vector<torch::nn::Sequential>{other}, inputs, options);
}

}  // namespace funcsim
