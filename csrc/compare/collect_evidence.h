#pragma once

#include <cstdint>
#include <vector>

#include "compare/match_layers.h"
#include "kernels/common/parallel.h"
#include "network/network.h"
#include "network/record_signatures.h"

namespace funcsim {

/// Sketches stop paying when a unit's signature is no longer than its sketch, whose slots are 32 bits wide: the
/// documented rule of method "auto".
constexpr bool exact_is_cheaper(std::int64_t num_samples, std::int64_t num_hashes) {
  return num_samples <= 32 * num_hashes;
}

/// Writes the packed signatures of all layers: rows[l] is [units, signature_bytes(num_samples)], contiguous.
void collect_signatures(const NetworkRun& run, const std::vector<std::uint8_t*>& rows, const ParallelFor& parallel_for);

/// Writes the sketches of all layers, sketches[l] is [units, num_hashes]. Holds the bits of one block of inputs,
/// however many inputs there are.
///
/// @param shuffled the same with the inputs shuffled, all of the run (see shuffle_partners); empty: not wanted
void collect_sketches(const NetworkRun& run, std::int64_t num_hashes, const std::vector<std::int32_t*>& sketches,
                      const std::vector<std::int32_t*>& shuffled, const ParallelFor& parallel_for);

}  // namespace funcsim
