#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <tuple>

#include "detail/operators.h"

// The operators that need no network, typed. All throw Error for tensors whose shape, dtype or device doesn't fit.

namespace funcsim {

/// Packs when units fire: bit s of unit u is preactivations[s, u] > margin.
///
/// @param preactivations floating [samples, units], no NaN
/// @param margin         finite, at least 0
/// @return uint8 [units, ceil(samples / 8)], sample s in byte s / 8 at bit s % 8, padding bits 0
inline torch::Tensor activation_signatures(const torch::Tensor& preactivations, double margin = 0.0) {
  return detail::call_operator<at::Tensor(const at::Tensor&, double)>("activation_signatures", preactivations, margin);
}

/// MinHash sketches of signatures. Sketches of consecutive batches of samples merge by torch::minimum into the sketch
/// of them all.
///
/// @param signatures   uint8 [units, ceil(num_samples / 8)]
/// @param num_hashes   from 1 to 2^24
/// @param first_sample global index of the signatures' first sample, at least 0
/// @return int32 [units, num_hashes]; 2^31 - 1 in empty slots
inline torch::Tensor minhash(const torch::Tensor& signatures, std::int64_t num_samples, std::int64_t num_hashes = 1024,
                             std::int64_t seed = 0, std::int64_t first_sample = 0) {
  return detail::call_operator<at::Tensor(const at::Tensor&, c10::SymInt, std::int64_t, std::int64_t, c10::SymInt)>(
      "minhash", signatures, num_samples, num_hashes, seed, first_sample);
}

/// Jaccard index of all pairs of units.
///
/// @param signatures_a uint8 [a, bytes]
/// @param signatures_b uint8 [b, bytes], of the same samples
/// @return float32 [a, b]; 1 for two units that never fire
inline torch::Tensor jaccard(const torch::Tensor& signatures_a, const torch::Tensor& signatures_b) {
  return detail::call_operator<at::Tensor(const at::Tensor&, const at::Tensor&)>("jaccard", signatures_a, signatures_b);
}

/// Jaccard index of all pairs of units, estimated from sketches of the same samples, seed and length.
///
/// @param sketches_a int32 [a, num_hashes]
/// @param sketches_b int32 [b, num_hashes]
/// @return float32 [a, b], unbiased, with a variance of at most J (1 - J) / num_hashes (to 5 %)
inline torch::Tensor minhash_jaccard(const torch::Tensor& sketches_a, const torch::Tensor& sketches_b) {
  return detail::call_operator<at::Tensor(const at::Tensor&, const at::Tensor&)>("minhash_jaccard", sketches_a,
                                                                                 sketches_b);
}

/// The assignment of rows to columns with the least (or largest) sum of costs, exactly optimal: what
/// scipy.optimize.linear_sum_assignment computes.
///
/// @param cost floating or integer [rows, columns], no NaN
/// @return row indices, ascending, and their columns: int64 [min(rows, columns)] each
inline std::tuple<torch::Tensor, torch::Tensor> linear_sum_assignment(const torch::Tensor& cost,
                                                                      bool maximize = false) {
  return detail::call_operator<std::tuple<at::Tensor, at::Tensor>(const at::Tensor&, bool)>("linear_sum_assignment",
                                                                                            cost, maximize);
}

}  // namespace funcsim
