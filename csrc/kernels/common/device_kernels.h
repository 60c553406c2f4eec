#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "kernels/activation_signatures/activation_signatures.h"

namespace funcsim {

/// Where an operator's work on a device goes, one piece after the other.
struct DeviceQueue {
  int device;    ///< its index
  void* stream;  ///< cudaStream_t; null: the default stream
  /// Memory of the device for results in between, aligned to 256 bytes. It may be given to others as soon as the
  /// operator returns, whose work then comes after this on the same stream.
  std::function<void*(std::int64_t bytes)> scratch;
};

/// An entry of device memory or of pinned host memory, where a kernel leaves the smallest index at which something is
/// wrong. Holds no_fault before.
using FaultCell = std::uint64_t;
inline constexpr FaultCell no_fault = ~FaultCell{0};

/// Where a NaN is told: `cell` becomes unit * samples + first_sample + sample, if that is smaller, so that batches of
/// one run can share a cell.
struct NanReport {
  FaultCell* cell;
  std::int64_t samples;       ///< of the whole run
  std::int64_t first_sample;  ///< of this batch
};

/// Samples of a layer's output with a grid of positions, for sample_offsets(). Sample s of input i is the place
/// places(i, s) of the grid: all places in order, or points of it that network/positions.h describes.
struct PlaceOffsets {
  std::int64_t first_input;  ///< global index of input 0
  std::int64_t inputs;
  std::int64_t samples_per_input;
  bool all_places;                 ///< samples_per_input is the number of places; else points, seeded
  std::vector<std::int64_t> grid;  ///< sizes, row-major, one to three
  std::int64_t seed;
  std::int64_t units;
  bool units_last;  ///< the output is [inputs, grid..., units]; else [inputs, units, grid...]
};

/// Samples that need not follow each other: sample s is of input s / samples_per_input of a list of inputs, and has the
/// global index inputs[s / samples_per_input] * samples_per_input + s % samples_per_input.
struct HashedSamples {
  std::int64_t first_sample;   ///< global index of sample 0, unless `inputs`
  const std::int64_t* inputs;  ///< device memory, or null: samples follow each other
  std::int64_t samples_per_input;
};

/// What a device does: the kernels of this folder's families, and what moving data takes. libfuncsim_cuda.so has one
/// for CUDA; libfuncsim.so calls it and does all that takes PyTorch.
///
/// Pointers are to memory of the device unless a comment says otherwise. Every function puts its work on the queue's
/// stream and returns without waiting for it, unless it says so; results are those of the kernel for the CPU of the
/// same name, bit for bit. Nothing is done where there are no units. All throw Error where the device refuses.
class DeviceKernels {
 public:
  /// Of this interface: the two libraries must agree.
  static constexpr std::int64_t interface_version = 1;

  DeviceKernels() = default;
  DeviceKernels(const DeviceKernels&) = delete;
  DeviceKernels& operator=(const DeviceKernels&) = delete;
  DeviceKernels(DeviceKernels&&) = delete;
  DeviceKernels& operator=(DeviceKernels&&) = delete;
  virtual ~DeviceKernels() = default;

  // Memory and order.

  /// To pinned host memory.
  virtual void copy_to_host(const void* from, void* host, std::int64_t bytes, const DeviceQueue& queue) const = 0;
  /// From host memory, which may be used again at once if it isn't pinned.
  virtual void copy_to_device(const void* host, void* to, std::int64_t bytes, const DeviceQueue& queue) const = 0;
  /// Sets bytes.
  virtual void fill(void* to, std::uint8_t value, std::int64_t bytes, const DeviceQueue& queue) const = 0;
  /// A point in the stream; to be given to wait() once.
  virtual void* record(const DeviceQueue& queue) const = 0;
  /// copy_to_host() when the stream has come here, beside the work that follows. Neither memory may be given back
  /// before wait() for the point that is returned.
  virtual void* copy_to_host_aside(const void* from, void* host, std::int64_t bytes,
                                   const DeviceQueue& queue) const = 0;
  /// Returns when the device has come to that point. From any thread.
  virtual void wait(void* point) const = 0;
  /// Waits for all work of the stream.
  virtual void synchronize(const DeviceQueue& queue) const = 0;
  /// Whether work is recorded into a CUDA graph instead of done: then nothing may wait for it.
  virtual bool is_capturing(const DeviceQueue& queue) const = 0;
  /// Pinned host memory that the device reaches by the same address; never freed.
  virtual void* new_shared_memory(std::int64_t bytes, const DeviceQueue& queue) const = 0;

  // Checks.

  /// Leaves in `fault` the first unit that has bits set after num_samples in its signature_bytes(num_samples).
  virtual void find_padding_bits(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                                 std::int64_t num_samples, FaultCell* fault, const DeviceQueue& queue) const = 0;
  /// Leaves in `fault` the first place whose index isn't in [0, end).
  virtual void find_bad_indices(const std::int64_t* indices, std::int64_t count, std::int64_t end, FaultCell* fault,
                                const DeviceQueue& queue) const = 0;

  // Signatures.

  /// offsets[s] becomes the number of the element of sample s that unit 0 has.
  virtual void sample_offsets(const PlaceOffsets& places, std::int64_t* offsets, const DeviceQueue& queue) const = 0;
  /// @param thresholds of every unit: double for float64, else float: the largest that is not above it
  ///                   (floor_to_float()); null: 0 everywhere
  /// @param nan        is told of the first NaN of units in order; with one, rows are unspecified
  virtual void activation_signatures(const Activations& activations, const void* thresholds, std::uint8_t* signatures,
                                     std::int64_t row_bytes, const NanReport& nan, const DeviceQueue& queue) const = 0;
  virtual void any_of_groups(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                             std::int64_t groups, std::int64_t group_size, std::uint8_t* out,
                             std::int64_t out_row_bytes, const DeviceQueue& queue) const = 0;
  virtual void signature_statistics(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                                    std::int64_t num_samples, std::int64_t first_sample, std::int64_t* counts,
                                    std::uint64_t* fingerprints, const DeviceQueue& queue) const = 0;

  // Shuffle.

  /// Partners as indices from first_input on.
  virtual void shuffle_partners(std::int64_t num_inputs, std::int64_t seed, std::int64_t first_input,
                                std::int64_t* partners, const DeviceQueue& queue) const = 0;
  /// @param partners [num_inputs] indices from first_input on
  virtual void shuffle_samples(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                               const std::int64_t* partners, std::int64_t num_inputs, std::int64_t first_input,
                               std::int64_t samples_per_input, std::uint8_t* out, const DeviceQueue& queue) const = 0;

  // Sketches.

  /// Any number of samples. Writes sketches, or with `merge` takes the smaller of what a slot holds and its new value.
  virtual void minhash(const std::uint8_t* signatures, std::int64_t units, std::int64_t row_bytes,
                       std::int64_t num_samples, const HashedSamples& samples, std::int64_t num_hashes,
                       std::int64_t seed, bool merge, std::int32_t* sketches, const DeviceQueue& queue) const = 0;

  // Similarity, [units_a, units_b]. `a` and `b` may be the same.

  virtual void minhash_jaccard(const std::int32_t* a, std::int64_t units_a, const std::int32_t* b, std::int64_t units_b,
                               std::int64_t num_hashes, float* out, const DeviceQueue& queue) const = 0;
  /// jaccard() and phi(): the first large one on a device waits for it, to see which way to count is the fastest,
  /// unless work is recorded into a CUDA graph.
  virtual void jaccard(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
                       std::int64_t row_bytes, float* out, const DeviceQueue& queue) const = 0;
  virtual void phi(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
                   std::int64_t row_bytes, std::int64_t num_samples, float* out, const DeviceQueue& queue) const = 0;
};

}  // namespace funcsim

extern "C" {

/// What a library of kernels for a device exports.
/// @param interface_version that the caller knows
/// @return the kernels, for as long as the library is loaded; null if the library has another interface
using FuncsimDeviceKernels = const funcsim::DeviceKernels* (*)(std::int64_t interface_version);
}
