#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "checks.h"
#include "compare/match_layers.h"
#include "kernels/common/hash.h"
#include "kernels/shuffle_samples/shuffle_samples.h"
#include "layer_evidence.h"
#include "registration.h"

namespace funcsim {

namespace {

Tensor shuffled_scores_op(const std::vector<Tensor>& layers_a, const std::vector<Tensor>& layers_b,
                          const std::vector<std::int64_t>& num_samples, std::int64_t num_inputs, std::int64_t shuffles,
                          std::int64_t seed, const std::string& similarity) {
  constexpr const char* op = "shuffled_scores";
  constexpr std::int64_t most_shuffles = std::int64_t{1} << 24;
  const Measure measure = checked_measure(op, similarity, layers_a);
  check(measure != Measure::minhash, op, ": it takes signatures (uint8), got sketches (int32)");
  const EvidenceList a = checked_layers(op, "layers_a", "num_samples", measure, layers_a, num_samples);
  const EvidenceList b = checked_layers(op, "layers_b", "num_samples", measure, layers_b, num_samples);
  check_one_device(op, "layers_a", a, "layers_b", b);
  check(num_inputs >= 1, op, ": num_inputs must be at least 1, got ", num_inputs);
  check(shuffles >= 1 && shuffles <= most_shuffles, op, ": shuffles must be from 1 to ", most_shuffles, ", got ",
        shuffles);

  const Tensor& like = layers_a.front();
  Execution execution(torch_parallel_for(), like);
  const auto pairing = [&](std::int64_t its_seed) {
    return with_memory_for(op, "the partners of " + std::to_string(num_inputs) + " inputs",
                           [&] { return shuffle_partners_again(num_inputs, seed, its_seed, execution.parallel_for); });
  };
  // Shuffles of which each is a pairing after the same first one are exchangeable with no shuffle at all, which
  // pairings by themselves aren't (docs/mathematics.md).
  const std::vector<std::int64_t> first = pairing(seed);
  const HashStream seeds(seed, HashPurpose::shuffle_seed);
  std::vector<double> scores;
  for (std::int64_t r = 0; r < shuffles; ++r) {
    std::vector<std::int64_t> sources = pairing(static_cast<std::int64_t>(seeds(static_cast<std::uint64_t>(r))));
    std::ranges::transform(sources, sources.begin(), [&](std::int64_t input) { return first[input]; });
    const std::unique_ptr<Similarities> similarities =
        make_similarities(op, measure, b, tensor_of(like, {num_inputs}, Dtype::Long, sources), execution);
    const std::vector<double> some = pair_scores(*similarities, a.layers, b.layers, true, execution.parallel_for);
    scores.insert(scores.end(), some.begin(), some.end());
  }
  if (execution.device.has_value()) {
    execution.device->finish();
  }
  return tensor_of(like, {shuffles, static_cast<std::int64_t>(a.layers.size())}, Dtype::Double, scores);
}

const OperatorRegistration registration(
    "shuffled_scores(Tensor[] layers_a, Tensor[] layers_b, SymInt[] num_samples, SymInt num_inputs, int shuffles, "
    "int seed=0, str similarity=\"jaccard\") -> Tensor",
    TORCH_BOX(&shuffled_scores_op));

}  // namespace

}  // namespace funcsim
