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

}  // namespace

constinit const IntersectionLoops IntersectionLoopsByLevel::neon = loops_of<NeonRegister>(costs_of_16_bytes);

}  // namespace funcsim
