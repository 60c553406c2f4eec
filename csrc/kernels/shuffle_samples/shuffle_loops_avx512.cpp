#include "kernels/shuffle_samples/shuffle_loops_inline.h"

namespace funcsim {

constinit const ShuffleLoops ShuffleLoopsByLevel::avx512 = {.columns_of_rows = columns_of_rows,
                                                            .rows_of_columns = rows_of_columns};

}  // namespace funcsim
