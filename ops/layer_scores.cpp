#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checks.h"
#include "compare/match_layers.h"
#include "layer_evidence.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor layer_scores_op(const std::vector<Tensor>& layers_a, const std::vector<Tensor>& layers_b,
                       const std::vector<std::int64_t>& num_samples_a, const std::vector<std::int64_t>& num_samples_b,
                       const std::string& similarity, const std::optional<Tensor>& partners) {
  constexpr const char* op = "layer_scores";
  const Measure measure = checked_measure(op, similarity, layers_a);
  const EvidenceList a = checked_layers(op, "layers_a", "num_samples_a", measure, layers_a, num_samples_a);
  const EvidenceList b = checked_layers(op, "layers_b", "num_samples_b", measure, layers_b, num_samples_b);
  check_one_device(op, "layers_a", a, "layers_b", b);
  check_equal_hashes(op, measure, a, b);
  for (std::size_t i = 0; i < a.layers.size(); ++i) {
    for (std::size_t j = 0; j < b.layers.size(); ++j) {
      check_comparable(a.layers, b.layers, static_cast<std::int64_t>(i), static_cast<std::int64_t>(j));
    }
  }
  const Tensor& like = layers_a.front();
  Execution execution(torch_parallel_for(), like);
  const std::unique_ptr<Similarities> similarities = make_similarities(op, measure, b, partners, execution);
  const std::vector<double> scores =
      layer_scores(*similarities, a.layers, b.layers, partners.has_value(), execution.parallel_for);
  if (execution.device.has_value()) {
    execution.device->finish();
  }
  return tensor_of(like, {static_cast<std::int64_t>(a.layers.size()), static_cast<std::int64_t>(b.layers.size())},
                   Dtype::Double, scores);
}

const OperatorRegistration registration(
    "layer_scores(Tensor[] layers_a, Tensor[] layers_b, SymInt[] num_samples_a, SymInt[] num_samples_b, "
    "str similarity=\"jaccard\", Tensor? partners=None) -> Tensor",
    TORCH_BOX(&layer_scores_op));

}  // namespace

}  // namespace funcsim
