#include "kernels/unit_moments/moments_loops_inline.h"

namespace funcsim {

constinit const UnitMomentsLoops UnitMomentsLoopsByLevel::avx2 = {.float32 = loops_of<float>,
                                                                  .float64 = loops_of<double>};

}  // namespace funcsim
