#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Which similarity of two units is summed up.
enum class BootstrapSimilarity : std::uint8_t { jaccard, phi };

/// Two layers' packed signatures, and who is whose partner.
struct MatchedSignatures {
  const std::uint8_t* a;  ///< contiguous rows of row_bytes bytes, padding bits 0
  const std::uint8_t* b;  ///< of the same samples
  std::int64_t row_bytes;
  std::int64_t samples_per_input;
  std::vector<std::pair<std::int64_t, std::int64_t>> pairs;  ///< unit of a, unit of b
  double denominator;  ///< of the score: the sum of the pairs' similarities is divided by it
};

/// Blocks that a bootstrap cuts inputs into: each input is one, up to 256; more inputs make 256 blocks of consecutive
/// ones, as even as can be. Block k begins with input floor(k num_inputs / blocks).
constexpr std::int64_t bootstrap_blocks(std::int64_t num_inputs) {
  return num_inputs < 256 ? num_inputs : 256;
}

/// The score of two matched layers, had other inputs of their kind come: a block bootstrap (Künsch, "The jackknife and
/// the bootstrap for general stationary observations", Annals of Statistics 17, 1989) over non-overlapping blocks of
/// inputs. Each replicate draws as many blocks as there are, with replacement, and counts on them; the matching stays.
///
/// Draw k of replicate r is block (h >> 32) * blocks >> 32 of h = HashStream(seed, bootstrap)(r * blocks + k), the same
/// for all layers: their scores may be added replicate by replicate.
///
/// @param num_inputs at least 1; layer.samples_per_input times as many samples, fewer than 2^31
/// @param out        [replicates], `stride` apart
void bootstrap_scores(const MatchedSignatures& layer, BootstrapSimilarity similarity, std::int64_t num_inputs,
                      std::int64_t replicates, std::int64_t seed, double* out, std::int64_t stride,
                      const ParallelFor& parallel_for);

}  // namespace funcsim
