#pragma once

#include "kernels/common/device_kernels.h"

namespace funcsim {

/// The kernels for CUDA. Each family's functions are in the .cu file of its folder; memory and order in
/// cuda_kernels.cu.
class CudaKernels final : public DeviceKernels {
 public:
  void copy_to_host(const void* from, void* host, std::int64_t bytes, const DeviceQueue& queue) const override;
  void copy_to_device(const void* host, void* to, std::int64_t bytes, const DeviceQueue& queue) const override;
  void fill(void* to, std::uint8_t value, std::int64_t bytes, const DeviceQueue& queue) const override;
  void* record(const DeviceQueue& queue) const override;
  void* copy_to_host_aside(const void* from, void* host, std::int64_t bytes, const DeviceQueue& queue) const override;
  void wait(void* point) const override;
  void synchronize(const DeviceQueue& queue) const override;
  bool is_capturing(const DeviceQueue& queue) const override;
  void* new_shared_memory(std::int64_t bytes, const DeviceQueue& queue) const override;

  void find_padding_bits(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                         std::int64_t num_samples, FaultCell* fault, const DeviceQueue& queue) const override;
  void find_bad_indices(const std::int64_t* indices, std::int64_t count, std::int64_t end, FaultCell* fault,
                        const DeviceQueue& queue) const override;

  void sample_offsets(const PlaceOffsets& places, std::int64_t* offsets, const DeviceQueue& queue) const override;
  void activation_signatures(const Activations& activations, const void* thresholds, std::uint8_t* signatures,
                             std::int64_t row_bytes, const NanReport& nan, const DeviceQueue& queue) const override;
  void any_of_groups(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, std::int64_t groups,
                     std::int64_t group_size, std::uint8_t* out, std::int64_t out_row_bytes,
                     const DeviceQueue& queue) const override;
  void signature_statistics(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                            std::int64_t num_samples, std::int64_t first_sample, std::int64_t* counts,
                            std::uint64_t* fingerprints, const DeviceQueue& queue) const override;

  void shuffle_partners(std::int64_t num_inputs, std::int64_t seed, std::int64_t first_input, std::int64_t* partners,
                        const DeviceQueue& queue) const override;
  void shuffle_samples(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                       const std::int64_t* partners, std::int64_t num_inputs, std::int64_t first_input,
                       std::int64_t samples_per_input, std::uint8_t* out, const DeviceQueue& queue) const override;

  void minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes, std::int64_t num_samples,
               const HashedSamples& samples, std::int64_t num_hashes, std::int64_t seed, bool merge,
               std::int32_t* sketches, const DeviceQueue& queue) const override;

  void minhash_jaccard(const std::int32_t* a, std::int64_t units_a, const std::int32_t* b, std::int64_t units_b,
                       std::int64_t num_hashes, float* out, const DeviceQueue& queue) const override;
  void jaccard(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
               std::int64_t row_bytes, float* out, const DeviceQueue& queue) const override;
  void phi(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
           std::int64_t row_bytes, std::int64_t num_samples, float* out, const DeviceQueue& queue) const override;
};

}  // namespace funcsim
