#include "kernels/shuffle_samples/shuffle_loops_inline.h"

// NOLINTBEGIN(*-avoid-c-arrays): as in shuffle_loops_inline.h
namespace funcsim {

namespace {

using Words8 [[gnu::vector_size(64)]] = std::uint64_t;

/// Exchanges the off-diagonal blocks of two rows of blocks, eight rows of bits each.
[[gnu::always_inline]] inline void swap_blocks(Words8& low, Words8& high, int distance, std::uint64_t mask) {
  const Words8 swapped = ((low >> distance) ^ high) & mask;
  low ^= swapped << distance;
  high ^= swapped;
}

/// The same within eight rows, `distance` (1, 2 or 4) apart; `other` are the rows in exchanged places, `is_low` has all
/// bits of the rows that are the first of their pairs.
[[gnu::always_inline]] inline void swap_rows(Words8& x, const Words8& other, const Words8& is_low, int distance,
                                             std::uint64_t mask) {
  const Words8 low = (x & mask) | ((other << distance) & ~mask);
  const Words8 high = (x & ~mask) | ((other >> distance) & mask);
  x = (low & is_low) | (high & ~is_low);
}

struct Avx512 {
  /// Warren, "Hacker's Delight", 7-3, with matrix row 8 i + j in lane j of rows[i].
  static void transpose_bits(std::uint64_t (&matrix)[64]) {
    Words8 rows[8];
    std::memcpy(rows, matrix, sizeof(rows));
    constexpr std::uint64_t all = ~std::uint64_t{0};
    for (int i = 0; i < 4; ++i) {
      swap_blocks(rows[i], rows[i + 4], 32, 0x00000000FFFFFFFFULL);
    }
    for (int i = 0; i < 8; i += 4) {
      swap_blocks(rows[i], rows[i + 2], 16, 0x0000FFFF0000FFFFULL);
      swap_blocks(rows[i + 1], rows[i + 3], 16, 0x0000FFFF0000FFFFULL);
    }
    for (int i = 0; i < 8; i += 2) {
      swap_blocks(rows[i], rows[i + 1], 8, 0x00FF00FF00FF00FFULL);
    }
    for (Words8& x : rows) {
      swap_rows(x, __builtin_shufflevector(x, x, 4, 5, 6, 7, 0, 1, 2, 3), Words8{all, all, all, all, 0, 0, 0, 0}, 4,
                0x0F0F0F0F0F0F0F0FULL);
      swap_rows(x, __builtin_shufflevector(x, x, 2, 3, 0, 1, 6, 7, 4, 5), Words8{all, all, 0, 0, all, all, 0, 0}, 2,
                0x3333333333333333ULL);
      swap_rows(x, __builtin_shufflevector(x, x, 1, 0, 3, 2, 5, 4, 7, 6), Words8{all, 0, all, 0, all, 0, all, 0}, 1,
                0x5555555555555555ULL);
    }
    std::memcpy(matrix, rows, sizeof(rows));
  }
};

}  // namespace

constinit const ShuffleLoops ShuffleLoopsByLevel::avx512 = {.columns_of_rows = columns_of_rows<Avx512>,
                                                            .rows_of_columns = rows_of_columns<Avx512>};

}  // namespace funcsim
// NOLINTEND(*-avoid-c-arrays)
