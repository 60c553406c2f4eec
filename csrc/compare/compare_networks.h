#pragma once

#include <torch/csrc/stable/tensor.h>

#include <cstdint>
#include <string>

#include "compare/match_layers.h"
#include "kernels/common/parallel.h"
#include "network/network.h"
#include "network/record_signatures.h"

namespace funcsim {

/// How two networks are compared.
struct ComparisonOptions {
  std::string method;           ///< "exact"; "minhash"; "auto": exact where exact_is_cheaper
  std::int64_t num_hashes;      ///< slots of a sketch
  SignatureOptions signatures;  ///< what decides the bits; its seed is also that of sketches and of the shuffle
  bool with_chance;             ///< whether chance levels are wanted; otherwise they stay 0
};

/// From networks and inputs to scores.
///
/// @throws Error as record_signatures and compare_layers do
NetworkMatch compare_networks(const Network& a, const Network& b, const torch::stable::Tensor& inputs,
                              const ComparisonOptions& options, const ParallelFor& parallel_for);

/// The score above chance: (score - chance) / (1 - chance). Nothing is above a chance of 1: there 1 for a score of 1,
/// and else 0.
double adjusted_score(double score, double chance);

}  // namespace funcsim
