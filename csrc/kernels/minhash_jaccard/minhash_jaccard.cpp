#include "kernels/minhash_jaccard/minhash_jaccard.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/common/ceil_div.h"
#include "kernels/common/simd_level.h"
#include "kernels/minhash/minhash.h"
#include "kernels/minhash_jaccard/minhash_jaccard_loops.h"
#include "kernels/minhash_jaccard/slot_codes.h"

namespace funcsim {

namespace {

/// Blocks of units and of slots, to stay in the second cache.
constexpr std::int64_t tile_rows = 64;
constexpr std::int64_t block_bytes = 2048;

/// Pairs a unit up to which slots are compared as they are: making codes costs as much as they save there.
constexpr std::int64_t fewest_pairs_a_unit = 64;

const MinhashJaccardLoops& loops() {
  static const MinhashJaccardLoops& chosen = chosen_loops<MinhashJaccardLoopsByLevel>();
  return chosen;
}

/// Which slots of each sketch are empty, one bit a slot.
class EmptySlots {
 public:
  EmptySlots(const std::int32_t* sketches, std::int64_t units, std::int64_t num_hashes, const ParallelFor& parallel_for)
      : words_(ceil_div(num_hashes, 64)),
        bits_(static_cast<std::size_t>(units * words_)),
        any_(static_cast<std::size_t>(units)) {
    const std::int64_t grain = 1 + ((1 << 14) / (num_hashes + 1));
    parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t u = begin; u < end; ++u) {
        const std::int32_t* sketch = sketches + (u * num_hashes);
        std::int32_t largest = 0;
        for (std::int64_t k = 0; k < num_hashes; ++k) {
          largest = std::max(largest, sketch[k]);
        }
        if (largest != empty_slot) {
          continue;
        }
        any_[u] = 1;
        for (std::int64_t k = 0; k < num_hashes; ++k) {
          bits_[(u * words_) + (k / 64)] |= std::uint64_t{sketch[k] == empty_slot ? 1U : 0U} << (k % 64);
        }
      }
    });
  }

  bool any(std::int64_t unit) const { return any_[unit] != 0; }

  /// Slots that are empty in unit i of x and in unit j of y.
  friend std::int64_t count_both_empty(const EmptySlots& x, std::int64_t i, const EmptySlots& y, std::int64_t j) {
    if (!x.any(i) || !y.any(j)) {
      return 0;
    }
    return loops().count_common_bits(x.bits_.data() + (i * x.words_), y.bits_.data() + (j * y.words_), x.words_);
  }

 private:
  std::int64_t words_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint8_t> any_;
};

/// Units i0 ... i0 + rows - 1 of A, j0 ... j0 + columns - 1 of B.
struct Tile {
  std::int64_t i0;
  std::int64_t rows;
  std::int64_t j0;
  std::int64_t columns;
};

using TileCounts = std::array<std::int32_t, tile_rows * tile_columns>;
using TileShares = std::array<float, tile_rows * tile_columns>;

/// Adds to the counts, a block of elements at a time.
template <typename Element, typename Count>
void count_blocks(Count count, const Element* a, const Element* b, std::int64_t stride, std::int64_t elements,
                  const Tile& tile, TileCounts& counts) {
  constexpr std::int64_t block = block_bytes / sizeof(Element);
  for (std::int64_t k = 0; k < elements; k += block) {
    count({a + (tile.i0 * stride) + k, tile.rows, stride}, {b + (tile.j0 * stride) + k, tile.columns, stride},
          std::min(block, elements - k), counts.data());
  }
}

/// All tiles; where A is B, those on and above the diagonal.
std::vector<Tile> tiles_of(std::int64_t units_a, std::int64_t units_b, bool symmetric) {
  std::vector<Tile> tiles;
  for (std::int64_t i = 0; i < units_a; i += tile_rows) {
    for (std::int64_t j = symmetric ? i : 0; j < units_b; j += tile_columns) {
      tiles.push_back({i, std::min(tile_rows, units_a - i), j, std::min(tile_columns, units_b - j)});
    }
  }
  return tiles;
}

}  // namespace

void minhash_jaccard(const std::int32_t* a, std::int64_t units_a, const std::int32_t* b, std::int64_t units_b,
                     std::int64_t num_hashes, float* out, const ParallelFor& parallel_for) {
  static_assert(tile_rows == tile_columns, "tiles on the diagonal are squares");
  const bool symmetric = a == b && units_a == units_b;
  const auto size = [num_hashes](std::int64_t units) { return static_cast<std::size_t>(units * num_hashes); };
  const bool encoded = units_a * units_b >= fewest_pairs_a_unit * (units_a + units_b);
  const SlotCodes codes =
      encoded ? encode_slots({a, size(units_a)}, {b, symmetric ? 0 : size(units_b)}, num_hashes, parallel_for)
              : SlotCodes{};
  const std::int64_t first_b = symmetric ? 0 : units_a;

  const EmptySlots empty_a(a, units_a, num_hashes, parallel_for);
  const EmptySlots empty_of_b(b, symmetric ? 0 : units_b, num_hashes, parallel_for);
  const EmptySlots& empty_b = symmetric ? empty_a : empty_of_b;

  const std::vector<Tile> tiles = tiles_of(units_a, units_b, symmetric);
  parallel_for(0, static_cast<std::int64_t>(tiles.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t t = begin; t < end; ++t) {
      const Tile& tile = tiles[t];
      TileCounts equal{};
      if (codes.exact) {
        count_blocks(loops().count_equal_bytes, codes.bytes.data(), codes.bytes.data() + (first_b * codes.byte_stride),
                     codes.byte_stride, codes.byte_stride, tile, equal);
        count_blocks(loops().count_equal_halves, codes.halves.data(),
                     codes.halves.data() + (first_b * codes.half_stride), codes.half_stride, codes.half_stride, tile,
                     equal);
      } else {
        count_blocks(loops().count_equal_slots, a, b, num_hashes, num_hashes, tile, equal);
      }
      TileShares shares;
      for (std::int64_t i = 0; i < tile.rows; ++i) {
        std::int32_t* row = equal.data() + (i * tile_columns);
        for (std::int64_t j = 0; codes.exact && j < tile.columns; ++j) {
          row[j] -= static_cast<std::int32_t>(codes.always_equal);
        }
        float* to = shares.data() + (i * tile_columns);
        loops().divide(row, tile.columns, num_hashes, to);
        for (std::int64_t j = 0; empty_a.any(tile.i0 + i) && j < tile.columns; ++j) {
          if (empty_b.any(tile.j0 + j)) {
            const std::int64_t both_empty = count_both_empty(empty_a, tile.i0 + i, empty_b, tile.j0 + j);
            const std::int64_t used = num_hashes - both_empty;
            to[j] = used == 0
                        ? 1.0F
                        : static_cast<float>(static_cast<double>(row[j] - both_empty) / static_cast<double>(used));
          }
        }
        std::copy_n(to, tile.columns, out + ((tile.i0 + i) * units_b) + tile.j0);
      }
      for (std::int64_t j = 0; symmetric && tile.j0 > tile.i0 && j < tile.columns; ++j) {
        float* to = out + ((tile.j0 + j) * units_b) + tile.i0;
        for (std::int64_t i = 0; i < tile.rows; ++i) {
          to[i] = shares[(i * tile_columns) + j];
        }
      }
    }
  });
}

}  // namespace funcsim
