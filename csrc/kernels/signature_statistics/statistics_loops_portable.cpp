#include "kernels/signature_statistics/statistics_loops_inline.h"

namespace funcsim {

constinit const StatisticsLoops StatisticsLoopsByLevel::portable = {.add_words = add_words};

}  // namespace funcsim
