#include "compare/compare_networks.h"

#include <algorithm>
#include <vector>

#include "compare/collect_evidence.h"
#include "kernels/common/bits.h"
#include "kernels/shuffle_samples/shuffle_samples.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

bool counts_exactly(const ComparisonOptions& options, const NetworkRun& a, const NetworkRun& b) {
  if (options.method != "auto") {
    return options.method == "exact";
  }
  std::int64_t most = 0;
  for (const NetworkRun* run : {&a, &b}) {
    for (const LayerExtent& extent : run->extents()) {
      most = std::max(most, extent.num_samples);
    }
  }
  return exact_is_cheaper(most, options.num_hashes);
}

/// Rows of all layers of a network, and the memory they lie in.
template <typename Element>
class LayerRows {
 public:
  /// @param width elements of a row, for a layer's extent
  template <typename Width>
  LayerRows(const std::vector<LayerExtent>& extents, const Width& width) {
    for (const LayerExtent& extent : extents) {
      memory_.emplace_back(extent.units * width(extent));
      rows.push_back(memory_.back().data());
      evidence.push_back({rows.back(), extent.units, width(extent), extent.num_samples});
    }
  }

  std::vector<Element*> rows;
  std::vector<LayerEvidence> evidence;

 private:
  std::vector<std::vector<Element>> memory_;
};

using SignatureRows = LayerRows<std::uint8_t>;
using SketchRows = LayerRows<std::int32_t>;

std::int64_t signature_width(const LayerExtent& extent) {
  return signature_bytes(extent.num_samples);
}

NetworkMatch compare_exactly(const NetworkRun& a, const NetworkRun& b, const ComparisonOptions& options,
                             const ParallelFor& parallel_for) {
  const SignatureRows rows_a(a.extents(), signature_width);
  const SignatureRows rows_b(b.extents(), signature_width);
  collect_signatures(a, rows_a.rows, parallel_for);
  collect_signatures(b, rows_b.rows, parallel_for);
  ShuffledLayers shuffled;
  if (options.with_chance) {
    shuffled.partners =
        shuffle_partners(b.num_inputs(), options.signatures.seed, options.signatures.first_input, parallel_for);
  }
  return compare_layers(Measure::jaccard, rows_a.evidence, rows_b.evidence, shuffled, {}, parallel_for);
}

NetworkMatch compare_sketches(const NetworkRun& a, const NetworkRun& b, const ComparisonOptions& options,
                              const ParallelFor& parallel_for) {
  const auto width = [&](const LayerExtent&) { return options.num_hashes; };
  const SketchRows rows_a(a.extents(), width);
  const SketchRows rows_b(b.extents(), width);
  const SketchRows shuffled(options.with_chance ? b.extents() : std::vector<LayerExtent>(), width);
  collect_sketches(a, options.num_hashes, rows_a.rows, {}, parallel_for);
  collect_sketches(b, options.num_hashes, rows_b.rows, shuffled.rows, parallel_for);
  return compare_layers(Measure::minhash, rows_a.evidence, rows_b.evidence, {shuffled.evidence, {}}, {}, parallel_for);
}

}  // namespace

NetworkMatch compare_networks(const Network& a, const Network& b, const Tensor& inputs,
                              const ComparisonOptions& options, const ParallelFor& parallel_for) {
  const NetworkRun run_a(a, inputs, options.signatures);
  const NetworkRun run_b(b, inputs, options.signatures);
  const bool exact = counts_exactly(options, run_a, run_b);
  return (exact ? compare_exactly : compare_sketches)(run_a, run_b, options, parallel_for);
}

double adjusted_score(double score, double chance) {
  if (chance == 1.0) {
    return score == 1.0 ? 1.0 : 0.0;
  }
  return (score - chance) / (1.0 - chance);
}

}  // namespace funcsim
