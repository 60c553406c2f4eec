#include <arm_neon.h>

#include "kernels/jaccard/vertical_counters.h"

namespace funcsim {

namespace {

struct Neon {
  using Vector = std::uint64_t __attribute__((vector_size(16)));

  [[gnu::always_inline]] static Vector full_add(Vector& a, Vector x, Vector y) {
    const Vector either = a ^ x;
    // Where a and x differ the carry is y, elsewhere it is both of them.
    const auto carry = reinterpret_cast<Vector>(vbslq_u64(
        reinterpret_cast<uint64x2_t>(either), reinterpret_cast<uint64x2_t>(y), reinterpret_cast<uint64x2_t>(x)));
    a = either ^ y;
    return carry;
  }
};

struct WordCounter {
  static std::int64_t count_bits(std::uint64_t word) { return __builtin_popcountll(word); }
};

using Counters = VerticalCounters<Neon>;

}  // namespace

const IntersectionLoops intersection_loops_neon = {
    .lane_bytes = Counters::lane_bytes,
    .popcount_cost = 1.6,
    .count_pairs = count_pairs_by_words<WordCounter>,
    .transpose = Counters::transpose,
    .decode = decode_by_words<Counters::lane_bytes>,
    .add_rows = Counters::add_rows,
    .read_counts = Counters::read_counts,
};

}  // namespace funcsim
