#include <arm_neon.h>

#include "kernels/jaccard/intersection_loops_inline.h"

namespace funcsim {

namespace {

struct NeonRegister {
  using Vector [[gnu::vector_size(16)]] = std::uint64_t;

  [[gnu::always_inline]] static Vector full_add(Vector& a, Vector x, Vector y) {
    const Vector either = a ^ x;
    // Where a and x differ the carry is y, elsewhere it is both of them.
    const auto carry = reinterpret_cast<Vector>(vbslq_u64(
        reinterpret_cast<uint64x2_t>(either), reinterpret_cast<uint64x2_t>(y), reinterpret_cast<uint64x2_t>(x)));
    a = either ^ y;
    return carry;
  }

  [[gnu::always_inline]] static Vector counts_of_bytes(Vector x) {
    return reinterpret_cast<Vector>(vcntq_u8(reinterpret_cast<uint8x16_t>(x)));
  }
};

// Those of the portable level: not measured, but as many instructions for one as for the other.
constexpr CountCosts costs = {
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

}  // namespace

constinit const IntersectionLoops IntersectionLoopsByLevel::neon = loops_of<NeonRegister>(costs);

}  // namespace funcsim
