#include "kernels/signature_statistics/statistics_loops_inline.h"

namespace funcsim {

const StatisticsLoops statistics_loops_avx2 = {.add_words = add_words};

}  // namespace funcsim
