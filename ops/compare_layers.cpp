#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "checks.h"
#include "compare/match_layers.h"
#include "layer_evidence.h"
#include "match_tensors.h"
#include "registration.h"

namespace funcsim {

namespace {

using CompareLayersResult =
    std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, std::vector<Tensor>, std::vector<Tensor>>;

/// The layers of b with their inputs shuffled; none where partners are given instead.
EvidenceList checked_shuffled(const char* op, Measure measure, const EvidenceList& b,
                              const std::vector<Tensor>& shuffled_b, const std::vector<std::int64_t>& num_samples_b,
                              const std::optional<Tensor>& partners) {
  check(shuffled_b.empty() == partners.has_value(), op, ": chance levels need either shuffled_b or partners, got ",
        partners.has_value() ? "both" : "neither");
  if (partners.has_value()) {
    return {};
  }
  EvidenceList shuffled = checked_layers(op, "shuffled_b", "num_samples_b", measure, shuffled_b, num_samples_b);
  check_one_device(op, "layers_b", b, "shuffled_b", shuffled);
  for (std::size_t l = 0; l < b.layers.size(); ++l) {
    const LayerEvidence& layer = shuffled.layers[l];
    check(b.layers[l].units == layer.units && b.layers[l].width == layer.width, op,
          ": shuffled_b must hold layers of the shapes of layers_b, got ", describe_tensor(shuffled.memory[l]), " for ",
          describe_tensor(b.memory[l]), " at ", l);
  }
  return shuffled;
}

CompareLayersResult compare_layers_op(const std::vector<Tensor>& layers_a, const std::vector<Tensor>& layers_b,
                                      const std::vector<Tensor>& shuffled_b,
                                      const std::vector<std::int64_t>& num_samples_a,
                                      const std::vector<std::int64_t>& num_samples_b, const std::string& similarity,
                                      const std::vector<std::int64_t>& pairs, const std::optional<Tensor>& partners) {
  constexpr const char* op = "compare_layers";
  const Measure measure = checked_measure(op, similarity, layers_a);
  const EvidenceList a = checked_layers(op, "layers_a", "num_samples_a", measure, layers_a, num_samples_a);
  const EvidenceList b = checked_layers(op, "layers_b", "num_samples_b", measure, layers_b, num_samples_b);
  check_one_device(op, "layers_a", a, "layers_b", b);
  const EvidenceList shuffled = checked_shuffled(op, measure, b, shuffled_b, num_samples_b, partners);
  check_equal_hashes(op, measure, a, b);
  check(pairs.size() % 2 == 0, op, ": pairs must be [layer of a, layer of b, ...], so of even length, got ",
        pairs.size(), " numbers");
  std::vector<std::pair<std::int64_t, std::int64_t>> given;
  for (std::size_t p = 0; p < pairs.size(); p += 2) {
    given.emplace_back(pairs[p], pairs[p + 1]);
  }

  const Tensor& like = layers_a.front();
  Execution execution(torch_parallel_for(), like);
  const std::unique_ptr<Similarities> similarities = make_similarities(op, measure, b, partners, execution);
  const NetworkMatch match = compare_layers(*similarities, a.layers, b.layers, {shuffled.layers, partners.has_value()},
                                            given, execution.parallel_for);
  if (execution.device.has_value()) {
    execution.device->finish();
  }

  std::vector<std::int64_t> chosen;
  for (const LayerPair& pair : match.pairs) {
    chosen.insert(chosen.end(), {pair.layer_a, pair.layer_b});
  }
  return {tensor_of(like, {static_cast<std::int64_t>(match.pairs.size()), 2}, Dtype::Long, chosen),
          float64_tensor(like, layer_values(match, [](const LayerPair& pair) { return pair.match.score; })),
          float64_tensor(like, layer_values(match, [](const LayerPair& pair) { return pair.chance; })),
          float64_tensor(like, layer_values(match, [](const LayerPair& pair) { return pair.standard_error; })),
          float64_tensor(like, {match.score, match.chance, match.standard_error}),
          partner_tensors(like, match),
          similarity_tensors(like, match)};
}

const OperatorRegistration registration(
    "compare_layers(Tensor[] layers_a, Tensor[] layers_b, Tensor[] shuffled_b, SymInt[] num_samples_a, "
    "SymInt[] num_samples_b, str similarity=\"jaccard\", int[] pairs=[], Tensor? partners=None) -> (Tensor pairs, "
    "Tensor scores, "
    "Tensor chances, Tensor standard_errors, Tensor network, Tensor[] matches, Tensor[] similarities)",
    TORCH_BOX(&compare_layers_op));

}  // namespace

}  // namespace funcsim
