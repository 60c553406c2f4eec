#include "kernels/activation_signatures/activation_loops_inline.h"

namespace funcsim {

constinit const ActivationLoops ActivationLoopsByLevel::portable = {.float32 = loops_of<Float32>,
                                                                    .float64 = loops_of<Float64>,
                                                                    .float16 = loops_of<Float16>,
                                                                    .bfloat16 = loops_of<BFloat16>};

}  // namespace funcsim
