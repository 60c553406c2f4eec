#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/common/parallel.h"

namespace funcsim {

/// The seeded shuffle behind the chance level: a random pairing of inputs. Inputs first_input ...
/// first_input + num_inputs - 1 are sorted by HashStream(seed, shuffle)(global index), a bijection, and
/// the inputs at places 0 and 1, 2 and 3, ... of that order trade places; of an odd number the last stays.
///
/// A pairing rather than an arbitrary permutation because it is its own inverse: A against shuffled B
/// then overlaps exactly as B against shuffled A, and chance levels are symmetric like scores.
///
/// The first bits of an input's hash say which points of a grid it is looked at (PointSets): partners are looked at the
/// same ones, but for at most one pair between two sets.
///
/// @return [num_inputs] the partner of every input, as an index from 0
std::vector<std::int64_t> shuffle_partners(std::int64_t num_inputs, std::int64_t seed, std::int64_t first_input,
                                           const ParallelFor& parallel_for);

/// Another shuffle of inputs from 0 on that are looked at the points of `seed`: as above with `its_seed`, but that
/// inputs are sorted by their set of points first.
std::vector<std::int64_t> shuffle_partners_again(std::int64_t num_inputs, std::int64_t seed, std::int64_t its_seed,
                                                 const ParallelFor& parallel_for);

/// The samples of inputs: input * samples_per_input + p for each input and p, in order.
std::vector<std::int64_t> samples_of(std::span<const std::int64_t> inputs, std::int64_t samples_per_input);

/// Moves whole inputs, that is blocks of samples_per_input consecutive bits:
/// out bit (i * samples_per_input + p) = in bit (partners[i] * samples_per_input + p).
///
/// @param signatures [units] rows `row_bytes` apart of partners.size() * samples_per_input bits
/// @param out        [units] rows `row_bytes` apart, not aliasing; padding bits of the last used byte 0
void shuffle_samples(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                     const std::vector<std::int64_t>& partners, std::int64_t samples_per_input, std::uint8_t* out,
                     const ParallelFor& parallel_for);

}  // namespace funcsim
