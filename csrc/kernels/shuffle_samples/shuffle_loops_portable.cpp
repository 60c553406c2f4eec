#include "kernels/shuffle_samples/shuffle_loops_inline.h"

// NOLINTBEGIN(*-avoid-c-arrays): as in shuffle_loops_inline.h
namespace funcsim {

namespace {

/// Exchanges the off-diagonal blocks, `distance` rows and columns in size, of all blocks on the diagonal.
template <int distance>
void exchange_blocks(std::uint64_t (&rows)[64], std::uint64_t mask) {
  for (int block = 0; block < 64; block += 2 * distance) {
    for (int i = block; i < block + distance; ++i) {
      const std::uint64_t exchanged = ((rows[i] >> distance) ^ rows[i + distance]) & mask;
      rows[i] ^= exchanged << distance;
      rows[i + distance] ^= exchanged;
    }
  }
}

/// Warren, "Hacker's Delight", 7-3.
struct Portable {
  static void transpose_bits(std::uint64_t (&rows)[64]) {
    exchange_blocks<32>(rows, 0x00000000FFFFFFFFULL);
    exchange_blocks<16>(rows, 0x0000FFFF0000FFFFULL);
    exchange_blocks<8>(rows, 0x00FF00FF00FF00FFULL);
    exchange_blocks<4>(rows, 0x0F0F0F0F0F0F0F0FULL);
    exchange_blocks<2>(rows, 0x3333333333333333ULL);
    exchange_blocks<1>(rows, 0x5555555555555555ULL);
  }
};

}  // namespace

constinit const ShuffleLoops ShuffleLoopsByLevel::portable = {.columns_of_rows = columns_of_rows<Portable>,
                                                              .rows_of_columns = rows_of_columns<Portable>};

}  // namespace funcsim
// NOLINTEND(*-avoid-c-arrays)
