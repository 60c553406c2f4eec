#include "kernels/jaccard/vertical_counters.h"

namespace funcsim {

namespace {

struct Avx2 {
  using Vector = std::uint64_t __attribute__((vector_size(32)));

  [[gnu::always_inline]] static Vector full_add(Vector& a, Vector x, Vector y) {
    const Vector either = a ^ x;
    const Vector carry = (a & x) | (either & y);
    a = either ^ y;
    return carry;
  }
};

struct WordCounter {
  static std::int64_t count_bits(std::uint64_t word) { return __builtin_popcountll(word); }
};

using Counters = VerticalCounters<Avx2>;

}  // namespace

const IntersectionLoops intersection_loops_avx2 = {
    .lane_bytes = Counters::lane_bytes,
    .popcount_cost = 1.6,
    .count_pairs = count_pairs_by_words<WordCounter>,
    .transpose = Counters::transpose,
    .decode = decode_by_words<Counters::lane_bytes>,
    .add_rows = Counters::add_rows,
    .read_counts = Counters::read_counts,
};

}  // namespace funcsim
