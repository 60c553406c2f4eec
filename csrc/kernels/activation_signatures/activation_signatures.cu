#include "kernels/activation_signatures/activation_signatures.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "kernels/activation_signatures/grid_points.h"
#include "kernels/activation_signatures/pack_samples.cuh"
#include "kernels/activation_signatures/pack_units.cuh"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"

namespace funcsim {

namespace {

/// Whether threads should take neighbouring units, rather than samples.
template <typename Type>
bool units_are_closest(const Activations& view) {
  if (view.units <= ElementVector<Type>::size) {
    return false;  // a warp that reads 32 samples reads all of a few sectors anyway
  }
  if (view.sample_offsets != nullptr) {
    return view.unit_stride == 1;
  }
  const bool tie = std::abs(view.unit_stride) == std::abs(view.sample_stride);  // of a matrix with one column or row
  return tie ? view.units >= view.samples : std::abs(view.unit_stride) < std::abs(view.sample_stride);
}

template <typename Type>
void pack(const Activations& view, const void* thresholds, std::uint8_t* signatures, std::int64_t row_bytes,
          const NanReport& nan, const DeviceQueue& queue) {
  const PackTask<Type> task{static_cast<const typename Type::Element*>(view.data),
                            view.samples,
                            view.units,
                            view.sample_stride,
                            view.unit_stride,
                            view.sample_offsets,
                            static_cast<const typename Type::Value*>(thresholds),
                            signatures,
                            row_bytes,
                            nan};
  if (units_are_closest<Type>(view)) {
    constexpr std::int64_t vector = ElementVector<Type>::size;
    int lane_bits = fewest_lane_bits;
    while (lane_bits < most_lane_bits && view.units > vector << lane_bits) {
      ++lane_bits;
    }
    const std::int64_t tile_samples = std::int64_t{unit_packers >> lane_bits} * word_samples;
    const unsigned unit_tiles = grid_blocks(ceil_div(view.units, vector << lane_bits));
    const unsigned sample_tiles = grid_blocks(ceil_div(view.samples, tile_samples), 65535);
    launch(pack_along_units<Type>, {dim3(unit_tiles, sample_tiles), unit_packers}, queue, task, lane_bits);
  } else {
    const std::int64_t tiles = view.units * ceil_div(view.samples, warp_samples);
    launch(pack_along_samples<Type>, {grid_blocks(ceil_div(tiles, sample_packers / warp_lanes)), sample_packers}, queue,
           task);
  }
}

}  // namespace

void CudaKernels::activation_signatures(const Activations& activations, const void* thresholds,
                                        std::uint8_t* signatures, std::int64_t row_bytes, const NanReport& nan,
                                        const DeviceQueue& queue) const {
  if (activations.samples == 0 || activations.units == 0) {
    return;
  }
  switch (activations.type) {
    case ScalarType::float32:
      return pack<DeviceFloat<float>>(activations, thresholds, signatures, row_bytes, nan, queue);
    case ScalarType::float64:
      return pack<DeviceFloat<double>>(activations, thresholds, signatures, row_bytes, nan, queue);
    case ScalarType::float16:
      return pack<DeviceFloat16>(activations, thresholds, signatures, row_bytes, nan, queue);
    case ScalarType::bfloat16:
      return pack<DeviceBFloat16>(activations, thresholds, signatures, row_bytes, nan, queue);
  }
}

}  // namespace funcsim
