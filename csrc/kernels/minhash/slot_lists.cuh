#pragma once

#include <cstdint>

#include "kernels/common/device_kernels.h"
#include "kernels/common/hash.h"
#include "kernels/cuda/hash_buckets.cuh"

namespace funcsim {

/// Samples from sample `start` on.
struct SampleRun {
  HashStream stream;
  HashedSamples samples;
  std::int64_t start;

  /// The hash of the s-th of them.
  __device__ std::uint64_t hash(std::int64_t s) const {
    const std::int64_t sample = start + s;
    if (samples.inputs == nullptr) {
      return stream(static_cast<std::uint64_t>(samples.first_sample) + static_cast<std::uint64_t>(sample));
    }
    const std::int64_t input = sample / samples.samples_per_input;
    const std::int64_t within = sample - (input * samples.samples_per_input);
    return stream(static_cast<std::uint64_t>((samples.inputs[input] * samples.samples_per_input) + within));
  }
};

/// Samples are put in order in parts of so many, a multiple of 32. Each takes a byte of shared memory, of which a block
/// has 64 KiB on any GPU.
inline constexpr std::int64_t part_samples = 63 << 10;

/// A sample in a list.
struct __align__(8) ListedSample {
  std::uint32_t place;  ///< column_place()
  std::int32_t value;   ///< its hash value
};

/// Samples of every slot in the order of their values, part by part, in device memory. Few slots are cut into several
/// lists each, so that most threads of a block have one: list l of a part is of slot l >> slot_list_bits.
///
/// The first samples of all lists of a part are side by side, as threads look at them. There is room for more of them
/// than lists have on average, which is enough for almost all; the others are in a row.
struct SlotLists {
  int count;             ///< of lists of a part; those of part p are p * count and the following
  int slot_list_bits;    ///< every slot has 2^slot_list_bits of them, at most 32
  int list_buckets;      ///< of every list: it begins where its first bucket does
  int ranks;             ///< of every list that are side by side
  ListedSample* ranked;  ///< [parts, ranks, count]
  ListedSample* sorted;  ///< [samples] all, of which those are written that have no rank
  HashBuckets buckets;
};

/// A sample and its list, of whatever part, as a number. Keys are in the order of lists, values and places.
struct SampleKey {
  static constexpr int place_bits = 16;
  static constexpr int value_bits = 31;
  static constexpr int list_bits = 17;

  static constexpr std::uint64_t of(std::int64_t list, std::int32_t value, std::uint32_t place) {
    return ((static_cast<std::uint64_t>(list) << value_bits | static_cast<std::uint64_t>(value)) << place_bits) | place;
  }
  static constexpr std::int64_t list(std::uint64_t key) {
    return static_cast<std::int64_t>(key >> (place_bits + value_bits));
  }
  static constexpr std::int32_t value(std::uint64_t key) {
    return static_cast<std::int32_t>((key >> place_bits) & ((1U << value_bits) - 1));
  }
  static constexpr std::uint32_t place(std::uint64_t key) {
    return static_cast<std::uint32_t>(key & ((1U << place_bits) - 1));
  }
};

/// Where the column of a part's sample is, the eight bits that eight units have for it, in rows of so many words. It is
/// byte k of word b after transpose_bits<8>() of the eight words w that have it as bit b of byte k. Words 0 to 3 of all
/// w come first, then words 4 to 7: threads that have one w each write 16 bytes beside those of their neighbours.
constexpr std::uint32_t column_place(std::uint32_t sample, std::uint32_t words) {
  const std::uint32_t w = sample / 32;
  const std::uint32_t k = sample % 32 / 8;
  const std::uint32_t b = sample % 8;
  return (b / 4 * words * 16) + (w * 16) + (b % 4 * 4) + k;
}

/// Makes SlotLists, one after the other in the same scratch memory.
class SlotListMaker {
 public:
  /// @param num_samples of all the lists that will be made, more than num_hashes
  SlotListMaker(std::int64_t num_samples, std::int64_t num_hashes, const DeviceKernels& kernels,
                const DeviceQueue& queue);

  /// Of how many samples lists can be made at a time: all, or some parts.
  std::int64_t most_samples() const { return most_samples_; }

  SlotLists lists(const SampleRun& run, std::int64_t num_samples) const;

 private:
  const DeviceKernels& kernels_;
  const DeviceQueue& queue_;
  std::int64_t most_samples_ = 0;
  SlotLists memory_{};
};

}  // namespace funcsim
