#include "kernels/bootstrap_scores/bootstrap_scores.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "checks.h"
#include "layer_evidence.h"
#include "registration.h"

namespace funcsim {

namespace {

using UnitPairs = std::vector<std::pair<std::int64_t, std::int64_t>>;

/// Units of a with their partners. Each unit of b has at most one.
UnitPairs checked_matches(const char* op, std::size_t layer, const Tensor& matches, std::int64_t units_a,
                          std::int64_t units_b) {
  const std::string name = "matches[" + std::to_string(layer) + "]";
  if (matches.dim() != 1 || dtype_of(matches) != Dtype::Long || matches.size(0) != units_a) {
    fail(op, ": ", name, " must be int64 [", units_a, "], one for each unit of layers_a[", layer, "], got ",
         describe_tensor(matches));
  }
  const Tensor partners = torch::stable::contiguous(host_copy(matches, op, name));
  const auto* partner = partners.const_data_ptr<std::int64_t>();
  UnitPairs pairs;
  std::vector<bool> taken(static_cast<std::size_t>(units_b));
  for (std::int64_t i = 0; i < units_a; ++i) {
    check(partner[i] >= -1 && partner[i] < units_b, op, ": ", name, " must hold units of layers_b[", layer,
          "], from 0 to ", units_b - 1, ", or -1, got ", partner[i], " at ", i);
    if (partner[i] >= 0) {
      check(!taken[partner[i]], op, ": ", name, " gives unit ", partner[i], " of layers_b[", layer,
            "] to two units, to the second at ", i);
      taken[partner[i]] = true;
      pairs.emplace_back(i, partner[i]);
    }
  }
  return pairs;
}

Tensor bootstrap_scores_op(const std::vector<Tensor>& layers_a, const std::vector<Tensor>& layers_b,
                           const std::vector<Tensor>& matches, const std::vector<std::int64_t>& num_samples,
                           std::int64_t num_inputs, std::int64_t replicates, std::int64_t seed,
                           const std::string& similarity) {
  constexpr const char* op = "bootstrap_scores";
  constexpr std::int64_t most_replicates = std::int64_t{1} << 24;
  const Measure measure = checked_measure(op, similarity, layers_a);
  check(measure != Measure::minhash, op,
        ": it takes signatures (uint8), got sketches (int32), which don't tell inputs apart");
  const EvidenceList a = checked_host_layers(op, "layers_a", "num_samples", measure, layers_a, num_samples);
  const EvidenceList b = checked_host_layers(op, "layers_b", "num_samples", measure, layers_b, num_samples);
  check_same_device(op, "layers_a", layers_a.front(), "layers_b", layers_b.front());
  check(matches.size() == a.layers.size(), op, ": matches must be as many as layers, ", a.layers.size(), ", got ",
        matches.size());
  check(num_inputs >= 2, op, ": it takes at least 2 inputs to draw from, got ", num_inputs);
  check(replicates >= 1 && replicates <= most_replicates, op, ": replicates must be from 1 to ", most_replicates,
        ", got ", replicates);

  const auto num_layers = static_cast<std::int64_t>(a.layers.size());
  const Tensor scores = new_host_tensor({replicates, num_layers}, Dtype::Double);
  for (std::int64_t l = 0; l < num_layers; ++l) {
    const LayerEvidence& layer_a = a.layers[l];
    const LayerEvidence& layer_b = b.layers[l];
    check(num_samples[l] % num_inputs == 0, op, ": the ", num_samples[l], " samples of layer ", l,
          " are no multiple of the ", num_inputs, " inputs");
    check_same_device(op, "layers_a", layers_a.front(), "matches", matches[l]);
    const MatchedSignatures layer{
        static_cast<const std::uint8_t*>(layer_a.data),
        static_cast<const std::uint8_t*>(layer_b.data),
        layer_a.width,
        num_samples[l] / num_inputs,
        checked_matches(op, static_cast<std::size_t>(l), matches[l], layer_a.units, layer_b.units),
        static_cast<double>(std::max(layer_a.units, layer_b.units))};
    bootstrap_scores(layer, measure == Measure::phi ? BootstrapSimilarity::phi : BootstrapSimilarity::jaccard,
                     num_inputs, replicates, seed, scores.mutable_data_ptr<double>() + l, num_layers,
                     torch_parallel_for());
  }
  return to_device_of(layers_a.front(), scores);
}

const OperatorRegistration registration(
    "bootstrap_scores(Tensor[] layers_a, Tensor[] layers_b, Tensor[] matches, SymInt[] num_samples, SymInt num_inputs, "
    "int replicates=1000, int seed=0, str similarity=\"jaccard\") -> Tensor",
    TORCH_BOX(&bootstrap_scores_op));

}  // namespace

}  // namespace funcsim
