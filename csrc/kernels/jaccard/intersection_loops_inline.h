#pragma once

// The loops of IntersectionLoops for registers of any width. Each level's file includes this once, and makes of it its
// table: all of it is in an unnamed namespace, so that no level's code is taken for another's.
//
// A `Register` is a struct with
//
//   Vector             unsigned 64-bit lanes, a vector type of the compiler
//   full_add(a, x, y)  a + x + y, bit by bit: the sums stay in a, the carries are returned
//   counts_of_bytes(x) set bits of each byte, which PairCounter takes

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
// NOLINTBEGIN(*-avoid-c-arrays): a std::array of vectors would drop what makes them vectors

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "kernels/jaccard/intersection_loops.h"

namespace funcsim {

namespace {

/// A register of which the compiler is told nothing but the width.
template <int bytes>
struct PlainRegister {
  using Vector [[gnu::vector_size(bytes)]] = std::uint64_t;

  [[gnu::always_inline]] static Vector full_add(Vector& a, Vector x, Vector y) {
    const Vector either = a ^ x;
    const Vector carry = (a & x) | (either & y);
    a = either ^ y;
    return carry;
  }

  [[gnu::always_inline]] static Vector counts_of_bytes(Vector x) {
    const Vector twos = x - ((x >> 1) & 0x5555555555555555);
    const Vector fours = (twos & 0x3333333333333333) + ((twos >> 2) & 0x3333333333333333);
    return (fours + (fours >> 4)) & 0x0F0F0F0F0F0F0F0F;
  }
};

template <typename Register>
struct VerticalCounters {
  using Vector = Register::Vector;
  static constexpr std::int64_t lane_bytes = sizeof(Vector);
  /// Planes that are held in registers: as many as count the samples of a block.
  static constexpr int register_planes = std::countr_zero(static_cast<std::uint64_t>(transposed_bytes / lane_bytes));
  /// Runs are added up 2^tree_levels at a time.
  static constexpr int tree_levels = 7;
  static constexpr int grain_level = std::countr_zero(static_cast<std::uint64_t>(offsets_grain));

  [[gnu::always_inline]] static Vector load(const std::uint8_t* bytes) {
    Vector vector;
    std::memcpy(&vector, bytes, sizeof(vector));
    return vector;
  }

  [[gnu::always_inline]] static void store(std::uint8_t* bytes, Vector vector) {
    std::memcpy(bytes, &vector, sizeof(vector));
  }

  /// One step of a transposition of bits: exchanges those of `low` above a distance with those of `high` below it.
  template <int distance>
  [[gnu::always_inline]] static void exchange(Vector& low, Vector& high, std::uint64_t mask) {
    const Vector swapped = ((low >> distance) ^ high) & mask;
    high ^= swapped;
    low ^= swapped << distance;
  }

  /// Transposes blocks of 2 * distance vectors, then those within (Warren, "Hacker's Delight", 7-3).
  template <int distance, int count>
  [[gnu::always_inline]] static void transpose_bits(Vector* vectors) {
    // Every other run of `distance` bits.
    constexpr std::uint64_t mask = ~std::uint64_t{0} / ((std::uint64_t{1} << distance) + 1);
    for (int k = 0; k < count; ++k) {
      if ((k & distance) == 0) {
        exchange<distance>(vectors[k], vectors[k + distance], mask);
      }
    }
    if constexpr (distance > 1) {
      transpose_bits<distance / 2, count>(vectors);
    }
  }

  static void transpose(const std::uint64_t* words, std::int64_t words_stride, std::uint8_t* transposed) {
    constexpr std::int64_t lanes = lane_bytes / 8;
    alignas(Vector) std::uint64_t gathered[64 * lanes];
    for (std::int64_t r = 0; r < 64; ++r) {
      for (std::int64_t lane = 0; lane < lanes; ++lane) {
        gathered[(r * lanes) + lane] = words[(((r % 8) * lane_bytes) + (8 * lane) + (r / 8)) * words_stride];
      }
    }
    Vector vectors[64];
    std::memcpy(vectors, gathered, sizeof(vectors));
    transpose_bits<32, 64>(vectors);
    std::memcpy(transposed, vectors, sizeof(vectors));
  }

  /// Adds up 2^level runs of the block: their sums into the planes below `level`, the carries out of these returned.
  template <int level>
  [[gnu::always_inline]] static Vector add_runs(const std::uint8_t* block, const std::uint16_t*& offsets,
                                                Vector* planes) {
    static_assert(level >= 3);
    if constexpr (level == 3) {
      // Each plane comes last, so that waiting for it takes one addition in eight runs, and not four.
      // Four offsets come in one load, since the processor's loads are the limit.
      std::uint64_t first = 0;
      std::uint64_t second = 0;
      std::memcpy(&first, offsets, sizeof(first));
      std::memcpy(&second, offsets + 4, sizeof(second));
      Vector ones = load(block + static_cast<std::uint16_t>(first));
      Vector more = load(block + (first >> 48));
      Vector twos = Register::full_add(ones, load(block + static_cast<std::uint16_t>(first >> 16)),
                                       load(block + static_cast<std::uint16_t>(first >> 32)));
      const Vector twos_of_more = Register::full_add(more, load(block + static_cast<std::uint16_t>(second)),
                                                     load(block + static_cast<std::uint16_t>(second >> 16)));
      const Vector twos_of_both =
          Register::full_add(ones, more, load(block + static_cast<std::uint16_t>(second >> 32)));
      const Vector twos_of_plane = Register::full_add(planes[0], ones, load(block + (second >> 48)));
      const Vector fours = Register::full_add(twos, twos_of_more, twos_of_both);
      const Vector fours_of_plane = Register::full_add(planes[1], twos, twos_of_plane);
      offsets += 8;
      return Register::full_add(planes[2], fours, fours_of_plane);
    } else {
      const Vector x = add_runs<level - 1>(block, offsets, planes);
      const Vector y = add_runs<level - 1>(block, offsets, planes);
      return Register::full_add(planes[level - 1], x, y);
    }
  }

  /// If `length` has bit `level`, adds up that many runs; the carries with those of the levels below into plane
  /// `level`. Returns the carries out of it.
  template <int level>
  [[gnu::always_inline]] static Vector add_rest(const std::uint8_t* block, const std::uint16_t*& offsets,
                                                std::int64_t length, Vector* planes) {
    Vector carry{};  // NOLINT(misc-const-correctness): not so at the lowest level
    if constexpr (level > grain_level) {
      carry = add_rest<level - 1>(block, offsets, length, planes);
    }
    Vector other{};
    if ((length & (std::int64_t{1} << level)) != 0) {
      other = add_runs<level>(block, offsets, planes);
    }
    return Register::full_add(planes[level], carry, other);
  }

  static void add_rows(const DecodedRows& decoded, const std::uint8_t* block, const std::uint8_t* next_block,
                       std::int64_t block_bytes, std::uint8_t* planes, std::int64_t planes_stride) {
    constexpr std::int64_t runs = std::int64_t{1} << tree_levels;
    for (std::int64_t k = 0; k < decoded.rows; ++k) {
      for (std::int64_t c = block_bytes * k / decoded.rows; c < block_bytes * (k + 1) / decoded.rows; c += 64) {
        __builtin_prefetch(next_block + c, 0, 2);
      }
      const std::int64_t row = decoded.order[k];
      const std::int64_t next_row = decoded.order[std::min(k + 1, decoded.rows - 1)];
      for (std::int64_t p = 0; p < decoded.num_planes[next_row]; ++p) {
        __builtin_prefetch(planes + (next_row * planes_stride) + (p * lane_bytes), 1, 3);
      }
      const std::uint16_t* offsets = decoded.offsets + (row * decoded.offsets_stride);
      const std::int64_t length = decoded.lengths[row];
      const std::int64_t num_planes = decoded.num_planes[row];
      std::uint8_t* row_planes = planes + (row * planes_stride);
      Vector low[register_planes];
      for (int p = 0; p < register_planes; ++p) {
        low[p] = load(row_planes + (p * lane_bytes));
      }
      // A lane carries out of these planes once at most: 2^register_planes at most are added to fewer.
      Vector carried{};
      const auto absorb = [&](Vector carry) __attribute__((always_inline)) {
        for (int p = tree_levels; p < register_planes; ++p) {
          const Vector plane = low[p];
          low[p] = plane ^ carry;
          carry &= plane;
        }
        carried |= carry;
      };
      if (length % runs != 0) {
        absorb(add_rest<tree_levels - 1>(block, offsets, length, low));
      }
      for (std::int64_t tree = 0; tree < length / runs; ++tree) {
        absorb(add_runs<tree_levels>(block, offsets, low));
      }
      for (int p = 0; p < register_planes; ++p) {
        store(row_planes + (p * lane_bytes), low[p]);
      }
      for (std::int64_t p = register_planes; p < num_planes; ++p) {
        const Vector plane = load(row_planes + (p * lane_bytes));
        store(row_planes + (p * lane_bytes), plane ^ carried);
        carried &= plane;
      }
    }
  }

  static void read_counts(const std::uint8_t* planes, std::int64_t num_planes, std::int32_t* counts) {
    for (std::int64_t unit = 0; unit < 8 * lane_bytes; ++unit) {
      counts[unit] = 0;
    }
    for (std::int64_t first = 0; first < num_planes; first += 8) {
      Vector vectors[8] = {};
      for (std::int64_t p = 0; p < 8 && first + p < num_planes; ++p) {
        vectors[p] = load(planes + ((first + p) * lane_bytes));
      }
      transpose_bits<4, 8>(vectors);
      std::uint8_t bytes[sizeof(vectors)];
      std::memcpy(bytes, vectors, sizeof(vectors));
      for (std::int64_t unit = 0; unit < 8 * lane_bytes; ++unit) {
        counts[unit] |= static_cast<std::int32_t>(bytes[unit]) << first;
      }
    }
  }
};

/// Set bits of two rows in common, by carry-save adders (Harley and Seal): eight vectors at a time become one of
/// carries of eight, whose bits are counted, in as many operations as full adders take.
template <typename Register>
struct PairCounter {
  using Vector = Register::Vector;
  static constexpr std::int64_t lane_bytes = sizeof(Vector);
  static constexpr std::int64_t lanes = lane_bytes / 8;
  /// Additions of up to 8 to a byte.
  static constexpr std::int64_t byte_sums = 31;
  /// Rows are counted so many bytes at a time: the rows of B stay in the second-level cache.
  static constexpr std::int64_t part_bytes = 4096;

  [[gnu::always_inline]] static Vector load(const std::uint8_t* bytes) {
    Vector vector;
    std::memcpy(&vector, bytes, sizeof(vector));
    return vector;
  }

  [[gnu::always_inline]] static Vector common(const std::uint8_t* a, const std::uint8_t* b, std::int64_t k) {
    return load(a + (k * lane_bytes)) & load(b + (k * lane_bytes));
  }

  /// The sums of the bytes of each word.
  [[gnu::always_inline]] static Vector sums_of_bytes(Vector bytes) {
    constexpr std::uint64_t even_bytes = 0x00FF00FF00FF00FF;
    constexpr std::uint64_t even_shorts = 0x0000FFFF0000FFFF;
    const Vector shorts = (bytes & even_bytes) + ((bytes >> 8) & even_bytes);
    const Vector ints = (shorts & even_shorts) + ((shorts >> 16) & even_shorts);
    return (ints & 0xFFFFFFFF) + (ints >> 32);
  }

  static std::int64_t count(const std::uint8_t* a, const std::uint8_t* b, std::int64_t bytes) {
    const std::int64_t vectors = bytes / lane_bytes;
    Vector sums{};
    Vector ones{};
    Vector twos{};
    Vector fours{};
    std::int64_t k = 0;
    while (k + 8 <= vectors) {
      const std::int64_t end = std::min(vectors, k + (8 * byte_sums));
      Vector eights{};
      for (; k + 8 <= end; k += 8) {
        const Vector twos_a = Register::full_add(ones, common(a, b, k), common(a, b, k + 1));
        const Vector twos_b = Register::full_add(ones, common(a, b, k + 2), common(a, b, k + 3));
        const Vector fours_a = Register::full_add(twos, twos_a, twos_b);
        const Vector twos_c = Register::full_add(ones, common(a, b, k + 4), common(a, b, k + 5));
        const Vector twos_d = Register::full_add(ones, common(a, b, k + 6), common(a, b, k + 7));
        const Vector fours_b = Register::full_add(twos, twos_c, twos_d);
        eights += Register::counts_of_bytes(Register::full_add(fours, fours_a, fours_b));
      }
      sums += sums_of_bytes(eights) << 3;
    }
    // At most 8 * (1 + 2 + 4 + 7 + 1) in a byte.
    Vector rest = Register::counts_of_bytes(ones) + (Register::counts_of_bytes(twos) << 1) +
                  (Register::counts_of_bytes(fours) << 2);
    for (; k < vectors; ++k) {
      rest += Register::counts_of_bytes(common(a, b, k));
    }
    if (bytes % lane_bytes != 0) {
      Vector x{};
      Vector y{};
      std::memcpy(&x, a + (k * lane_bytes), static_cast<std::size_t>(bytes % lane_bytes));
      std::memcpy(&y, b + (k * lane_bytes), static_cast<std::size_t>(bytes % lane_bytes));
      rest += Register::counts_of_bytes(x & y);
    }
    sums += sums_of_bytes(rest);
    std::uint64_t total = 0;
    for (int lane = 0; lane < lanes; ++lane) {
      total += sums[lane];
    }
    return static_cast<std::int64_t>(total);
  }

  static void count_pairs(const std::uint8_t* a, std::int64_t rows_a, const std::uint8_t* b, std::int64_t rows_b,
                          std::int64_t row_bytes, std::int64_t bytes, std::int32_t* counts,
                          std::int64_t counts_stride) {
    for (std::int64_t c = 0; c < bytes; c += part_bytes) {
      for (std::int64_t i = 0; i < rows_a; ++i) {
        for (std::int64_t j = 0; j < rows_b; ++j) {
          counts[(i * counts_stride) + j] += static_cast<std::int32_t>(
              count(a + (i * row_bytes) + c, b + (j * row_bytes) + c, std::min(part_bytes, bytes - c)));
        }
      }
    }
  }

  static void count_sets(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int32_t* counts) {
    for (std::int64_t u = 0; u < units; ++u) {
      const std::uint8_t* row = rows + (u * row_bytes);
      counts[u] = static_cast<std::int32_t>(count(row, row, row_bytes));
    }
  }
};

void jaccard_ratios(const std::int32_t* common, std::int64_t columns, std::int32_t row_count,
                    const std::int32_t* column_counts, float* out) {
  for (std::int64_t c = 0; c < columns; ++c) {
    // Two empty sets have the ratio 1: (0 + 1) / (0 + 1).
    const std::int32_t either = row_count + (column_counts[c] - common[c]);
    const std::int32_t both_empty = either == 0 ? 1 : 0;
    out[c] = static_cast<float>(common[c] + both_empty) / static_cast<float>(either + both_empty);
  }
}

/// The offsets of set bits one after the other.
template <std::int64_t lane_bytes>
std::int64_t decode_by_words(const std::uint64_t* bits, std::int64_t words, bool complement, std::uint16_t* offsets) {
  std::int64_t length = 0;
  for (std::int64_t w = 0; w < words; ++w) {
    for (std::uint64_t word = complement ? ~bits[w] : bits[w]; word != 0; word &= word - 1) {
      offsets[length] = static_cast<std::uint16_t>(lane_bytes * ((64 * w) + __builtin_ctzll(word)));
      ++length;
    }
  }
  return length;
}

/// Measured with SSE2. NEON takes as many instructions, and wasn't measured.
constexpr CountCosts costs_of_16_bytes = {
    .summing_a_pair = 5.2,
    .counting_a_register = 1.1,
    .packing_a_register = 0,
    .mirroring_a_pair = 0.4,
    .transposing_a_run = 8.1,
    .touching_a_run = 4.5,
    .decoding_a_sample = 0.33,
    .visiting_a_block = 0,
    .reading_a_block = 90,
    .writing_a_column = 0.26,
};

/// The table of a level.
template <typename Register>
constexpr IntersectionLoops loops_of(const CountCosts& costs, decltype(IntersectionLoops::count_pairs) count_pairs,
                                     decltype(IntersectionLoops::count_sets) count_sets,
                                     decltype(IntersectionLoops::decode) decode) {
  using Counters = VerticalCounters<Register>;
  return {.lane_bytes = Counters::lane_bytes,
          .costs = costs,
          .count_pairs = count_pairs,
          .count_sets = count_sets,
          .ratios = jaccard_ratios,
          .transpose = Counters::transpose,
          .decode = decode,
          .add_rows = Counters::add_rows,
          .read_counts = Counters::read_counts};
}

/// That of a level that has no instructions of its own for these.
template <typename Register>
constexpr IntersectionLoops loops_of(const CountCosts& costs) {
  return loops_of<Register>(costs, PairCounter<Register>::count_pairs, PairCounter<Register>::count_sets,
                            decode_by_words<sizeof(typename Register::Vector)>);
}

}  // namespace

}  // namespace funcsim

// NOLINTEND(*-avoid-c-arrays)
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
