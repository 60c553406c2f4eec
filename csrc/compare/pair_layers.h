#pragma once

#include <cstdint>
#include <utility>
#include <vector>

namespace funcsim {

/// The order-preserving pairing of A's layers with B's that has the largest sum of scores: the alignment of
/// Needleman and Wunsch (J. Mol. Biol. 48, 1970) with a gap cost of 0. Of pairings with equal sums the one with more
/// pairs, then the one that pairs earlier layers.
///
/// @param scores [layers_a, layers_b] row-major; a NaN forbids the pair
std::vector<std::pair<std::int64_t, std::int64_t>> pair_layers(const std::vector<double>& scores, std::int64_t layers_a,
                                                               std::int64_t layers_b);

}  // namespace funcsim
