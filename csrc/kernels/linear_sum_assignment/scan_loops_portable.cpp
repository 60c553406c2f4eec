#define FUNCSIM_REGISTER_BYTES 16  // NOLINT(cppcoreguidelines-macro-usage)
#include "kernels/linear_sum_assignment/scan_loops_inline.h"

namespace funcsim {

const ScanLoops scan_loops_portable = all_loops();

}  // namespace funcsim
