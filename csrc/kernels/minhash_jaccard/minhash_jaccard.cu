#include <algorithm>

#include "kernels/common/ceil_div.h"
#include "kernels/cuda/cuda_kernels.h"
#include "kernels/cuda/launch.h"
#include "kernels/minhash/minhash.h"

namespace funcsim {

namespace {

/// Sketches of one side, and which slots of them are empty.
struct Sketches {
  const std::int32_t* slots;  ///< [units, num_hashes]
  std::int64_t units;
  std::uint32_t* empty;      ///< [words, units] bit b of word w: slot 32 w + b is empty
  std::uint8_t* with_empty;  ///< [units] 1: some slot is
};

struct SketchPairs {
  Sketches a;
  Sketches b;
  std::int64_t num_hashes;
  bool symmetric;            ///< B is A
  std::int64_t slices;       ///< of the slots, which blocks of their own count
  std::int64_t slice_slots;  ///< of every slice but the last
  std::int32_t* equal;       ///< [units_a, units_b] counts of equal slots, in the memory of the result
};

constexpr int mark_threads = 256;

/// Sets `empty`, and `with_empty` to 1 where it is to be. A warp looks at 32 slots of a sketch at a time.
__global__ __launch_bounds__(mark_threads) void mark_empty(Sketches sketches, std::int64_t num_hashes) {
  constexpr int warps = mark_threads / 32;
  const std::int64_t words = ceil_div(num_hashes, 32);
  const std::int64_t step = std::int64_t{gridDim.x} * warps;
  const auto lane = static_cast<int>(threadIdx.x) % 32;
  for (std::int64_t k = (std::int64_t{blockIdx.x} * warps) + (threadIdx.x / 32); k < sketches.units * words;
       k += step) {
    const std::int64_t unit = k / words;
    const std::int64_t word = k - (unit * words);
    const std::int64_t slot = (32 * word) + lane;
    const bool is_empty = slot < num_hashes && sketches.slots[(unit * num_hashes) + slot] == empty_slot;
    const unsigned empty = __ballot_sync(~0U, static_cast<int>(is_empty));
    if (lane == 0) {
      sketches.empty[(word * sketches.units) + unit] = empty;
      if (empty != 0) {
        sketches.with_empty[unit] = 1;
      }
    }
  }
}

// Counting equal slots. A block has a square tile of pairs and a thread 8 x 8 of them, for which it loads 16 times four
// slots and compares them 256 times. A comparison and what it adds take an instruction each; that these are of two
// kinds, ISETP and a predicated FADD, is why counters are floating-point numbers: integer units alone would take twice
// as long.

constexpr int tile_units = 128;
constexpr int tile_side = 16;  ///< threads along a side of the tile
constexpr int tile_threads = tile_side * tile_side;
constexpr int thread_units = tile_units / tile_side;
constexpr int tile_slots = 32;

/// Few enough for a float to count them exactly.
constexpr std::int64_t most_slice_slots = std::int64_t{1} << 23;

/// Blocks that keep any GPU busy.
constexpr std::int64_t enough_blocks = 256;

/// Slots of units in shared memory. Rows are four slots longer than that, so that the same four slots of eight rows are
/// in different banks.
using TileSlots = std::int32_t[tile_units][tile_slots + 4];

/// What a block reads of one side.
struct TileRows {
  const std::int32_t* slots;  ///< the first of the first unit
  std::int64_t num_hashes;
  int units;

  __device__ TileRows(const Sketches& sketches, std::int64_t first_unit, std::int64_t first_slot, std::int64_t hashes)
      : slots(sketches.slots + (first_unit * hashes) + first_slot),
        num_hashes(hashes),
        units(static_cast<int>(min(std::int64_t{tile_units}, sketches.units - first_unit))) {}
};

/// Loads slots first ... first + tile_slots - 1, of which those from `end` on are not.
///
/// @param otherwise what to put where there is no unit or no slot
__device__ void load_tile(const TileRows& rows, int first, int end, std::int32_t otherwise, TileSlots& tile) {
  constexpr int row_step = tile_threads / 32;
  const auto lane = static_cast<int>(threadIdx.x) % 32;
  const auto first_row = static_cast<int>(threadIdx.x) / 32;
  const int present = first + lane < end ? rows.units : 0;
  const std::int32_t* from = rows.slots + (first_row * rows.num_hashes) + first + lane;
#pragma unroll 8
  for (int pass = 0; pass < tile_units / row_step; ++pass) {
    const int row = first_row + (pass * row_step);
    tile[row][lane] = row < present ? *from : otherwise;
    from += row_step * rows.num_hashes;
  }
}

__device__ void add_equal(float& equal, const int4& x, const int4& y) {
  if (x.x == y.x) {
    equal += 1.0F;
  }
  if (x.y == y.y) {
    equal += 1.0F;
  }
  if (x.z == y.z) {
    equal += 1.0F;
  }
  if (x.w == y.w) {
    equal += 1.0F;
  }
}

/// Calls write(place, i, j) for the pairs of a thread that exist.
///
/// @param stride  of rows
/// @param rows    from the thread's first pair on
/// @param columns from there on
template <typename Write>
__device__ void for_each_pair(std::int64_t stride, std::int64_t rows, std::int64_t columns, const Write& write) {
  const auto present_rows = static_cast<int>(min(rows, std::int64_t{tile_units}));
  const auto present_columns = static_cast<int>(min(columns, std::int64_t{tile_units}));
#pragma unroll
  for (int i = 0; i < thread_units; ++i) {
#pragma unroll
    for (int j = 0; j < thread_units; ++j) {
      if (i * tile_side < present_rows && j * tile_side < present_columns) {
        write((i * tile_side * stride) + (j * tile_side), i, j);
      }
    }
  }
}

/// Writes a thread's counts, or adds them to those of other slices.
///
/// @param first   the place of the thread's first pair
template <typename Count>
__device__ void write_counts(std::int32_t* first, std::int64_t stride, std::int64_t rows, std::int64_t columns,
                             bool add, const Count& count) {
  if (add) {
    for_each_pair(stride, rows, columns, [&](std::int64_t place, int i, int j) {
      atomicAdd(first + place, static_cast<std::int32_t>(count(i, j)));
    });
  } else {
    for_each_pair(stride, rows, columns,
                  [&](std::int64_t place, int i, int j) { first[place] = static_cast<std::int32_t>(count(i, j)); });
  }
}

__global__ __launch_bounds__(tile_threads, 2) void count_equal(SketchPairs pairs) {
  __shared__ __align__(16) TileSlots a;
  __shared__ __align__(16) TileSlots b;
  const auto tiles_b = static_cast<unsigned>(ceil_div(pairs.b.units, tile_units));
  const std::int64_t first_a = std::int64_t{blockIdx.x / tiles_b} * tile_units;
  const std::int64_t first_b = std::int64_t{blockIdx.x % tiles_b} * tile_units;
  if (pairs.symmetric && first_b < first_a) {
    return;  // the tile beyond the diagonal has these pairs
  }
  const std::int64_t begin = blockIdx.y * pairs.slice_slots;
  const auto slots = static_cast<int>(min(pairs.slice_slots, pairs.num_hashes - begin));
  const TileRows rows_a(pairs.a, first_a, begin, pairs.num_hashes);
  const TileRows rows_b(pairs.b, first_b, begin, pairs.num_hashes);
  const auto row = static_cast<int>(threadIdx.x) / tile_side;
  const auto column = static_cast<int>(threadIdx.x) % tile_side;
  float equal[thread_units][thread_units] = {};
  for (int slot = 0; slot < slots; slot += tile_slots) {
    __syncthreads();
    load_tile(rows_a, slot, slots, 0, a);
    load_tile(rows_b, slot, slots, 1, b);
    __syncthreads();
#pragma unroll 1
    for (int k = 0; k < tile_slots; k += 4) {
      int4 x[thread_units];
#pragma unroll
      for (int i = 0; i < thread_units; ++i) {
        x[i] = *reinterpret_cast<const int4*>(&a[row + (i * tile_side)][k]);
      }
#pragma unroll
      for (int j = 0; j < thread_units; ++j) {
        const int4 y = *reinterpret_cast<const int4*>(&b[column + (j * tile_side)][k]);
#pragma unroll
        for (int i = 0; i < thread_units; ++i) {
          add_equal(equal[i][j], x[i], y);
        }
      }
    }
  }
  const std::int64_t unit_a = first_a + row;
  const std::int64_t unit_b = first_b + column;
  const std::int64_t left_a = pairs.a.units - unit_a;
  const std::int64_t left_b = pairs.b.units - unit_b;
  const bool add = pairs.slices > 1;
  write_counts(pairs.equal + (unit_a * pairs.b.units) + unit_b, pairs.b.units, left_a, left_b, add,
               [&](int i, int j) { return equal[i][j]; });
  if (pairs.symmetric && first_a < first_b) {
    write_counts(pairs.equal + (unit_b * pairs.a.units) + unit_a, pairs.a.units, left_b, left_a, add,
                 [&](int i, int j) { return equal[j][i]; });
  }
}

// Estimates from counts. A thread has a unit of B and a few of A, so that what it knows of the one serves several.

constexpr int estimate_threads = 256;
constexpr int estimate_rows = 8;

/// Slots that are empty in both units, for a unit of B and estimate_rows of A from first_a on.
__device__ void count_both_empty(const SketchPairs& pairs, std::int64_t first_a, std::int64_t unit_b,
                                 std::int32_t (&both)[estimate_rows]) {
  const auto rows = static_cast<int>(min(std::int64_t{estimate_rows}, pairs.a.units - first_a));
  bool with_empty = false;
  for (int i = 0; i < rows; ++i) {
    with_empty = with_empty || pairs.a.with_empty[first_a + i] != 0;
  }
  if (!with_empty || pairs.b.with_empty[unit_b] == 0) {
    return;
  }
  for (std::int64_t word = 0; word < ceil_div(pairs.num_hashes, 32); ++word) {
    const std::uint32_t empty_b = pairs.b.empty[(word * pairs.b.units) + unit_b];
    const std::uint32_t* const empty_a = pairs.a.empty + (word * pairs.a.units) + first_a;
#pragma unroll
    for (int i = 0; i < estimate_rows; ++i) {
      both[i] += i < rows ? __popc(empty_a[i] & empty_b) : 0;
    }
  }
}

__global__ __launch_bounds__(estimate_threads) void estimate_pairs(SketchPairs pairs, float* out) {
  const auto blocks_b = static_cast<unsigned>(ceil_div(pairs.b.units, estimate_threads));
  const std::int64_t first_a = std::int64_t{blockIdx.x / blocks_b} * estimate_rows;
  const std::int64_t unit_b = (std::int64_t{blockIdx.x % blocks_b} * estimate_threads) + threadIdx.x;
  if (unit_b >= pairs.b.units) {
    return;
  }
  std::int32_t both[estimate_rows] = {};
  count_both_empty(pairs, first_a, unit_b, both);
  // Up to there floats hold the counts, and their quotient is the one that the CPU rounds twice: float64 has more than
  // twice a float's digits (Figueroa, "When is double rounding innocuous?", 1995).
  constexpr std::int64_t most_exact = std::int64_t{1} << 24;
#pragma unroll
  for (int i = 0; i < estimate_rows; ++i) {
    if (first_a + i < pairs.a.units) {
      const std::int64_t place = ((first_a + i) * pairs.b.units) + unit_b;
      const std::int64_t used = pairs.num_hashes - both[i];
      const std::int32_t equal = pairs.equal[place] - both[i];
      out[place] = used == 0            ? 1.0F
                   : used <= most_exact ? static_cast<float>(equal) / static_cast<float>(used)
                                        : static_cast<float>(static_cast<double>(equal) / static_cast<double>(used));
    }
  }
}

Sketches marked_sketches(const std::int32_t* slots, std::int64_t units, std::int64_t num_hashes,
                         const DeviceKernels& kernels, const DeviceQueue& queue) {
  const std::int64_t words = units * ceil_div(num_hashes, 32);
  const Sketches sketches = {
      .slots = slots,
      .units = units,
      .empty = static_cast<std::uint32_t*>(queue.scratch(words * static_cast<std::int64_t>(sizeof(std::uint32_t)))),
      .with_empty = static_cast<std::uint8_t*>(queue.scratch(units))};
  kernels.fill(sketches.with_empty, 0, units, queue);
  launch(mark_empty, {.blocks = dim3(grid_blocks(ceil_div(words, mark_threads / 32))), .threads = dim3(mark_threads)},
         queue, sketches, num_hashes);
  return sketches;
}

}  // namespace

void CudaKernels::minhash_jaccard(const std::int32_t* a, std::int64_t units_a, const std::int32_t* b,
                                  std::int64_t units_b, std::int64_t num_hashes, float* out,
                                  const DeviceQueue& queue) const {
  if (units_a == 0 || units_b == 0) {
    return;
  }
  const bool symmetric = a == b && units_a == units_b;
  const Sketches marked_a = marked_sketches(a, units_a, num_hashes, *this, queue);
  const std::int64_t tiles = ceil_div(units_a, tile_units) * ceil_div(units_b, tile_units);
  // More tiles than a grid has blocks would have more pairs than any memory.
  const std::int64_t slot_tiles = ceil_div(num_hashes, tile_slots);
  const std::int64_t wanted_slices = std::clamp<std::int64_t>(ceil_div(enough_blocks, tiles), 1, slot_tiles);
  const std::int64_t slice_slots = std::min(ceil_div(slot_tiles, wanted_slices) * tile_slots, most_slice_slots);
  const SketchPairs pairs = {.a = marked_a,
                             .b = symmetric ? marked_a : marked_sketches(b, units_b, num_hashes, *this, queue),
                             .num_hashes = num_hashes,
                             .symmetric = symmetric,
                             .slices = ceil_div(num_hashes, slice_slots),
                             .slice_slots = slice_slots,
                             .equal = reinterpret_cast<std::int32_t*>(out)};
  if (pairs.slices > 1) {
    fill(out, 0, units_a * units_b * static_cast<std::int64_t>(sizeof(*out)), queue);
  }
  launch(count_equal,
         {.blocks = dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(pairs.slices)),
          .threads = dim3(tile_threads)},
         queue, pairs);
  const std::int64_t estimate_blocks = ceil_div(units_a, estimate_rows) * ceil_div(units_b, estimate_threads);
  launch(estimate_pairs, {.blocks = dim3(static_cast<unsigned>(estimate_blocks)), .threads = dim3(estimate_threads)},
         queue, pairs, out);
}

}  // namespace funcsim
