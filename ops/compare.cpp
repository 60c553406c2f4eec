#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "checks.h"
#include "compare/collect_evidence.h"
#include "compare/match_layers.h"
#include "kernels/activation_signatures/activation_signatures.h"
#include "match_tensors.h"
#include "registration.h"

namespace funcsim {

namespace {

Measure choose_measure(const std::string& method, std::int64_t num_hashes, const std::vector<LayerExtent>& extents_a,
                       const std::vector<LayerExtent>& extents_b) {
  check(method == "auto" || method == "exact" || method == "minhash",
        "compare: method must be \"auto\", \"exact\" or \"minhash\", got \"", method, "\"");
  if (method != "auto") {
    return method == "exact" ? Measure::jaccard : Measure::minhash;
  }
  std::int64_t most = 0;
  for (const auto* extents : {&extents_a, &extents_b}) {
    for (const LayerExtent& extent : *extents) {
      most = std::max(most, extent.num_samples);
    }
  }
  return exact_is_cheaper(most, num_hashes) ? Measure::jaccard : Measure::minhash;
}

/// The layers of one network as they are matched, and the memory they lie in.
struct CollectedLayers {
  std::vector<Tensor> memory;
  std::vector<LayerEvidence> layers;
};

CollectedLayers collect(Measure measure, const Network& network, const Tensor& inputs, const SignatureOptions& options,
                        const std::vector<LayerExtent>& extents, std::int64_t num_hashes) {
  CollectedLayers collected;
  std::vector<std::uint8_t*> rows;
  std::vector<std::int32_t*> slots;
  for (const LayerExtent& extent : extents) {
    const bool sketched = measure == Measure::minhash;
    const std::int64_t width = sketched ? num_hashes : signature_bytes(extent.num_samples);
    collected.memory.push_back(new_tensor({extent.units, width}, sketched ? Dtype::Int : Dtype::Byte));
    void* data = collected.memory.back().mutable_data_ptr();
    rows.push_back(static_cast<std::uint8_t*>(data));
    slots.push_back(static_cast<std::int32_t*>(data));
    collected.layers.push_back({data, extent.units, width, extent.num_samples});
  }
  if (measure == Measure::minhash) {
    collect_sketches(network, inputs, options, extents, num_hashes, slots, torch_parallel_for());
  } else {
    collect_signatures(network, inputs, options, extents, rows, torch_parallel_for());
  }
  return collected;
}

std::tuple<Tensor, Tensor, std::vector<Tensor>, std::vector<Tensor>> compare_op(
    const std::string& architecture_a, const std::vector<Tensor>& parameters_a, const std::string& architecture_b,
    const std::vector<Tensor>& parameters_b, const Tensor& inputs, const std::string& method, std::int64_t num_hashes,
    std::int64_t seed, double margin, std::int64_t positions) {
  check_num_hashes("compare", num_hashes);
  const Network network_a(architecture_a, parameters_a, "compare: network a");
  const Network network_b(architecture_b, parameters_b, "compare: network b");
  const std::vector<LayerExtent> extents_a = layer_extents(network_a, inputs, positions);
  const std::vector<LayerExtent> extents_b = layer_extents(network_b, inputs, positions);
  const Measure measure = choose_measure(method, num_hashes, extents_a, extents_b);
  const SignatureOptions options{margin, positions, seed, 0};
  const CollectedLayers a = collect(measure, network_a, inputs, options, extents_a, num_hashes);
  const CollectedLayers b = collect(measure, network_b, inputs, options, extents_b, num_hashes);
  const NetworkMatch match = compare_layers(measure, a.layers, b.layers, {}, {}, torch_parallel_for());

  Tensor score = new_tensor({}, Dtype::Double);
  *score.mutable_data_ptr<double>() = match.score;
  return {score, float64_tensor(layer_values(match, [](const LayerPair& pair) { return pair.match.score; })),
          partner_tensors(match), similarity_tensors(match)};
}

const OperatorRegistration registration(
    "compare(str architecture_a, Tensor[] parameters_a, str architecture_b, Tensor[] parameters_b, Tensor inputs, "
    "str method=\"auto\", int num_hashes=1024, int seed=0, float margin=0.0, int positions=16) -> "
    "(Tensor score, Tensor layer_scores, Tensor[] matches, Tensor[] similarities)",
    TORCH_BOX(&compare_op));

}  // namespace

}  // namespace funcsim
