#include "kernels/minhash/minhash_loops_inline.h"

namespace funcsim {

namespace {

void merge_block(const UnitBlock& block, std::uint64_t* left) {
  block.words == 1 ? merge_units<std::uint64_t, AnyLevel>(block, left) : merge_units<Words2, AnyLevel>(block, left);
}

}  // namespace

constinit const MinhashLoops MinhashLoopsByLevel::portable = {.most_words = 2,
                                                              .transpose = transpose_rows,
                                                              .merge_block = merge_block,
                                                              .hash_samples = hash_samples,
                                                              .sort_buckets = sort_buckets};

}  // namespace funcsim
