#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "comparison.h"
#include "detail/evidence.h"
#include "options.h"

namespace funcsim {

namespace detail {

/// What compare_layers returns: pairs, scores, chances, standard errors, the network's three, partners, similarities.
using MatchedLayers = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, std::vector<at::Tensor>,
                                 std::vector<at::Tensor>>;

inline MatchedLayers match_layers(const Evidence& a, const Evidence& b, const CompareOptions& options) {
  std::vector<std::int64_t> pairs;
  for (const auto& [layer_a, layer_b] : options.layers) {
    pairs.push_back(layer_a);
    pairs.push_back(layer_b);
  }
  MatchedLayers matched = call_operator<MatchedLayers(at::TensorList, at::TensorList, at::TensorList,
                                                      c10::SymIntArrayRef, c10::SymIntArrayRef, std::string_view,
                                                      at::IntArrayRef, const std::optional<at::Tensor>&)>(
      "compare_layers", a.layers, b.layers, b.shuffled, c10::fromIntArrayRefSlow(a.num_samples),
      c10::fromIntArrayRefSlow(b.num_samples), to_string(options.similarity), pairs, b.partners);
  const auto to_host = [](auto&... results) { ((results = results.cpu()), ...); };
  auto& [layer_pairs, scores, chances, standard_errors, network, partners, similarities] = matched;
  to_host(layer_pairs, scores, chances, standard_errors, network);
  for (std::size_t p = 0; p < partners.size(); ++p) {
    to_host(partners[p], similarities[p]);
  }
  return matched;
}

inline double adjusted_score(double score, double chance) {
  // Nothing is above a chance of 1: equal networks are equal, and others are at most as alike as chance has it.
  if (chance == 1.0) {
    return score == 1.0 ? 1.0 : 0.0;
  }
  return (score - chance) / (1.0 - chance);
}

inline LayerComparison layer_comparison(const Evidence& a, std::int64_t layer_a, const Evidence& b,
                                        std::int64_t layer_b, const torch::Tensor& partners,
                                        const torch::Tensor& similarities) {
  LayerComparison layer;
  layer.name_a = a.names[layer_a];
  layer.name_b = b.names[layer_b];
  layer.units_a = a.layers[layer_a].size(0);
  layer.units_b = b.layers[layer_b].size(0);
  const torch::Tensor units = torch::nonzero(partners.ge(0)).squeeze(1);
  layer.matches = torch::stack({units, partners.index_select(0, units)}, 1);
  layer.similarities = similarities.index_select(0, units);
  const UnitCounts counts_a = count_units(a, layer_a);
  const UnitCounts counts_b = count_units(b, layer_b);
  layer.dead_a = counts_a.dead;
  layer.dead_b = counts_b.dead;
  layer.always_on_a = counts_a.always_on;
  layer.always_on_b = counts_b.always_on;
  layer.duplicates_a = counts_a.duplicates;
  layer.duplicates_b = counts_b.duplicates;
  return layer;
}

inline void set_scores(LayerComparison& layer, double score, double chance, double standard_error) {
  layer.score = score;
  layer.chance = chance;
  layer.adjusted = adjusted_score(score, chance);
  layer.standard_error = standard_error;
  const double sum = score * static_cast<double>(std::max(layer.units_a, layer.units_b));
  layer.coverage_a = sum / static_cast<double>(layer.units_a);
  layer.coverage_b = sum / static_cast<double>(layer.units_b);
}

inline std::vector<UnmatchedLayer> unmatched_layers(const Evidence& evidence, const std::vector<bool>& matched) {
  std::vector<UnmatchedLayer> unmatched;
  for (std::size_t l = 0; l < evidence.layers.size(); ++l) {
    if (!matched[l]) {
      unmatched.push_back({evidence.names[l], evidence.layers[l].size(0)});
    }
  }
  return unmatched;
}

inline Comparison make_comparison(const Evidence& a, const Evidence& b, const CompareOptions& options, Method method) {
  const auto [pairs, scores, chances, standard_errors, network, partners, similarities] = match_layers(a, b, options);
  Comparison comparison;
  comparison.method = method;
  comparison.similarity = options.similarity;
  comparison.score = network[0].item<double>();
  comparison.chance = network[1].item<double>();
  comparison.adjusted = adjusted_score(comparison.score, comparison.chance);
  comparison.standard_error = network[2].item<double>();
  std::vector<bool> matched_a(a.layers.size());
  std::vector<bool> matched_b(b.layers.size());
  for (std::int64_t p = 0; p < pairs.size(0); ++p) {
    const auto layer_a = pairs[p][0].item<std::int64_t>();
    const auto layer_b = pairs[p][1].item<std::int64_t>();
    LayerComparison layer = layer_comparison(a, layer_a, b, layer_b, partners[p], similarities[p]);
    set_scores(layer, scores[p].item<double>(), chances[p].item<double>(), standard_errors[p].item<double>());
    comparison.layers.push_back(std::move(layer));
    matched_a[layer_a] = true;
    matched_b[layer_b] = true;
  }
  comparison.unmatched_a = unmatched_layers(a, matched_a);
  comparison.unmatched_b = unmatched_layers(b, matched_b);
  return comparison;
}

}  // namespace detail

/// Compares two networks as functions on `inputs`, hidden layer by hidden layer and unit by unit, in eval mode. The
/// networks stay exactly as they are: they are read, not run (the operators have a forward pass of their own).
///
/// A network against itself scores 1, and so does a copy with its units permuted and rescaled; unrelated networks have
/// an adjusted score near 0. For unit i of a's layer, matches holds its counterpart in b. The result equals that of
/// the Python package.
///
/// @param a       a network that describe() can read, with a hidden layer, on the CPU
/// @param b       the other one
/// @param inputs  [inputs, features...], at least one, on the CPU, of the networks' dtype. Networks and inputs of
///                float16, bfloat16 and float32 are computed in float32 and go together; float64 goes with float64
/// @param options their defaults are those of the Python package
/// @return the scores, and which unit is which
/// @throws Error for networks that describe() can't read, without hidden layers, inputs that don't fit, NaN on the way
///         to a hidden layer (says where), options out of range, and layers with different numbers of samples an input
inline Comparison compare(const torch::nn::Sequential& a, const torch::nn::Sequential& b, const torch::Tensor& inputs,
                          const CompareOptions& options = {}) {
  const torch::NoGradGuard no_grad;
  detail::check_options(options);
  detail::check_inputs(inputs);
  const detail::NetworkReader reader_a("network a", a, inputs, options);
  const detail::NetworkReader reader_b("network b", b, inputs, options);
  const Method method = detail::choose_method(options, std::max(reader_a.most_samples(), reader_b.most_samples()));
  return detail::make_comparison(reader_a.collect(method, /*with_shuffled=*/false),
                                 reader_b.collect(method, /*with_shuffled=*/true), options, method);
}

}  // namespace funcsim
