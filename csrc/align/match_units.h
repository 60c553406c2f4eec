#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "align/unit_orders.h"
#include "kernels/common/parallel.h"
#include "network/network.h"

namespace funcsim {

/// How alike all units of a hidden layer of a are to all units of b's, [units of a, units of b] row-major, no NaN.
using UnitSimilarities = std::vector<float>;

/// For each hidden layer the one-to-one matching of units with the largest sum of similarities among those that the
/// networks' grouped convolutions and GroupNorms allow (see UnitBlocks): blocks that can move are matched by the sums,
/// over all layers they move in, of the best matchings within them. Exactly optimal. Where units have equal
/// similarities, the smallest squared distance of their canonical incoming weights decides (see break_ties).
///
/// Without similarities, layer after layer, by the smallest squared distances of canonical incoming weights, their
/// inputs in the order that was found for the layer before.
///
/// @param similarities       of all hidden layers, or none
/// @param coordinate_descent whether to go on from there: layers are matched again by the squared distances of incoming
///                           and outgoing canonical weights, given their neighbours' matching, as long as the squared
///                           distance of all weights of the networks shrinks, at most 100 times (Ainsworth, Hayase,
///                           Srinivasa, "Git Re-Basin", arXiv:2209.04836, algorithm 1: for layers of equal widths the
///                           same as the largest inner product)
/// @param input_dimensions   of the networks' inputs, batch included; nullopt where they aren't known
/// @throws Error for networks whose units can't be followed or whose blocks don't correspond, and where weights are
///         asked for and don't correspond: names the layer
std::vector<UnitMatch> match_units(const Network& a, const Network& b,
                                   const std::vector<UnitSimilarities>& similarities, bool coordinate_descent,
                                   std::optional<std::int64_t> input_dimensions, const ParallelFor& parallel_for);

}  // namespace funcsim
