#include "kernels/minhash/minhash_loops_inline.h"

namespace funcsim {

namespace {

void merge_block(const UnitBlock& block) {
  switch (block.words) {
    case 1:
      return merge_units<std::uint64_t, AnyLevel>(block);
    case 2:
      return merge_units<Words2, AnyLevel>(block);
    default:
      return merge_units<Words4, AnyLevel>(block);
  }
}

}  // namespace

const MinhashLoops minhash_loops_avx2 = {
    .most_words = 4, .transpose = transpose_rows, .merge_block = merge_block};

}  // namespace funcsim
