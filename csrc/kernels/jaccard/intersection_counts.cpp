#include "kernels/jaccard/intersection_counts.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <vector>

#include "kernels/common/buffer.h"
#include "kernels/common/ceil_div.h"
#include "kernels/jaccard/count_method.h"
#include "kernels/jaccard/intersection_loops.h"

namespace funcsim {

namespace {

/// Rows and columns whose counters a thread holds at a time: 1 MiB of 16 planes, in its second-level cache.
constexpr std::int64_t tile_rows = 128;
constexpr std::int64_t tile_columns = 4096;
/// Rows whose counts are read from their planes together, so that transposed writes fill cache lines.
constexpr std::int64_t emitted_rows = 16;

std::int64_t bit_width(std::int64_t x) {
  return static_cast<std::int64_t>(std::bit_width(static_cast<std::uint64_t>(x)));
}

/// Where counts of blocks of rows by columns go: through the epilogue into the matrix, its transpose, or both.
class Output {
 public:
  enum class Form : std::uint8_t { direct, transposed, mirrored };

  Output(const CountedSets& rows, const CountedSets& columns, const CountEpilogue& epilogue, float* out)
      : rows_(rows), columns_(columns), epilogue_(epilogue), out_(out) {}

  /// Counts so far of one row, instead of similarities.
  void save(const std::int32_t* counts, std::int64_t i, std::int64_t j, std::int64_t columns, bool transposed) const {
    if (transposed) {
      for (std::int64_t c = 0; c < columns; ++c) {
        std::memcpy(out_ + ((j + c) * rows_.units) + i, counts + c, sizeof(float));
      }
    } else {
      std::memcpy(out_ + (i * columns_.units) + j, counts, static_cast<std::size_t>(columns) * sizeof(float));
    }
  }

  /// Adds the counts saved.
  void add_saved(std::int32_t* counts, std::int64_t i, std::int64_t j, std::int64_t columns, bool transposed) const {
    const float* saved = transposed ? out_ + (j * rows_.units) + i : out_ + (i * columns_.units) + j;
    const std::int64_t stride = transposed ? rows_.units : 1;
    for (std::int64_t c = 0; c < columns; ++c) {
      std::int32_t count = 0;
      std::memcpy(&count, saved + (c * stride), sizeof(count));
      counts[c] += count;
    }
  }

  /// The similarities for some rows of counts; `similarity`, of as many, is written unless the form is direct.
  void write(const std::int32_t* counts, std::int64_t counts_stride, float* similarity, std::int64_t i,
             std::int64_t rows, std::int64_t j, std::int64_t columns, Form form) const {
    for (std::int64_t r = 0; r < rows; ++r) {
      float* row = form == Form::direct ? out_ + ((i + r) * columns_.units) + j : similarity + (r * counts_stride);
      epilogue_(counts + (r * counts_stride), columns, rows_.counts[i + r], columns_.counts + j, row);
      if (form == Form::mirrored) {
        std::copy(row, row + columns, out_ + ((i + r) * columns_.units) + j);
      }
    }
    if (form != Form::direct) {
      for (std::int64_t c = 0; c < columns; ++c) {
        float* column = out_ + ((j + c) * rows_.units) + i;
        for (std::int64_t r = 0; r < rows; ++r) {
          column[r] = similarity[(r * counts_stride) + c];
        }
      }
    }
  }

 private:
  const CountedSets& rows_;
  const CountedSets& columns_;
  const CountEpilogue& epilogue_;
  float* out_;
};

/// Tile `k` of `count`, first and last ones in turn, so that threads with equally many of them have equal work where
/// those of the first rows have more columns.
std::int64_t interleaved(std::int64_t k, std::int64_t count) {
  return k % 2 == 0 ? k / 2 : count - 1 - (k / 2);
}

void count_by_popcount(const CountedSets& a, const CountedSets& b, std::int64_t row_bytes, bool symmetric,
                       const Output& output, const ParallelFor& parallel_for) {
  const std::int64_t tiles_a = ceil_div(a.units, popcount_rows);
  const std::int64_t tiles_b = ceil_div(b.units, popcount_columns);
  parallel_for(0, tiles_a * tiles_b, 1, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t most = std::min(popcount_rows, a.units) * popcount_columns;
    const auto counts = new_buffer<std::int32_t>(most);
    std::vector<float> similarity(symmetric ? most : 0);
    for (std::int64_t k = begin; k < end; ++k) {
      const std::int64_t tile = interleaved(k, tiles_a * tiles_b);
      const std::int64_t i = tile / tiles_b * popcount_rows;
      const std::int64_t j = tile % tiles_b * popcount_columns;
      const std::int64_t columns = std::min(popcount_columns, b.units - j);
      // With itself, rows down to the diagonal.
      const std::int64_t rows = std::min(popcount_rows, (symmetric ? j + columns : a.units) - i);
      if (rows <= 0) {
        continue;
      }
      std::fill_n(counts.get(), rows * popcount_columns, 0);
      intersection_loops().count_pairs(a.rows + (i * row_bytes), rows, b.rows + (j * row_bytes), columns, row_bytes,
                                       row_bytes, counts.get(), popcount_columns);
      const std::int64_t above = symmetric ? std::clamp<std::int64_t>(j - i, 0, rows) : 0;
      output.write(counts.get(), popcount_columns, similarity.data(), i, above, j, columns, Output::Form::mirrored);
      output.write(counts.get() + (above * popcount_columns), popcount_columns, similarity.data(), i + above,
                   rows - above, j, columns, Output::Form::direct);
    }
  });
}

/// Samples [start, start + bytes) of up to panel_columns units, sample by sample: for every block of lanes and every
/// block of samples the runs of lanes of its samples, then one of zeros.
class TransposedSlab {
 public:
  TransposedSlab(std::int64_t units, std::int64_t row_bytes)
      : words_(std::min(transposed_bytes / intersection_loops().lane_bytes / 64, ceil_div(row_bytes, 8))),
        lanes_(8 * intersection_loops().lane_bytes),
        stride_(((64 * words_) + 1) * intersection_loops().lane_bytes),
        sample_blocks_(ceil_div(std::min(row_bytes, slab_samples / 8), 8 * words_)),
        // 64 bytes more to begin at a cache line.
        memory_((ceil_div(std::min(units, panel_columns), lanes_) * sample_blocks_ * stride_) + 64) {}

  std::int64_t block_words() const { return words_; }
  std::int64_t lanes() const { return lanes_; }
  std::int64_t zeros() const { return 64 * words_ * intersection_loops().lane_bytes; }

  const std::uint8_t* block(std::int64_t lane_block, std::int64_t sample_block) const {
    return start() + (((lane_block * sample_blocks_) + sample_block) * stride_);
  }

  /// @param rows where the first unit's samples of the slab begin
  void fill(const std::uint8_t* rows, std::int64_t units, std::int64_t row_bytes, std::int64_t bytes,
            const ParallelFor& parallel_for) {
    const std::int64_t sample_blocks = ceil_div(bytes, 8 * words_);
    parallel_for(0, ceil_div(units, lanes_) * sample_blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      // An odd number of words, or the same words of all units would have the same place in the cache.
      const std::int64_t words_stride = words_ | 1;
      std::vector<std::uint64_t> words(lanes_ * words_stride);
      for (std::int64_t k = begin; k < end; ++k) {
        const std::int64_t lane_block = k / sample_blocks;
        const std::int64_t sample_block = k % sample_blocks;
        const std::int64_t first = sample_block * 8 * words_;
        const std::int64_t some = std::min(8 * words_, bytes - first);
        const std::int64_t block_units = std::min(lanes_, units - (lane_block * lanes_));
        std::ranges::fill(words, 0);
        for (std::int64_t u = 0; u < block_units; ++u) {
          std::memcpy(words.data() + (u * words_stride), rows + (((lane_block * lanes_) + u) * row_bytes) + first,
                      static_cast<std::size_t>(some));
        }
        std::uint8_t* block = start() + (((lane_block * sample_blocks_) + sample_block) * stride_);
        for (std::int64_t w = 0; w < ceil_div(some, 8); ++w) {
          intersection_loops().transpose(words.data() + w, words_stride,
                                         block + (w * 64 * intersection_loops().lane_bytes));
        }
        std::fill_n(block + zeros(), intersection_loops().lane_bytes, std::uint8_t{0});
      }
    });
  }

 private:
  std::uint8_t* start() { return aligned(memory_.data()); }
  const std::uint8_t* start() const { return aligned(memory_.data()); }

  template <typename Byte>
  static Byte* aligned(Byte* memory) {
    return memory + static_cast<std::int64_t>(-reinterpret_cast<std::uintptr_t>(memory) % 64);
  }

  std::int64_t words_;
  std::int64_t lanes_;
  std::int64_t stride_;
  std::int64_t sample_blocks_;
  std::vector<std::uint8_t> memory_;
};

/// One pass of the vertical method: the samples of a slab for the columns of a panel.
struct Slab {
  const TransposedSlab& transposed;
  std::int64_t first_byte;
  std::int64_t bytes;
  std::int64_t first_column;
  std::int64_t columns;
};

/// Counters of one thread, for a tile at a time.
class TileCounter {
 public:
  TileCounter(const CountedSets& rows, std::int64_t row_bytes, const Slab& slab)
      : rows_(rows), row_bytes_(row_bytes), slab_(slab) {}

  void count(std::int64_t i, std::int64_t rows, std::int64_t j, std::int64_t columns) {
    const std::int64_t lanes = slab_.transposed.lanes();
    const std::int64_t words = slab_.transposed.block_words();
    const std::int64_t blocks = ceil_div(columns, lanes);
    // Counts of the slab are at most the number of its samples, and those of a block must fit in any case. An odd
    // number of planes, or those of all rows would have the same places in the cache.
    const std::int64_t block_samples = transposed_bytes / intersection_loops().lane_bytes;
    planes_stride_ = std::max(bit_width(block_samples - 1), bit_width(8 * slab_.bytes)) | 1;
    planes_.assign(static_cast<std::size_t>(blocks * rows * planes_stride_ * intersection_loops().lane_bytes), 0);
    rows_in_tile_ = rows;
    std::vector<std::int64_t> totals(rows);
    std::vector<std::int64_t> lengths(rows);
    std::vector<std::int64_t> num_planes(rows);
    std::vector<std::int64_t> order(rows);
    const std::int64_t offsets_stride = (64 * words) + 64;
    offsets_.resize(static_cast<std::size_t>(rows * offsets_stride));
    for (std::int64_t start = 0; start < slab_.bytes; start += 8 * words) {
      for (std::int64_t r = 0; r < rows; ++r) {
        lengths[r] = decode(i + r, start, offsets_.data() + (r * offsets_stride));
        totals[r] += lengths[r];
        num_planes[r] = std::min(planes_stride_, bit_width(totals[r]));
      }
      sort_by_length(lengths, order);
      const DecodedRows decoded{offsets_.data(), offsets_stride, lengths.data(), num_planes.data(), order.data(), rows};
      for (std::int64_t k = 0; k < blocks; ++k) {
        const std::int64_t sample_block = start / (8 * words);
        const std::int64_t next_sample_block = std::min(sample_block + 1, ceil_div(slab_.bytes, 8 * words) - 1);
        const std::uint8_t* next = k + 1 < blocks ? slab_.transposed.block((j / lanes) + k + 1, sample_block)
                                                  : slab_.transposed.block(j / lanes, next_sample_block);
        intersection_loops().add_rows(decoded, slab_.transposed.block((j / lanes) + k, sample_block), next,
                                      slab_.transposed.zeros(), planes(k, 0),
                                      planes_stride_ * intersection_loops().lane_bytes);
      }
    }
    for (std::int64_t r = 0; r < rows; ++r) {
      num_planes_[r] = num_planes[r];
    }
  }

  void read(std::int64_t k, std::int64_t r, std::int32_t* counts) {
    intersection_loops().read_counts(planes(k, r), num_planes_[r], counts);
  }

 private:
  std::uint8_t* planes(std::int64_t k, std::int64_t r) {
    return planes_.data() + (((k * rows_in_tile_) + r) * planes_stride_ * intersection_loops().lane_bytes);
  }

  std::int64_t decode(std::int64_t unit, std::int64_t start, std::uint16_t* offsets) const {
    std::array<std::uint64_t, transposed_bytes / 16 / 64> bits{};
    const std::int64_t bytes = std::min(8 * slab_.transposed.block_words(), slab_.bytes - start);
    const std::uint8_t* row = rows_.rows + (unit * row_bytes_) + slab_.first_byte + start;
    std::memcpy(bits.data(), row, static_cast<std::size_t>(bytes));
    __builtin_prefetch(row + bytes, 0, 2);
    std::int64_t length = intersection_loops().decode(bits.data(), ceil_div(bytes, 8),
                                                      complemented(rows_.counts[unit], row_bytes_), offsets);
    std::fill_n(offsets + length, offsets_grain, static_cast<std::uint16_t>(slab_.transposed.zeros()));
    return ceil_div(length, offsets_grain) * offsets_grain;
  }

  /// The rows with the shortest lists first.
  void sort_by_length(const std::vector<std::int64_t>& lengths, std::vector<std::int64_t>& order) {
    // By counting: how many rows have shorter lists than so many grains.
    shorter_.assign(static_cast<std::size_t>((64 * slab_.transposed.block_words() / offsets_grain) + 2), 0);
    for (const std::int64_t length : lengths) {
      ++shorter_[(length / offsets_grain) + 1];
    }
    for (std::size_t k = 1; k < shorter_.size(); ++k) {
      shorter_[k] += shorter_[k - 1];
    }
    for (std::size_t r = 0; r < lengths.size(); ++r) {
      order[shorter_[lengths[r] / offsets_grain]++] = static_cast<std::int64_t>(r);
    }
  }

  const CountedSets& rows_;
  std::int64_t row_bytes_;
  const Slab& slab_;
  std::int64_t planes_stride_ = 0;
  std::int64_t rows_in_tile_ = 0;
  std::array<std::int64_t, tile_rows> num_planes_{};
  std::vector<std::int64_t> shorter_;
  std::vector<std::uint8_t> planes_;
  std::vector<std::uint16_t> offsets_;
};

/// @param transposed the output is [columns, rows]
void count_slab(const CountedSets& rows, const CountedSets& columns, std::int64_t row_bytes, bool symmetric,
                bool transposed, const Slab& slab, const Output& output, const ParallelFor& parallel_for) {
  const std::int64_t lanes = slab.transposed.lanes();
  const std::int64_t tiles_down = ceil_div(rows.units, tile_rows);
  const std::int64_t tiles_across = ceil_div(slab.columns, tile_columns);
  const bool first = slab.first_byte == 0;
  const bool last = slab.first_byte + slab.bytes == row_bytes;
  parallel_for(0, tiles_down * tiles_across, 1, [&](std::int64_t begin, std::int64_t end) {
    TileCounter counter(rows, row_bytes, slab);
    const std::int64_t counts_stride = lanes + 16;
    std::vector<std::int32_t> counts(emitted_rows * counts_stride);
    std::vector<float> similarity(counts.size());
    for (std::int64_t tile = begin; tile < end; ++tile) {
      const std::int64_t i = interleaved(tile, tiles_down * tiles_across) / tiles_across * tile_rows;
      const std::int64_t tile_j = interleaved(tile, tiles_down * tiles_across) % tiles_across * tile_columns;
      const std::int64_t j_end = std::min(tile_j + tile_columns, slab.columns);
      const std::int64_t diagonal = i / lanes * lanes;
      const std::int64_t j = symmetric ? std::max(tile_j, diagonal - slab.first_column) : tile_j;
      const std::int64_t tile_height = std::min(tile_rows, rows.units - i);
      if (j >= j_end) {
        continue;
      }
      counter.count(i, tile_height, j, j_end - j);
      for (std::int64_t k = 0; j + (k * lanes) < j_end; ++k) {
        const std::int64_t column = slab.first_column + j + (k * lanes);
        const std::int64_t some = std::min(lanes, columns.units - column);
        for (std::int64_t r = 0; r < tile_height; r += emitted_rows) {
          const std::int64_t height = std::min(emitted_rows, tile_height - r);
          for (std::int64_t e = 0; e < height; ++e) {
            std::int32_t* row = counts.data() + (e * counts_stride);
            counter.read(k, r + e, row);
            if (!first) {
              output.add_saved(row, i + r + e, column, some, transposed);
            }
            if (!last) {
              output.save(row, i + r + e, column, some, transposed);
            } else if (complemented(rows.counts[i + r + e], row_bytes)) {
              for (std::int64_t c = 0; c < some; ++c) {
                row[c] = columns.counts[column + c] - row[c];
              }
            }
          }
          if (last) {
            Output::Form form = transposed ? Output::Form::transposed : Output::Form::direct;
            if (symmetric && column > diagonal) {
              form = Output::Form::mirrored;
            }
            output.write(counts.data(), counts_stride, similarity.data(), i + r, height, column, some, form);
          }
        }
      }
    }
  });
}

void count_vertically(const CountedSets& rows, const CountedSets& columns, std::int64_t row_bytes, bool symmetric,
                      bool transposed, const Output& output, const ParallelFor& parallel_for) {
  TransposedSlab slab(columns.units, row_bytes);
  for (std::int64_t j = 0; j < columns.units; j += panel_columns) {
    const std::int64_t some = std::min(panel_columns, columns.units - j);
    for (std::int64_t start = 0; start < row_bytes; start += slab_samples / 8) {
      const std::int64_t bytes = std::min(slab_samples / 8, row_bytes - start);
      slab.fill(columns.rows + (j * row_bytes) + start, some, row_bytes, bytes, parallel_for);
      count_slab(rows, columns, row_bytes, symmetric, transposed, Slab{slab, start, bytes, j, some}, output,
                 parallel_for);
    }
  }
}

}  // namespace

void intersection_counts(const CountedSets& a, const CountedSets& b, std::int64_t row_bytes, CountMethod method,
                         const CountEpilogue& epilogue, float* out, const ParallelFor& parallel_for) {
  const bool symmetric = same_sets(a, b);
  if (method == CountMethod::popcount || row_bytes == 0) {
    count_by_popcount(a, b, row_bytes, symmetric, Output(a, b, epilogue, out), parallel_for);
  } else if (method == CountMethod::vertical || symmetric) {
    count_vertically(a, b, row_bytes, symmetric, false, Output(a, b, epilogue, out), parallel_for);
  } else {
    count_vertically(b, a, row_bytes, false, true, Output(b, a, epilogue, out), parallel_for);
  }
}

}  // namespace funcsim
