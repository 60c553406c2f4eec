#include "compare/compare_networks.h"

#include <algorithm>
#include <vector>

#include "compare/collect_evidence.h"
#include "kernels/activation_signatures/activation_signatures.h"
#include "kernels/shuffle_samples/shuffle_samples.h"

namespace funcsim {

namespace {

using torch::stable::Tensor;

bool counts_exactly(const ComparisonOptions& options, const std::vector<LayerExtent>& extents_a,
                    const std::vector<LayerExtent>& extents_b) {
  if (options.method != "auto") {
    return options.method == "exact";
  }
  std::int64_t most = 0;
  for (const auto* extents : {&extents_a, &extents_b}) {
    for (const LayerExtent& extent : *extents) {
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

NetworkMatch compare_exactly(const Network& a, const Network& b, const Tensor& inputs, const ComparisonOptions& options,
                             const std::vector<LayerExtent>& extents_a, const std::vector<LayerExtent>& extents_b,
                             const ParallelFor& parallel_for) {
  const SignatureRows rows_a(extents_a, signature_width);
  const SignatureRows rows_b(extents_b, signature_width);
  collect_signatures(a, inputs, options.signatures, extents_a, rows_a.rows, parallel_for);
  collect_signatures(b, inputs, options.signatures, extents_b, rows_b.rows, parallel_for);
  const SignatureRows shuffled(options.with_chance ? extents_b : std::vector<LayerExtent>(), signature_width);
  if (options.with_chance) {
    const std::vector<std::int64_t> partners =
        shuffle_partners(inputs.size(0), options.signatures.seed, options.signatures.first_input);
    for (std::size_t l = 0; l < extents_b.size(); ++l) {
      shuffle_samples(rows_b.rows[l], extents_b[l].units, signature_width(extents_b[l]), partners,
                      extents_b[l].samples_per_input, shuffled.rows[l], parallel_for);
    }
  }
  return compare_layers(Measure::jaccard, rows_a.evidence, rows_b.evidence, shuffled.evidence, {}, parallel_for);
}

NetworkMatch compare_sketches(const Network& a, const Network& b, const Tensor& inputs,
                              const ComparisonOptions& options, const std::vector<LayerExtent>& extents_a,
                              const std::vector<LayerExtent>& extents_b, const ParallelFor& parallel_for) {
  const auto width = [&](const LayerExtent&) { return options.num_hashes; };
  const SketchRows rows_a(extents_a, width);
  const SketchRows rows_b(extents_b, width);
  const SketchRows shuffled(options.with_chance ? extents_b : std::vector<LayerExtent>(), width);
  collect_sketches(a, inputs, options.signatures, extents_a, options.num_hashes, rows_a.rows, {}, parallel_for);
  collect_sketches(b, inputs, options.signatures, extents_b, options.num_hashes, rows_b.rows, shuffled.rows,
                   parallel_for);
  return compare_layers(Measure::minhash, rows_a.evidence, rows_b.evidence, shuffled.evidence, {}, parallel_for);
}

}  // namespace

NetworkMatch compare_networks(const Network& a, const Network& b, const Tensor& inputs,
                              const ComparisonOptions& options, const ParallelFor& parallel_for) {
  const std::vector<LayerExtent> extents_a = layer_extents(a, inputs, options.signatures.positions);
  const std::vector<LayerExtent> extents_b = layer_extents(b, inputs, options.signatures.positions);
  const bool exact = counts_exactly(options, extents_a, extents_b);
  return (exact ? compare_exactly : compare_sketches)(a, b, inputs, options, extents_a, extents_b, parallel_for);
}

double adjusted_score(double score, double chance) {
  if (chance == 1.0) {
    return score == 1.0 ? 1.0 : 0.0;
  }
  return (score - chance) / (1.0 - chance);
}

}  // namespace funcsim
