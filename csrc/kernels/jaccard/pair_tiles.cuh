#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/common/ceil_div.h"
#include "kernels/cuda/device_attribute.h"
#include "kernels/cuda/launch.h"
#include "kernels/cuda/ptx.cuh"
#include "kernels/jaccard/set_pairs.h"
#include "kernels/jaccard/similarity.cuh"

// What all ways to count common elements share: a block takes a tile of pairs, streams 128 bytes of its rows at a time
// through shared memory, and makes similarities of the sums. A tile's `Shape` has
//
//   rows, columns  sets of A and of B
//   threads        of a block
//   stages         how many pieces of 128 bytes shared memory holds
//   ahead          how many of them are being loaded while one is worked on
//   async_proxy    whether wgmma reads them

namespace funcsim {

/// Bytes of a row that are loaded and counted at a time: a row of shared memory that takes each bank once.
constexpr int chunk_bytes = 128;

/// Where 16 bytes of a row are in a tile of 128-byte rows: exchanged within their row so that the same 16 bytes of
/// eight rows in turn are in different banks. It is the 128-byte swizzle that wgmma knows.
__device__ inline int swizzled(int row, int piece) {
  return (row * chunk_bytes) + ((piece ^ (row % 8)) * 16);
}

template <typename Shape>
constexpr int stage_bytes = (Shape::rows + Shape::columns) * chunk_bytes;

/// A row of a tile's sums in shared memory. Rows are 4 banks apart, so that neither 8 rows of 4 columns are in each
/// other's way, as which sums are read for below the diagonal, nor more than two of what an mma gives.
template <typename Shape>
constexpr int sums_pitch = Shape::columns + 4;

/// Of the stages, and then of the sums.
template <typename Shape>
constexpr int tile_bytes = std::max(static_cast<int>(Shape::stages) * stage_bytes<Shape>,
                                    Shape::rows* sums_pitch<Shape>* static_cast<int>(sizeof(std::int32_t)));

/// How the work is split: every tile has a block for each slice of its rows.
struct Slices {
  unsigned chunks;       ///< of a slice
  std::int32_t* common;  ///< [a.units, b.units], 0: where several slices are added up; null if there is one
};

/// A block's part.
struct Tile {
  std::int64_t first_row;
  std::int64_t first_column;
  unsigned first_chunk;
  unsigned end_chunk;
};

/// The tile of this block. Blocks that run at the same time take tiles near each other, so that the rows that they read
/// are in the second-level cache: down 8 tiles, then to the right.
template <typename Shape>
__device__ Tile tile_of_block(const SetPairs& pairs, const Slices& slices) {
  constexpr unsigned group_rows = 8;
  const auto tile_rows = static_cast<unsigned>(ceil_div(pairs.a.units, Shape::rows));
  const auto tile_columns = static_cast<unsigned>(ceil_div(pairs.b.units, Shape::columns));
  const unsigned group = blockIdx.x / (group_rows * tile_columns);
  const unsigned within = blockIdx.x % (group_rows * tile_columns);
  const unsigned rows_of_group = min(group_rows, tile_rows - (group * group_rows));
  const unsigned row = (group * group_rows) + (within % rows_of_group);
  const unsigned column = within / rows_of_group;
  const auto chunks = static_cast<unsigned>(ceil_div(pairs.a.row_bytes, chunk_bytes));
  const unsigned first_chunk = blockIdx.y * slices.chunks;
  return {.first_row = static_cast<std::int64_t>(row) * Shape::rows,
          .first_column = static_cast<std::int64_t>(column) * Shape::columns,
          .first_chunk = first_chunk,
          .end_chunk = min(first_chunk + slices.chunks, chunks)};
}

/// Whether all of a tile is below the diagonal, from where the rest of a symmetric matrix is copied.
template <typename Shape>
__device__ bool is_mirrored(const SetPairs& pairs, const Tile& tile) {
  return pairs.symmetric && tile.first_column + Shape::columns <= tile.first_row;
}

/// Starts to load 128 bytes of rows from `first` on. There are zeros after the end of rows and after the last row.
template <int rows, int threads>
__device__ void load_chunk(std::uint8_t* to, const DeviceSets& sets, std::int64_t first, unsigned chunk) {
  constexpr int pass_rows = threads / 8;
  const int piece = static_cast<int>(threadIdx.x) % 8;
  const int first_row = static_cast<int>(threadIdx.x) / 8;
  const std::int64_t offset = (static_cast<std::int64_t>(chunk) * chunk_bytes) + (piece * 16);
  const auto rows_left = offset < sets.row_bytes ? static_cast<int>(min(sets.units - first, std::int64_t{rows})) : 0;
  const std::uint8_t* from = sets.rows + ((first + first_row) * sets.row_bytes) + offset;
#pragma unroll
  for (int row = first_row; row < first_row + rows; row += pass_rows) {
    ptx::cp_async_16(to + swizzled(row, piece), from, row >= rows_left);
    from += pass_rows * sets.row_bytes;
  }
}

/// Calls count(rows of A, rows of B) for each 128 bytes of a tile's rows, in shared memory. At the end no thread is in
/// it any more.
template <typename Shape, typename Count>
__device__ void for_each_chunk(const SetPairs& pairs, const Tile& tile, std::uint8_t* shared, const Count& count) {
  constexpr int bytes_of_a = Shape::rows * chunk_bytes;
  const auto stage = [&](unsigned chunk) { return shared + (chunk % Shape::stages * stage_bytes<Shape>); };
  const auto load = [&](unsigned chunk) {
    if (chunk < tile.end_chunk) {
      std::uint8_t* const to = stage(chunk);
      load_chunk<Shape::rows, Shape::threads>(to, pairs.a, tile.first_row, chunk);
      load_chunk<Shape::columns, Shape::threads>(to + bytes_of_a, pairs.b, tile.first_column, chunk);
    }
    ptx::cp_async_commit();  // of nothing, at the end: groups are waited for by their number
  };
  for (unsigned k = 0; k < Shape::ahead; ++k) {
    load(tile.first_chunk + k);
  }
  for (unsigned chunk = tile.first_chunk; chunk < tile.end_chunk; ++chunk) {
    ptx::cp_async_wait<Shape::ahead - 1>();
    if constexpr (Shape::async_proxy) {
      ptx::fence_proxy_async();
    }
    __syncthreads();  // this chunk is there, and what load() overwrites is no longer read
    load(chunk + Shape::ahead);
    count(stage(chunk), stage(chunk) + bytes_of_a);
  }
  __syncthreads();
}

/// Makes similarities of a tile's sums in shared memory, or adds them up if there are several slices.
template <typename Shape>
__device__ void write_tile(const SetPairs& pairs, const Slices& slices, const Tile& tile, std::int32_t* sums) {
  constexpr int warps = Shape::threads / 32;
  constexpr int blocks = Shape::columns / 32;  // of columns, of which a lane has one each
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int warp = static_cast<int>(threadIdx.x) / 32;
  __syncthreads();
  const auto for_each_row = [&](const auto& write) {
#pragma unroll 1
    for (int r = warp; r < Shape::rows && tile.first_row + r < pairs.a.units; r += warps) {
      write(tile.first_row + r, sums + (r * sums_pitch<Shape>)+lane);
    }
  };
  const auto is_wanted = [&](std::int64_t row, std::int64_t column) {
    return column < pairs.b.units && !(pairs.symmetric && column < row);
  };
  const std::int64_t first_column = tile.first_column + lane;
  if (slices.common != nullptr) {
    for_each_row([&](std::int64_t row, const std::int32_t* row_sums) {
#pragma unroll
      for (int k = 0; k < blocks; ++k) {
        const std::int64_t column = first_column + (32 * k);
        if (is_wanted(row, column)) {
          atomicAdd(slices.common + (row * pairs.b.units) + column, row_sums[32 * k]);
        }
      }
    });
    return;
  }
  std::int32_t counts_b[blocks];
#pragma unroll
  for (int k = 0; k < blocks; ++k) {
    counts_b[k] = first_column + (32 * k) < pairs.b.units ? pairs.b.counts[first_column + (32 * k)] : 0;
  }
  with_similarity(pairs, [&](const auto& similarity_of) {
    for_each_row([&](std::int64_t row, std::int32_t* row_sums) {
      const std::int32_t count_a = pairs.a.counts[row];
      float similarities[blocks];
#pragma unroll
      for (int k = 0; k < blocks; ++k) {
        similarities[k] = similarity_of(row_sums[32 * k], count_a, counts_b[k]);
      }
#pragma unroll
      for (int k = 0; k < blocks; ++k) {
        const std::int64_t column = first_column + (32 * k);
        if (is_wanted(row, column)) {
          pairs.out[(row * pairs.b.units) + column] = similarities[k];
        }
        row_sums[32 * k] = __float_as_int(similarities[k]);  // for below the diagonal
      }
    });
  });
  if (!pairs.symmetric) {
    return;
  }
  __syncthreads();
  // A warp takes 8 rows of 4 columns, which are 32 bytes each of 4 rows of the result.
  constexpr int column_blocks = Shape::columns / 4;
#pragma unroll 4
  for (int block = warp; block < column_blocks * Shape::rows / 8; block += warps) {
    const int r = (block / column_blocks * 8) + (lane % 8);
    const int c = (block % column_blocks * 4) + (lane / 8);
    const std::int64_t row = tile.first_row + r;
    const std::int64_t column = tile.first_column + c;
    if (column < pairs.b.units && row < column) {
      pairs.out[(column * pairs.b.units) + row] = __int_as_float(sums[(r * sums_pitch<Shape>)+c]);
    }
  }
}

/// Starts a kernel with a block for every tile, and if that leaves most of the device without work, slices of rows.
/// More tiles than fit a grid would have more results than any memory.
template <typename Shape>
void launch_tiles(void (*kernel)(SetPairs, Slices), const SetPairs& pairs, const DeviceQueue& queue) {
  constexpr std::int64_t least_chunks = 8;  // for which a slice pays
  const std::int64_t tiles = ceil_div(pairs.a.units, Shape::rows) * ceil_div(pairs.b.units, Shape::columns);
  const std::int64_t chunks = ceil_div(pairs.a.row_bytes, chunk_bytes);
  const std::int64_t most_slices =
      std::min(2 * device_attribute(cudaDevAttrMultiProcessorCount, queue) / tiles, chunks / least_chunks);
  const std::int64_t slice_chunks = ceil_div(chunks, std::max<std::int64_t>(most_slices, 1));
  const std::int64_t slice_count = std::max<std::int64_t>(ceil_div(chunks, std::max<std::int64_t>(slice_chunks, 1)), 1);
  Slices slices{.chunks = static_cast<unsigned>(slice_chunks), .common = nullptr};
  if (slice_count > 1) {
    slices.common = zeroed_counts(pairs.a.units * pairs.b.units, queue);
  }
  launch(kernel,
         {.blocks = dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(slice_count)),
          .threads = dim3(Shape::threads),
          .shared_bytes = tile_bytes<Shape>},
         queue, pairs, slices);
  if (slices.common != nullptr) {
    write_similarities(pairs, slices.common, queue);
  }
}

}  // namespace funcsim
