#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <tuple>

#include "detail/operators.h"

// The operators that need no network, typed. All take tensors on one device, the CPU or CUDA, dense and in any memory
// layout, give results on that device, and throw Error for those whose shape, dtype or device doesn't fit. On CUDA they
// return before their work is done; what they find wrong with values then (a NaN, bits in the padding) is thrown by the
// next operator that runs there, or by synchronize().

namespace funcsim {

/// Packs when units fire: bit s of unit u is preactivations[s, u] > margin.
///
/// @param preactivations float32, float64, float16 or bfloat16 [samples, units], no NaN; infinities count by their sign
/// @param margin         finite, at least 0
/// @return uint8 [units, ceil(samples / 8)], sample s in byte s / 8 at bit s % 8, padding bits 0
/// @throws Error for a NaN (says where), another dtype or number of dimensions, or a margin out of range
inline torch::Tensor activation_signatures(const torch::Tensor& preactivations, double margin = 0.0) {
  return detail::call_operator<at::Tensor(const at::Tensor&, double)>("activation_signatures", preactivations, margin);
}

/// MinHash sketches of signatures, by one-permutation hashing (Li, Owen, Zhang, NIPS 2012). They depend on the seed and
/// the global index of each sample only, so that sketches of parts of the samples merge by torch::minimum into the
/// sketch of them all.
///
/// @param signatures   uint8 [units, ceil(num_samples / 8)], padding bits 0
/// @param num_samples  samples of a signature, at least 0
/// @param num_hashes   slots of a sketch, from 1 to 2^24
/// @param seed         any; sketches with different seeds can't be compared
/// @param first_sample global index of the signatures' first sample, at least 0
/// @return int32 [units, num_hashes]; 2^31 - 1 in empty slots
/// @throws Error for signatures that don't have num_samples bits, or numbers out of range
inline torch::Tensor minhash(const torch::Tensor& signatures, std::int64_t num_samples, std::int64_t num_hashes = 1024,
                             std::int64_t seed = 0, std::int64_t first_sample = 0) {
  return detail::call_operator<at::Tensor(const at::Tensor&, c10::SymInt, std::int64_t, std::int64_t, c10::SymInt)>(
      "minhash", signatures, num_samples, num_hashes, seed, first_sample);
}

/// Jaccard index |A and B| / |A or B| of all pairs of units (Jaccard 1901).
///
/// @param signatures_a uint8 [a, bytes]
/// @param signatures_b uint8 [b, bytes], of the same samples
/// @return float32 [a, b], counted exactly and rounded once; 1 for two units that never fire
/// @throws Error for other dtypes, or different numbers of bytes a unit
inline torch::Tensor jaccard(const torch::Tensor& signatures_a, const torch::Tensor& signatures_b) {
  return detail::call_operator<at::Tensor(const at::Tensor&, const at::Tensor&)>("jaccard", signatures_a, signatures_b);
}

/// Linear CKA of the bits of two layers (Kornblith, Norouzi, Lee, Hinton, ICML 2019): how alike they are as a whole,
/// from the numbers of samples on which units fire together, in exact integers.
///
/// @param signatures_a uint8 [a, ceil(num_samples / 8)], at least one unit, padding bits 0
/// @param signatures_b uint8 [b, ceil(num_samples / 8)], of the same samples
/// @param num_samples  samples of a signature, at least 1; at least 4 for the debiased estimate
/// @param debiased     take the unbiased estimate of HSIC (Song et al., JMLR 2012)
/// @return float64 [], from 0 to 1, debiased from -1 to 1; exactly 1 for layers with equal units in any order. Where a
///         layer has no HSIC with itself (all units constant, say) 0, or 1 if neither has. Tensors of a device are
///         copied to the host
/// @throws Error for other dtypes, signatures that don't have num_samples bits, no units, or too few samples
inline torch::Tensor signature_cka(const torch::Tensor& signatures_a, const torch::Tensor& signatures_b,
                                   std::int64_t num_samples, bool debiased = false) {
  return detail::call_operator<at::Tensor(const at::Tensor&, const at::Tensor&, c10::SymInt, bool)>(
      "signature_cka", signatures_a, signatures_b, num_samples, debiased);
}

/// Jaccard index of all pairs of units, estimated from sketches of the same samples, seed and length: the number of
/// equal slots over the number of slots that aren't empty in both.
///
/// @param sketches_a int32 [a, num_hashes]
/// @param sketches_b int32 [b, num_hashes]
/// @return float32 [a, b], unbiased, with a variance of at most J (1 - J) / num_hashes; 1 for two units whose slots are
///         all empty
/// @throws Error for other dtypes, or different numbers of hashes
inline torch::Tensor minhash_jaccard(const torch::Tensor& sketches_a, const torch::Tensor& sketches_b) {
  return detail::call_operator<at::Tensor(const at::Tensor&, const at::Tensor&)>("minhash_jaccard", sketches_a,
                                                                                 sketches_b);
}

/// The assignment of rows to columns with the least (or largest) sum of costs, exactly optimal: what
/// scipy.optimize.linear_sum_assignment computes, by shortest augmenting paths (Jonker and Volgenant 1987; Crouse
/// 2016). Among assignments with equal sums the lexicographically first is returned.
///
/// @param cost     floating, bool, uint8 or signed integer [rows, columns], no NaN; an infinity forbids a pair
/// @param maximize find the largest sum instead; then -infinity forbids
/// @return row indices, ascending, and their columns: int64 [min(rows, columns)] each
/// @throws Error for a NaN or an infinity of the wrong sign (says where), and where no complete assignment is left
inline std::tuple<torch::Tensor, torch::Tensor> linear_sum_assignment(const torch::Tensor& cost,
                                                                      bool maximize = false) {
  return detail::call_operator<std::tuple<at::Tensor, at::Tensor>(const at::Tensor&, bool)>("linear_sum_assignment",
                                                                                            cost, maximize);
}

/// linear_sum_assignment, and the proof that there is no better assignment: an optimum of the dual problem. When
/// minimising, row_duals[i] + column_duals[j] <= cost[i, j] for all pairs, with equality for assigned ones. Rows or
/// columns left over have dual 0; where rows are left over, no row's dual is positive, and where columns are, no
/// column's. So the sum of all duals is the cost of the assignment, and no other costs less. When maximising, with >=
/// and no negative duals in the same places. Computed exactly, and rounded once to float64.
///
/// @param cost     as in linear_sum_assignment
/// @param maximize find the largest sum instead
/// @return row indices and their columns, as linear_sum_assignment; row_duals, float64 [rows]; column_duals, float64
///         [columns]
/// @throws Error as linear_sum_assignment
inline std::tuple<torch::Tensor, torch::Tensor, torch::Tensor, torch::Tensor> linear_sum_assignment_with_duals(
    const torch::Tensor& cost, bool maximize = false) {
  return detail::call_operator<std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor>(const at::Tensor&, bool)>(
      "linear_sum_assignment_with_duals", cost, maximize);
}

/// Waits for the work on a CUDA device and throws what operators have found wrong there since. Call it before you rely
/// on results of which no other operator took notice. Nothing to do on the CPU.
///
/// @param like any tensor of the device, whose current stream is waited for
/// @throws Error as the operators that found it would on the CPU
inline void synchronize(const torch::Tensor& like) {
  detail::call_operator<void(const at::Tensor&)>("synchronize", like);
}

}  // namespace funcsim
