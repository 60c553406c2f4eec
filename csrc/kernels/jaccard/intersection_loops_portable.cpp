#include "kernels/jaccard/intersection_loops_inline.h"

namespace funcsim {

constinit const IntersectionLoops IntersectionLoopsByLevel::portable = loops_of<PlainRegister<16>>(costs_of_16_bytes);

}  // namespace funcsim
