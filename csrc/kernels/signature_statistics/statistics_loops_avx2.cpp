#include "kernels/signature_statistics/statistics_loops_inline.h"

namespace funcsim {

constinit const StatisticsLoops StatisticsLoopsByLevel::avx2 = {.add_words = add_words};

}  // namespace funcsim
