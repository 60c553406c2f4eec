#include "kernels/jaccard/intersection_loops_inline.h"

namespace funcsim {

namespace {

constexpr CountCosts costs = {
    .summing_a_pair = 5.2,
    .counting_a_register = 1.1,
    .packing_a_register = 0,
    .mirroring_a_pair = 0.4,
    .transposing_a_run = 8.1,
    .touching_a_run = 4.5,
    .decoding_a_sample = 0.33,
    .visiting_a_block = 0,
    .reading_a_block = 90,
    .writing_a_column = 0.26,
};

}  // namespace

constinit const IntersectionLoops IntersectionLoopsByLevel::portable = loops_of<PlainRegister<16>>(costs);

}  // namespace funcsim
