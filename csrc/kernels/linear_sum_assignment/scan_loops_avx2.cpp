#define FUNCSIM_REGISTER_BYTES 32  // NOLINT(cppcoreguidelines-macro-usage)
#include "kernels/linear_sum_assignment/scan_loops_inline.h"

namespace funcsim {

const ScanLoops scan_loops_avx2 = all_loops();

}  // namespace funcsim
