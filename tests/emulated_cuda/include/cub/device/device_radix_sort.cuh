#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <type_traits>
#include <vector>

#include "emulated_cuda/runtime_api.h"

// What funcsim uses of CUB: a stable sort of unsigned keys by some of their bits.

namespace cub {

template <typename Number>
struct DoubleBuffer {
  Number* d_buffers[2];
  int selector = 0;
  DoubleBuffer(Number* current, Number* alternate) : d_buffers{current, alternate} {}
  Number* Current() { return d_buffers[selector]; }
  Number* Alternate() { return d_buffers[selector ^ 1]; }
};

struct DeviceRadixSort {
  template <typename Key, typename Value, typename Size>
  static cudaError_t SortPairs(void* storage, std::size_t& storage_bytes, const Key* keys_in, Key* keys_out,
                               const Value* values_in, Value* values_out, Size count, int begin_bit = 0,
                               int end_bit = sizeof(Key) * 8, cudaStream_t stream = nullptr) {
    static_assert(std::is_unsigned_v<Key>);
    if (storage == nullptr) {
      storage_bytes = needed(count);
      return cudaSuccess;
    }
    if (storage_bytes < needed(count)) {
      return cudaErrorInvalidValue;
    }
    cudaLaunchConfig_t config{};
    config.stream = stream;
    return cudaLaunchKernelEx(&config, &sort<Key, Value>, storage, storage_bytes, keys_in, keys_out, values_in,
                              values_out, static_cast<std::int64_t>(count), begin_bit, end_bit);
  }

  template <typename Key, typename Size>
  static cudaError_t SortKeys(void* storage, std::size_t& storage_bytes, const Key* keys_in, Key* keys_out, Size count,
                              int begin_bit = 0, int end_bit = sizeof(Key) * 8, cudaStream_t stream = nullptr) {
    return SortPairs<Key, std::uint8_t>(storage, storage_bytes, keys_in, keys_out, nullptr, nullptr, count, begin_bit,
                                        end_bit, stream);
  }

  template <typename Key, typename Value, typename Size>
  static cudaError_t SortPairs(void* storage, std::size_t& storage_bytes, DoubleBuffer<Key>& keys,
                               DoubleBuffer<Value>& values, Size count, int begin_bit = 0,
                               int end_bit = sizeof(Key) * 8, cudaStream_t stream = nullptr) {
    const bool asks = storage == nullptr;
    const cudaError_t error = SortPairs(storage, storage_bytes, keys.Current(), keys.Alternate(), values.Current(),
                                        values.Alternate(), count, begin_bit, end_bit, stream);
    if (!asks) {
      keys.selector ^= 1;
      values.selector ^= 1;
    }
    return error;
  }

 private:
  template <typename Size>
  static std::size_t needed(Size count) {
    return 256 + static_cast<std::size_t>(count) / 8;
  }

  // All in one thread.
  template <typename Key, typename Value>
  static void sort(void* storage, std::size_t storage_bytes, const Key* keys_in, Key* keys_out, const Value* values_in,
                   Value* values_out, std::int64_t count, int begin_bit, int end_bit) {
    auto* const bytes = static_cast<unsigned char*>(storage);
    std::fill(bytes, bytes + storage_bytes, static_cast<unsigned char>(0xCD));
    const auto digits = [&](Key key) {
      const Key shifted = static_cast<Key>(key >> begin_bit);
      const int bits = end_bit - begin_bit;
      return bits >= static_cast<int>(sizeof(Key) * 8) ? shifted : static_cast<Key>(shifted & ((Key{1} << bits) - 1));
    };
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t x, std::int64_t y) { return digits(keys_in[x]) < digits(keys_in[y]); });
    for (std::int64_t i = 0; i < count; ++i) {
      keys_out[i] = keys_in[order[static_cast<std::size_t>(i)]];
      if (values_in != nullptr) {
        values_out[i] = values_in[order[static_cast<std::size_t>(i)]];
      }
    }
  }
};

}  // namespace cub
