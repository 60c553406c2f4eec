#include "kernels/jaccard/intersection_loops_inline.h"

namespace funcsim {

constinit const IntersectionLoops IntersectionLoopsByLevel::avx2 =
    loops_by_words<PlainRegister<32>, count_bits_by_instruction>(1.6);

}  // namespace funcsim
