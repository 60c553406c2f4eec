#include "kernels/minhash_jaccard/slot_codes.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>

#include "kernels/common/ceil_div.h"
#include "kernels/minhash_jaccard/minhash_jaccard_loops.h"

namespace funcsim {

namespace {

constexpr std::int64_t byte_codes = 256;
constexpr std::int64_t half_codes = 65536;

/// A hash table of one slot's values: their codes, in the order in which they came. Half full at most.
class ValueTable {
 public:
  ValueTable(std::uint64_t* entries, int bits, std::int64_t most) : entries_(entries), shift_(32 - bits), most_(most) {}

  /// The value's code; `most` codes for a value that there is no more room for.
  std::int64_t code(std::int32_t value) {
    const auto key = static_cast<std::uint32_t>(value);
    const std::uint64_t mask = (std::uint64_t{1} << (32 - shift_)) - 1;
    for (std::uint64_t place = (key * 0x9E3779B1U) >> shift_;; place = (place + 1) & mask) {
      const std::uint64_t entry = entries_[place];
      if (entry >> 32 == key && (entry & 0xFFFFFFFF) != 0) {
        return static_cast<std::int64_t>(entry & 0xFFFFFFFF) - 1;
      }
      if (entry == 0) {
        if (used_ < most_) {
          ++used_;
          entries_[place] = (std::uint64_t{key} << 32) | static_cast<std::uint64_t>(used_);
          return used_ - 1;
        }
        return most_;
      }
    }
  }

 private:
  std::uint64_t* entries_;  ///< value in the upper half, code + 1 in the lower one; 0 where vacant
  int shift_;
  std::int64_t most_;
  std::int64_t used_ = 0;
};

/// Sketches of two lists of units.
struct Sketches {
  std::span<const std::int32_t> a;
  std::span<const std::int32_t> b;
  std::int64_t num_hashes;

  std::int64_t units() const { return static_cast<std::int64_t>(a.size() + b.size()) / num_hashes; }
  const std::int32_t* unit(std::int64_t u) const {
    const std::int64_t units_a = static_cast<std::int64_t>(a.size()) / num_hashes;
    return u < units_a ? a.data() + (u * num_hashes) : b.data() + ((u - units_a) * num_hashes);
  }
};

/// One slot's values by a hash without probing, so that nearly all codes are found without a branch. Values whose place
/// is another's are kept in a list.
class ByteTable {
 public:
  static constexpr int bits = 10;
  static constexpr std::size_t places = std::size_t{1} << bits;

  ByteTable() : entries_(places) {
    for (std::size_t place = 0; place < places; ++place) {
      entries_[place] = vacant(place);
    }
  }

  /// The value's code if it is at its place; sets bits of `elsewhere` if not.
  std::uint8_t code_at_place(std::int32_t value, std::uint32_t& elsewhere) const {
    const std::uint64_t entry = entries_[place_of(value)];
    elsewhere |= static_cast<std::uint32_t>(entry >> 32) ^ static_cast<std::uint32_t>(value);
    return static_cast<std::uint8_t>(entry);
  }

  /// The value's code, a new one if need be; byte_codes if there is none left.
  std::int64_t code(std::int32_t value) {
    const std::size_t place = place_of(value);
    if (entries_[place] >> 32 == static_cast<std::uint32_t>(value)) {
      return static_cast<std::int64_t>(entries_[place] & 0xFF);
    }
    const auto known = std::ranges::find(displaced_, value, &Displaced::value);
    if (known != displaced_.end()) {
      return known->code;
    }
    if (used_ == byte_codes) {
      return byte_codes;
    }
    if (entries_[place] == vacant(place)) {
      entries_[place] = (std::uint64_t{static_cast<std::uint32_t>(value)} << 32) | static_cast<std::uint64_t>(used_);
      taken_.push_back(place);
    } else {
      displaced_.push_back({value, used_});
    }
    return used_++;
  }

  void clear() {
    for (const std::size_t place : taken_) {
      entries_[place] = vacant(place);
    }
    taken_.clear();
    displaced_.clear();
    used_ = 0;
  }

 private:
  struct Displaced {
    std::int32_t value;
    std::int64_t code;
  };

  static std::size_t place_of(std::int32_t value) {
    return (static_cast<std::uint32_t>(value) * 0x9E3779B1U) >> (32 - bits);
  }
  /// A value whose place is another one: 0 has place 0, and 1 has not.
  static std::uint64_t vacant(std::size_t place) { return place == 0 ? std::uint64_t{1} << 32 : 0; }

  std::vector<std::uint64_t> entries_;  ///< value in the upper half, code in the lower one
  std::vector<std::size_t> taken_;
  std::vector<Displaced> displaced_;
  std::int64_t used_ = 0;
};

using ByteTables = std::array<ByteTable, slots_together>;

/// Whether bytes are enough.
bool encode_bytes(const Sketches& sketches, std::int64_t first, std::int64_t slots, ByteTables& tables,
                  std::uint8_t* codes, std::int64_t stride) {
  for (ByteTable& table : tables) {
    table.clear();
  }
  for (std::int64_t u = 0; u < sketches.units(); ++u) {
    const std::int32_t* values = sketches.unit(u) + first;
    std::uint8_t* to = codes + (u * stride) + first;
    std::uint32_t elsewhere = 0;
    for (std::int64_t g = 0; g < slots; ++g) {
      to[g] = tables[g].code_at_place(values[g], elsewhere);
    }
    for (std::int64_t g = 0; elsewhere != 0 && g < slots; ++g) {
      const std::int64_t code = tables[g].code(values[g]);
      if (code == byte_codes) {
        return false;
      }
      to[g] = static_cast<std::uint8_t>(code);
    }
  }
  return true;
}

bool encode_halves(const Sketches& sketches, std::int64_t slot, std::vector<std::uint64_t>& entries,
                   std::uint16_t* codes, std::int64_t stride) {
  const auto most = static_cast<std::uint64_t>(std::min(sketches.units(), half_codes));
  const int bits = static_cast<int>(std::bit_width(most)) + 1;
  entries.assign(std::size_t{1} << bits, 0);
  ValueTable table(entries.data(), bits, half_codes);
  for (std::int64_t u = 0; u < sketches.units(); ++u) {
    const std::int64_t code = table.code(sketches.unit(u)[slot]);
    if (code == half_codes) {
      return false;
    }
    codes[u * stride] = static_cast<std::uint16_t>(code);
  }
  return true;
}

std::int64_t padded(std::int64_t count, std::int64_t multiple) {
  return ceil_div(count, multiple) * multiple;
}

}  // namespace

SlotCodes encode_slots(std::span<const std::int32_t> a, std::span<const std::int32_t> b, std::int64_t num_hashes,
                       const ParallelFor& parallel_for) {
  const Sketches sketches{a, b, num_hashes};
  const std::int64_t units = sketches.units();
  const std::int64_t groups = ceil_div(num_hashes, slots_together);
  SlotCodes codes;
  codes.byte_stride = padded(num_hashes, code_alignment);
  codes.bytes.resize(static_cast<std::size_t>(units * codes.byte_stride));
  codes.always_equal = codes.byte_stride - num_hashes;

  std::vector<std::uint8_t> too_many(static_cast<std::size_t>(groups));
  const auto slots_of = [&](std::int64_t group) {
    return std::min(slots_together, num_hashes - (group * slots_together));
  };
  parallel_for(0, groups, 1, [&](std::int64_t begin, std::int64_t end) {
    ByteTables tables;
    for (std::int64_t group = begin; group < end; ++group) {
      const std::int64_t first = group * slots_together;
      if (!encode_bytes(sketches, first, slots_of(group), tables, codes.bytes.data(), codes.byte_stride)) {
        too_many[group] = 1;
        for (std::int64_t u = 0; u < units; ++u) {
          std::fill_n(codes.bytes.data() + (u * codes.byte_stride) + first, slots_of(group), std::uint8_t{0});
        }
      }
    }
  });

  std::vector<std::int64_t> slots;
  for (std::int64_t group = 0; group < groups; ++group) {
    for (std::int64_t g = 0; too_many[group] != 0 && g < slots_of(group); ++g) {
      slots.push_back((group * slots_together) + g);
    }
  }
  if (slots.empty()) {
    codes.exact = true;
    return codes;
  }
  const auto num_halves = static_cast<std::int64_t>(slots.size());
  codes.half_stride = padded(num_halves, code_alignment / 2);
  codes.halves.resize(static_cast<std::size_t>(units * codes.half_stride));
  codes.always_equal += codes.half_stride;
  std::atomic<bool> exact = true;
  parallel_for(0, num_halves, 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<std::uint64_t> entries;
    for (std::int64_t k = begin; k < end; ++k) {
      if (!encode_halves(sketches, slots[k], entries, codes.halves.data() + k, codes.half_stride)) {
        exact.store(false, std::memory_order_relaxed);
      }
    }
  });
  codes.exact = exact;
  return codes;
}

}  // namespace funcsim
