#pragma once

#include <cstdint>
#include <optional>

#include "kernels/common/parallel.h"

namespace funcsim {

/// Element types that pre-activations may have.
enum class ScalarType { float32, float64, float16, bfloat16 };

/// A read-only strided view of pre-activations, [samples, units]. Strides count elements.
/// With `sample_offsets`, sample s starts at element sample_offsets[s] and sample_stride is unused:
/// that is how chosen positions of a convolution's output are read without copying them.
struct Activations {
  const void* data = nullptr;
  ScalarType type = ScalarType::float32;
  std::int64_t samples = 0;
  std::int64_t units = 0;
  std::int64_t sample_stride = 0;
  std::int64_t unit_stride = 0;
  const std::int64_t* sample_offsets = nullptr;
};

/// Where a NaN was found.
struct NanPosition {
  std::int64_t sample;
  std::int64_t unit;
};

/// Records which samples every unit fires on: bit s of row u is 1 where the pre-activation of
/// unit u on sample s is strictly greater than the unit's threshold.
///
/// Comparisons are made on the exact values (float16 and bfloat16 widen exactly; thresholds are not
/// rounded to the element type). Infinities count by sign.
///
/// @param activations  the view to read; nothing is read where samples or units is 0
/// @param thresholds   [units] finite values, or nullptr for 0 everywhere
/// @param signatures   out: [units] rows `row_bytes` apart; bit s is bit s % 8 of byte s / 8; the
///                     padding bits of the last of signature_bytes(samples) bytes are 0, bytes after it are untouched
/// @param row_bytes    at least signature_bytes(samples)
/// @return the NaN of the smallest (unit, sample) for any split of the work, or nothing; with a NaN the rows are
/// unspecified
std::optional<NanPosition> activation_signatures(const Activations& activations, const double* thresholds,
                                                 std::uint8_t* signatures, std::int64_t row_bytes,
                                                 const ParallelFor& parallel_for);

/// One bit for each group of `group_size` consecutive samples: whether any of its bits is set.
///
/// @param signatures [units] rows `row_bytes` apart of groups * group_size bits
/// @param out        [units] rows `out_row_bytes` apart of `groups` bits, padding bits 0
void any_of_groups(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, std::int64_t groups,
                   std::int64_t group_size, std::uint8_t* out, std::int64_t out_row_bytes,
                   const ParallelFor& parallel_for);

}  // namespace funcsim
