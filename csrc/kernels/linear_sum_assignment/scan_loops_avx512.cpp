#define FUNCSIM_REGISTER_BYTES 64  // NOLINT(cppcoreguidelines-macro-usage): for the header
#include "kernels/linear_sum_assignment/scan_loops_inline.h"

namespace funcsim {

constinit const ScanLoops ScanLoopsByLevel::avx512 = all_loops();

}  // namespace funcsim
