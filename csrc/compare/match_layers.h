#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "compare/similarities.h"
#include "kernels/common/parallel.h"

namespace funcsim {

/// What chance levels are computed against: the layers of B with their inputs shuffled.
struct ShuffledLayers {
  std::vector<LayerEvidence> layers;  ///< all of them; or
  bool by_partners = false;           ///< each one is shuffled when it is wanted, in the memory of one
};

/// Two layers' units matched, from A's side: the assignment with the largest sum of similarities, exactly optimal for
/// the similarity matrix in float32.
struct LayerMatch {
  std::vector<std::int64_t> partners;  ///< [units_a] unit of B, or -1
  std::vector<float> similarities;     ///< [units_a] similarity to the partner, 0 without one
  double score = 0.0;                  ///< sum of similarities / max(units_a, units_b)
};

/// A pair of layers, matched, with its chance level.
struct LayerPair {
  std::int64_t layer_a = 0;
  std::int64_t layer_b = 0;
  LayerMatch match;
  double chance = 0.0;          ///< the score against B's layer with its samples shuffled
  double standard_error = 0.0;  ///< of the score, 0 for exact measures
};

/// Two networks compared.
struct NetworkMatch {
  std::vector<LayerPair> pairs;  ///< in A's order
  double score = 0.0;  ///< layer scores weighted by max(units_a, units_b); layers without a partner count as 0
  double chance = 0.0;
  double standard_error = 0.0;
};

/// @throws Error naming positions="any" where layer i of a and layer j of b have different numbers of samples
void check_comparable(const std::vector<LayerEvidence>& a, const std::vector<LayerEvidence>& b, std::int64_t i,
                      std::int64_t j);

/// The score of every pair of layers, [a.size(), b.size()] row-major; NaN where the numbers of samples differ.
///
/// @param shuffled whether inputs of b trade places first
std::vector<double> layer_scores(Similarities& similarities, const std::vector<LayerEvidence>& a,
                                 const std::vector<LayerEvidence>& b, bool shuffled, const ParallelFor& parallel_for);

/// The score of layer l of a with layer l of b, [a.size()], which is b.size().
///
/// @param shuffled whether inputs of b trade places first
std::vector<double> pair_scores(Similarities& similarities, const std::vector<LayerEvidence>& a,
                                const std::vector<LayerEvidence>& b, bool shuffled, const ParallelFor& parallel_for);

/// Compares two networks layer by layer. Scores are summed from the smallest similarity up, so that they don't depend
/// on the order of units.
///
/// @param shuffled_b with neither layers nor by_partners, chance levels stay 0
/// @param pairs      (layer of A, layer of B), each layer at most once; empty: layers pair in order where A and B have
///                   equally many, and otherwise so that order is kept and the sum of layer scores is largest
/// @throws Error for a pair that is out of range, uses a layer twice or has different numbers of samples
NetworkMatch compare_layers(Similarities& similarities, const std::vector<LayerEvidence>& a,
                            const std::vector<LayerEvidence>& b, const ShuffledLayers& shuffled_b,
                            const std::vector<std::pair<std::int64_t, std::int64_t>>& pairs,
                            const ParallelFor& parallel_for);

}  // namespace funcsim
