#pragma once

#include <cstdint>

#include "kernels/common/parallel.h"

namespace funcsim {

/// How often every unit fires, and a fingerprint that equal signatures share.
///
/// Both add up over batches: the counts as integers, the fingerprints modulo 2^64, as long as every
/// batch but the last starts and ends at a multiple of 64 samples. A unit's fingerprint is the sum over
/// its non-zero 64-bit words w (word j holds samples 64 j to 64 j + 63 of the whole stream, sample 64 j in
/// the lowest bit) of mix64(w ^ HashStream(0, fingerprint)(j)). Two different signatures share a
/// fingerprint with probability 2^-64.
///
/// @param signatures   [units] rows `row_bytes` apart of num_samples bits, padding bits 0
/// @param first_sample global index of bit 0, a multiple of 64
/// @param counts       out: [units] set bits
/// @param fingerprints out: [units]
void signature_statistics(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                          std::int64_t num_samples, std::int64_t first_sample, std::int64_t* counts,
                          std::uint64_t* fingerprints, const ParallelFor& parallel_for);

}  // namespace funcsim
