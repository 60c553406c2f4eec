#include "kernels/minhash_jaccard/minhash_jaccard.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/common/bits.h"
#include "kernels/minhash/minhash.h"

namespace funcsim {

namespace {

/// Sketches of B that are compared with one of A at a time, and blocks of slots and of units, to stay in the caches.
constexpr std::int64_t columns_together = 4;
constexpr std::int64_t block_slots = 1024;
constexpr std::int64_t tile_rows = 64;
constexpr std::int64_t tile_columns = 64;

/// Adds the slots in which x equals each of four rows, empty ones included.
void count_equal(const std::int32_t* x, const std::array<const std::int32_t*, columns_together>& rows,
                 std::int64_t slots, std::int64_t* counts) {
  std::array<std::int32_t, columns_together> equal{};
  const auto [y0, y1, y2, y3] = rows;
  for (std::int64_t k = 0; k < slots; ++k) {
    equal[0] += x[k] == y0[k] ? 1 : 0;
    equal[1] += x[k] == y1[k] ? 1 : 0;
    equal[2] += x[k] == y2[k] ? 1 : 0;
    equal[3] += x[k] == y3[k] ? 1 : 0;
  }
  for (std::size_t j = 0; j < equal.size(); ++j) {
    counts[j] += equal[j];
  }
}

/// Which slots of each sketch are empty, one bit a slot.
class EmptySlots {
 public:
  EmptySlots(const std::int32_t* sketches, std::int64_t units, std::int64_t num_hashes, const ParallelFor& parallel_for)
      : words_((num_hashes + 63) / 64),
        bits_(static_cast<std::size_t>(units * words_)),
        any_(static_cast<std::size_t>(units)) {
    const std::int64_t grain = 1 + ((1 << 14) / (num_hashes + 1));
    parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t u = begin; u < end; ++u) {
        for (std::int64_t k = 0; k < num_hashes; ++k) {
          if (sketches[(u * num_hashes) + k] == empty_slot) {
            bits_[(u * words_) + (k / 64)] |= std::uint64_t{1} << (k % 64);
            any_[u] = 1;
          }
        }
      }
    });
  }

  /// Slots that are empty in unit i of x and in unit j of y.
  friend std::int64_t count_both_empty(const EmptySlots& x, std::int64_t i, const EmptySlots& y, std::int64_t j) {
    if (x.any_[i] == 0 || y.any_[j] == 0) {
      return 0;
    }
    std::int64_t count = 0;
    for (std::int64_t w = 0; w < x.words_; ++w) {
      count += count_bits(x.bits_[(i * x.words_) + w] & y.bits_[(j * y.words_) + w]);
    }
    return count;
  }

 private:
  std::int64_t words_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint8_t> any_;
};

}  // namespace

void minhash_jaccard(const std::int32_t* a, std::int64_t units_a, const std::int32_t* b, std::int64_t units_b,
                     std::int64_t num_hashes, float* out, const ParallelFor& parallel_for) {
  const EmptySlots empty_a(a, units_a, num_hashes, parallel_for);
  const EmptySlots empty_b(b, units_b, num_hashes, parallel_for);
  const std::int64_t tiles_a = (units_a + tile_rows - 1) / tile_rows;
  const std::int64_t tiles_b = (units_b + tile_columns - 1) / tile_columns;
  parallel_for(0, tiles_a * tiles_b, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t i0 = tile / tiles_b * tile_rows;
      const std::int64_t j0 = tile % tiles_b * tile_columns;
      const std::int64_t rows = std::min(tile_rows, units_a - i0);
      const std::int64_t columns = std::min(tile_columns, units_b - j0);
      std::array<std::array<std::int64_t, tile_columns>, tile_rows> equal{};
      for (std::int64_t k0 = 0; k0 < num_hashes; k0 += block_slots) {
        const std::int64_t slots = std::min(block_slots, num_hashes - k0);
        for (std::int64_t j = 0; j < columns; j += columns_together) {
          // Fewer than four left: the last one once more. Its count goes where none is read.
          std::array<const std::int32_t*, columns_together> others{};
          for (std::int64_t q = 0; q < columns_together; ++q) {
            others[q] = b + ((j0 + std::min(j + q, columns - 1)) * num_hashes) + k0;
          }
          for (std::int64_t i = 0; i < rows; ++i) {
            count_equal(a + ((i0 + i) * num_hashes) + k0, others, slots, &equal[i][j]);
          }
        }
      }
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          const std::int64_t both_empty = count_both_empty(empty_a, i0 + i, empty_b, j0 + j);
          const std::int64_t used = num_hashes - both_empty;
          out[((i0 + i) * units_b) + j0 + j] =
              used == 0 ? 1.0F
                        : static_cast<float>(static_cast<double>(equal[i][j] - both_empty) / static_cast<double>(used));
        }
      }
    }
  });
}

}  // namespace funcsim
