#pragma once

#include <cstdint>

namespace funcsim {

/// Where a hash of a sample goes in a sketch.
struct SlotValue {
  std::int64_t slot;
  std::int32_t value;
};

/// The definition is at SampleOrder. With m times as many slots, slot s is those from s * m on.
constexpr SlotValue slot_value(std::uint64_t hash, std::int64_t num_hashes) {
  return {static_cast<std::int64_t>(((hash >> 32) * static_cast<std::uint64_t>(num_hashes)) >> 32),
          static_cast<std::int32_t>(((hash & 0xFFFFFFFFULL) * 0x7FFFFFFFULL) >> 32)};
}

}  // namespace funcsim
