#include "kernels/jaccard/vertical_counters.h"

namespace funcsim {

namespace {

struct Portable {
  using Vector = std::uint64_t __attribute__((vector_size(16)));

  [[gnu::always_inline]] static Vector full_add(Vector& a, Vector x, Vector y) {
    const Vector either = a ^ x;
    const Vector carry = (a & x) | (either & y);
    a = either ^ y;
    return carry;
  }
};

struct WordCounter {
  // Not the function of kernels/common/bits.h, of which the linker might take another level's copy.
  static std::int64_t count_bits(std::uint64_t word) {
    word -= (word >> 1) & 0x5555555555555555ULL;
    word = (word & 0x3333333333333333ULL) + ((word >> 2) & 0x3333333333333333ULL);
    word = (word + (word >> 4)) & 0x0F0F0F0F0F0F0F0FULL;
    return static_cast<std::int64_t>((word * 0x0101010101010101ULL) >> 56);
  }
};

using Counters = VerticalCounters<Portable>;

}  // namespace

const IntersectionLoops intersection_loops_portable = {
    .lane_bytes = Counters::lane_bytes,
    .popcount_cost = 2.4,
    .count_pairs = count_pairs_by_words<WordCounter>,
    .transpose = Counters::transpose,
    .decode = decode_by_words<Counters::lane_bytes>,
    .add_rows = Counters::add_rows,
    .read_counts = Counters::read_counts,
};

}  // namespace funcsim
