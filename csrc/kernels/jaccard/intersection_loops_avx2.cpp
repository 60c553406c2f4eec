#include <immintrin.h>

#include "kernels/jaccard/intersection_loops_inline.h"

namespace funcsim {

namespace {

struct Avx2Register : PlainRegister<32> {
  /// A table of 16 for each half of a byte.
  [[gnu::always_inline]] static Vector counts_of_bytes(Vector x) {
    const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                            0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const Vector halves = (Vector{} + 0x0F0F0F0F0F0F0F0F);
    const auto low = reinterpret_cast<__m256i>(x & halves);
    const auto high = reinterpret_cast<__m256i>((x >> 4) & halves);
    // Sums of up to 8 don't reach the next byte.
    return reinterpret_cast<Vector>(_mm256_shuffle_epi8(counts, low)) +
           reinterpret_cast<Vector>(_mm256_shuffle_epi8(counts, high));
  }
};

constexpr CountCosts costs = {
    .summing_a_pair = 5.2,
    .counting_a_register = 0.9,
    .packing_a_register = 0,
    .mirroring_a_pair = 0.4,
    .transposing_a_run = 7.3,
    .touching_a_run = 1.9,
    .decoding_a_sample = 0.26,
    .visiting_a_block = 0,
    .reading_a_block = 65,
    .writing_a_column = 0.26,
};

}  // namespace

constinit const IntersectionLoops IntersectionLoopsByLevel::avx2 = loops_of<Avx2Register>(costs);

}  // namespace funcsim
