#include "kernels/common/bits.h"
#include "kernels/jaccard/intersection_loops_inline.h"

namespace funcsim {

constinit const IntersectionLoops IntersectionLoopsByLevel::portable =
    loops_by_words<PlainRegister<16>, count_bits>(2.4);

}  // namespace funcsim
