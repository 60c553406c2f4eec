#include "kernels/unit_moments/moments_loops_inline.h"

namespace funcsim {

constinit const UnitMomentsLoops UnitMomentsLoopsByLevel::portable = {.float32 = loops_of<float>,
                                                                      .float64 = loops_of<double>};

}  // namespace funcsim
