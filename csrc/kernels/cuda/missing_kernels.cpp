// Stands in for the kernels that aren't written yet.

#include "kernels/common/error.h"
#include "kernels/cuda/cuda_kernels.h"

namespace funcsim {

__attribute__((weak)) void CudaKernels::find_padding_bits(const std::uint8_t* /*signatures*/, std::int64_t /*units*/,
                                                          std::int64_t /*row_bytes*/, std::int64_t /*num_samples*/,
                                                          FaultCell* /*fault*/, const DeviceQueue& /*queue*/) const {
  fail("find_padding_bits isn't written yet");
}

__attribute__((weak)) void CudaKernels::find_bad_indices(const std::int64_t* /*indices*/, std::int64_t /*count*/,
                                                         std::int64_t /*end*/, FaultCell* /*fault*/,
                                                         const DeviceQueue& /*queue*/) const {
  fail("find_bad_indices isn't written yet");
}

__attribute__((weak)) void CudaKernels::sample_offsets(const PlaceOffsets& /*places*/, std::int64_t* /*offsets*/,
                                                       const DeviceQueue& /*queue*/) const {
  fail("sample_offsets isn't written yet");
}

__attribute__((weak)) void CudaKernels::activation_signatures(const Activations& /*activations*/,
                                                              const void* /*thresholds*/, std::uint8_t* /*signatures*/,
                                                              std::int64_t /*row_bytes*/, const NanReport& /*nan*/,
                                                              const DeviceQueue& /*queue*/) const {
  fail("activation_signatures isn't written yet");
}

__attribute__((weak)) void CudaKernels::any_of_groups(const std::uint8_t* /*signatures*/, std::int64_t /*units*/,
                                                      std::int64_t /*row_bytes*/, std::int64_t /*groups*/,
                                                      std::int64_t /*group_size*/, std::uint8_t* /*out*/,
                                                      std::int64_t /*out_row_bytes*/,
                                                      const DeviceQueue& /*queue*/) const {
  fail("any_of_groups isn't written yet");
}

__attribute__((weak)) void CudaKernels::signature_statistics(const std::uint8_t* /*signatures*/, std::int64_t /*units*/,
                                                             std::int64_t /*row_bytes*/, std::int64_t /*num_samples*/,
                                                             std::int64_t /*first_sample*/, std::int64_t* /*counts*/,
                                                             std::uint64_t* /*fingerprints*/,
                                                             const DeviceQueue& /*queue*/) const {
  fail("signature_statistics isn't written yet");
}

__attribute__((weak)) void CudaKernels::shuffle_partners(std::int64_t /*num_inputs*/, std::int64_t /*seed*/,
                                                         std::int64_t /*first_input*/, std::int64_t* /*partners*/,
                                                         const DeviceQueue& /*queue*/) const {
  fail("shuffle_partners isn't written yet");
}

__attribute__((weak)) void CudaKernels::shuffle_samples(const std::uint8_t* /*signatures*/, std::int64_t /*units*/,
                                                        std::int64_t /*row_bytes*/, const std::int64_t* /*partners*/,
                                                        std::int64_t /*num_inputs*/, std::int64_t /*first_input*/,
                                                        std::int64_t /*samples_per_input*/, std::uint8_t* /*out*/,
                                                        const DeviceQueue& /*queue*/) const {
  fail("shuffle_samples isn't written yet");
}

__attribute__((weak)) void CudaKernels::minhash(const std::uint8_t* /*signatures*/, std::int64_t /*units*/,
                                                std::int64_t /*row_bytes*/, std::int64_t /*num_samples*/,
                                                const HashedSamples& /*samples*/, std::int64_t /*num_hashes*/,
                                                std::int64_t /*seed*/, bool /*merge*/, std::int32_t* /*sketches*/,
                                                const DeviceQueue& /*queue*/) const {
  fail("minhash isn't written yet");
}

__attribute__((weak)) void CudaKernels::minhash_jaccard(const std::int32_t* /*a*/, std::int64_t /*units_a*/,
                                                        const std::int32_t* /*b*/, std::int64_t /*units_b*/,
                                                        std::int64_t /*num_hashes*/, float* /*out*/,
                                                        const DeviceQueue& /*queue*/) const {
  fail("minhash_jaccard isn't written yet");
}

__attribute__((weak)) void CudaKernels::jaccard(const std::uint8_t* /*a*/, std::int64_t /*units_a*/,
                                                const std::uint8_t* /*b*/, std::int64_t /*units_b*/,
                                                std::int64_t /*row_bytes*/, float* /*out*/,
                                                const DeviceQueue& /*queue*/) const {
  fail("jaccard isn't written yet");
}

__attribute__((weak)) void CudaKernels::phi(const std::uint8_t* /*a*/, std::int64_t /*units_a*/,
                                            const std::uint8_t* /*b*/, std::int64_t /*units_b*/,
                                            std::int64_t /*row_bytes*/, std::int64_t /*num_samples*/, float* /*out*/,
                                            const DeviceQueue& /*queue*/) const {
  fail("phi isn't written yet");
}

}  // namespace funcsim
