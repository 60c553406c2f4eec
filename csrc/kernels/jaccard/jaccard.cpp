#include "kernels/jaccard/jaccard.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "kernels/common/bits.h"

namespace funcsim {

namespace {

// |A and B| for all pairs is a product of bit matrices, and counted by the method of the four Russians (Arlazarov,
// Dinic, Kronrod, Faradzhev 1970): for every group of four samples a table says, for each of the sixteen subsets of
// them on which a unit of A can fire, how many of these each of 64 units of B fires on. Every unit of A then adds one
// entry a group. Counts up to 4 take four bits each, so one 128-bit addition counts 4 samples for 32 pairs; and-ing and
// counting bits with the same instructions takes about three times as long.

/// Units of B that are counted together.
constexpr std::int64_t lanes = 64;
/// Units of A that share the tables before these are built anew.
constexpr std::int64_t tile_rows = 512;
/// Bytes of a row for which there are tables at one time: 15 KiB of them, to stay in the first-level cache.
constexpr std::int64_t pass_bytes = 15;
/// Bytes of a row that are copied together at a time, so that rows any (power of two) distance apart don't evict
/// each other. 16-bit counters suffice for them.
constexpr std::int64_t block_bytes = 16 * pass_bytes;

/// 64 counts of four bits: those of lanes k and k + 32 in the low and in the high half of byte k.
struct alignas(16) Entry {
  std::array<std::uint64_t, lanes / 16> words;
};
/// Entry `subset` of group 2 c + h is for the samples in half h of byte c.
using Tables = std::array<std::array<Entry, 16>, 2 * pass_bytes>;

/// Bytes of a block, [block_bytes, lanes]: one byte of every lane side by side.
using Columns = std::array<std::array<std::uint8_t, lanes>, block_bytes>;

/// The entry for a single sample: bit `bit` of every lane.
Entry single_sample(const std::array<std::uint8_t, lanes>& column, int bit) {
  std::array<std::uint8_t, lanes / 2> bytes{};
  for (std::size_t k = 0; k < bytes.size(); ++k) {
    const int low = (column[k] >> bit) & 1;
    const int high = (column[k + (lanes / 2)] >> bit) & 1;
    bytes[k] = static_cast<std::uint8_t>(low | (high << 4));
  }
  return std::bit_cast<Entry>(bytes);
}

void build_tables(const std::array<std::uint8_t, lanes>* columns, Tables& tables) {
  for (std::size_t group = 0; group < tables.size(); ++group) {
    auto& table = tables[group];
    table[0] = {};
    for (std::size_t sample = 0; sample < 4; ++sample) {
      const std::size_t subsets = std::size_t{1} << sample;
      const Entry single = single_sample(columns[group / 2], static_cast<int>((4 * (group % 2)) + sample));
      for (std::size_t subset = 0; subset < subsets; ++subset) {
        for (std::size_t v = 0; v < single.words.size(); ++v) {
          table[subsets + subset].words[v] = table[subset].words[v] + single.words[v];
        }
      }
    }
  }
}

/// Sums of table entries in 8-bit lanes: `low` for lanes 0 to 31, `high` for the others.
struct ByteSums {
  Entry low{};
  Entry high{};

  /// Three entries fit into four bits: 3 * 4 < 16.
  void add(const Entry& x, const Entry& y, const Entry& z) {
    constexpr std::uint64_t low_halves = 0x0F0F0F0F0F0F0F0FULL;
    for (std::size_t v = 0; v < x.words.size(); ++v) {
      const std::uint64_t sum = x.words[v] + y.words[v] + z.words[v];
      low.words[v] += sum & low_halves;
      high.words[v] += (sum >> 4) & low_halves;
    }
  }
};

/// Adds what one unit of A has in common with every lane on pass_bytes bytes of samples. Reads, but doesn't use, the
/// five bytes after them.
void add_pass(const std::uint8_t* row, const Tables& tables, std::uint16_t* counts) {
  ByteSums sums;
  const auto add_three_bytes = [&](std::size_t c) {
    const auto* group = &tables[2 * c];
    const std::uint64_t word = load_word(row + c);
    sums.add(group[0][word & 15], group[1][(word >> 4) & 15], group[2][(word >> 8) & 15]);
    sums.add(group[3][(word >> 12) & 15], group[4][(word >> 16) & 15], group[5][(word >> 20) & 15]);
  };
  // Unrolled, or the sums would live in memory.
  [&]<std::size_t... three>(std::index_sequence<three...>) {
    (add_three_bytes(3 * three), ...);
  }(std::make_index_sequence<pass_bytes / 3>{});
  const auto bytes = std::bit_cast<std::array<std::uint8_t, lanes>>(sums);
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    counts[lane] = static_cast<std::uint16_t>(counts[lane] + bytes[lane]);
  }
}

/// |A and B| for the pairs of up to tile_rows and up to 64 rows.
class TileCounter {
 public:
  /// [tile_rows, lanes]; what lies beyond the rows given is unspecified.
  const std::vector<std::int64_t>& count(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b,
                                         std::int64_t units_b, std::int64_t row_bytes) {
    std::ranges::fill(totals_, 0);
    for (std::int64_t start = 0; start < row_bytes; start += block_bytes) {
      const std::int64_t bytes = std::min(block_bytes, row_bytes - start);
      load(a + start, units_a, b + start, units_b, row_bytes, bytes);
      count_block(units_a, bytes);
    }
    return totals_;
  }

 private:
  void load(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
            std::int64_t row_bytes, std::int64_t bytes) {
    for (std::int64_t i = 0; i < units_a; ++i) {
      std::uint8_t* row = rows_.data() + (i * block_bytes);
      std::memcpy(row, a + (i * row_bytes), static_cast<std::size_t>(bytes));
      std::fill(row + bytes, row + block_bytes, std::uint8_t{0});
    }
    for (std::int64_t j = 0; j < units_b; ++j) {
      for (std::int64_t c = 0; c < bytes; ++c) {
        columns_[c][j] = b[(j * row_bytes) + c];
      }
    }
  }

  /// Columns beyond `bytes` are those of an earlier block, which doesn't matter: the rows are 0 there.
  void count_block(std::int64_t units_a, std::int64_t bytes) {
    std::ranges::fill(counts_, std::uint16_t{0});
    for (std::int64_t c = 0; c < bytes; c += pass_bytes) {
      build_tables(&columns_[c], tables_);
      for (std::int64_t i = 0; i < units_a; ++i) {
        add_pass(rows_.data() + (i * block_bytes) + c, tables_, counts_.data() + (i * lanes));
      }
    }
    for (std::int64_t k = 0; k < units_a * lanes; ++k) {
      totals_[k] += counts_[k];
    }
  }

  Tables tables_{};
  Columns columns_{};
  std::vector<std::uint8_t> rows_ = std::vector<std::uint8_t>((tile_rows * block_bytes) + 5);
  std::vector<std::uint16_t> counts_ = std::vector<std::uint16_t>(tile_rows * lanes);
  std::vector<std::int64_t> totals_ = std::vector<std::int64_t>(tile_rows * lanes);
};

/// Set bits of every row.
std::vector<std::int64_t> row_counts(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes,
                                     const ParallelFor& parallel_for) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(units));
  const std::int64_t grain = 1 + ((1 << 16) / (row_bytes + 1));
  parallel_for(0, units, grain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t u = begin; u < end; ++u) {
      const std::uint8_t* row = rows + (u * row_bytes);
      std::int64_t count = 0;
      std::int64_t c = 0;
      for (; c + 8 <= row_bytes; c += 8) {
        count += count_bits(load_word(row + c));
      }
      counts[u] = count + count_bits(load_word(row + c, row_bytes - c));
    }
  });
  return counts;
}

/// similarity(|A and B|, |A|, |B|) of all pairs.
template <typename Similarity>
void all_pairs(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
               std::int64_t row_bytes, float* out, const ParallelFor& parallel_for, const Similarity& similarity) {
  const std::vector<std::int64_t> counts_a = row_counts(a, units_a, row_bytes, parallel_for);
  const std::vector<std::int64_t> counts_b = row_counts(b, units_b, row_bytes, parallel_for);
  const std::int64_t tiles_a = (units_a + tile_rows - 1) / tile_rows;
  const std::int64_t tiles_b = (units_b + lanes - 1) / lanes;
  parallel_for(0, tiles_a * tiles_b, 1, [&](std::int64_t begin, std::int64_t end) {
    TileCounter counter;
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t i0 = tile / tiles_b * tile_rows;
      const std::int64_t j0 = tile % tiles_b * lanes;
      const std::int64_t rows = std::min(tile_rows, units_a - i0);
      const std::int64_t columns = std::min(lanes, units_b - j0);
      const std::vector<std::int64_t>& common =
          counter.count(a + (i0 * row_bytes), rows, b + (j0 * row_bytes), columns, row_bytes);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          out[((i0 + i) * units_b) + j0 + j] = similarity(common[(i * lanes) + j], counts_a[i0 + i], counts_b[j0 + j]);
        }
      }
    }
  });
}

}  // namespace

void jaccard(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
             std::int64_t row_bytes, float* out, const ParallelFor& parallel_for) {
  // The quotient is rounded to double and then to float. That is the same as rounding once as long as the union has
  // fewer than 2^28 samples: a quotient with so small a denominator, if it isn't halfway between two floats, is farther
  // from there than a double is rounded.
  const auto ratio = [](std::int64_t common, std::int64_t count_a, std::int64_t count_b) {
    const std::int64_t either = count_a + count_b - common;
    return either == 0 ? 1.0F : static_cast<float>(static_cast<double>(common) / static_cast<double>(either));
  };
  all_pairs(a, units_a, b, units_b, row_bytes, out, parallel_for, ratio);
}

void phi(const std::uint8_t* a, std::int64_t units_a, const std::uint8_t* b, std::int64_t units_b,
         std::int64_t row_bytes, std::int64_t num_samples, float* out, const ParallelFor& parallel_for) {
  const auto correlation = [num_samples](std::int64_t common, std::int64_t count_a, std::int64_t count_b) {
    const std::int64_t spread_a = count_a * (num_samples - count_a);
    const std::int64_t spread_b = count_b * (num_samples - count_b);
    if (spread_a == 0 || spread_b == 0) {
      return spread_a == spread_b && count_a == count_b ? 1.0F : 0.0F;
    }
    // sqrt(x * x) is exactly x, so equal and opposed rows get exactly 1 and -1.
    const double spread = std::sqrt(static_cast<double>(spread_a) * static_cast<double>(spread_b));
    return static_cast<float>(static_cast<double>((num_samples * common) - (count_a * count_b)) / spread);
  };
  all_pairs(a, units_a, b, units_b, row_bytes, out, parallel_for, correlation);
}

}  // namespace funcsim
