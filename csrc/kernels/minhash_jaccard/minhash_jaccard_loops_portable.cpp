#include "kernels/minhash_jaccard/minhash_jaccard_loops_inline.h"

namespace funcsim {

constinit const MinhashJaccardLoops MinhashJaccardLoopsByLevel::portable = {
    .count_equal_bytes = count_tile<2, 4, ByteCounters>,
    .count_equal_halves = count_tile<2, 4, HalfCounters>,
    .count_equal_slots = count_equal_slots,
    .count_common_bits = count_common_bits,
    .divide = divide};

}  // namespace funcsim
