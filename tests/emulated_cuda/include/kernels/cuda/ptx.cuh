#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>

// Stands in for csrc/kernels/cuda/ptx.cuh where a kernel is compiled for the host. Where elements of matrices are in
// registers and in shared memory is written here as the PTX ISA has it (chapters "Matrix Fragments for mma...",
// "Shared Memory Matrix Layout", "Matrix Descriptor Format"), and not as kernels use it.

namespace funcsim::ptx {

template <unsigned table>
std::uint32_t lop3(std::uint32_t x, std::uint32_t y, std::uint32_t z) {
  std::uint32_t bits = 0;
  for (unsigned entry = 0; entry < 8; ++entry) {
    if ((table >> entry & 1) != 0) {
      bits |= ((entry & 4) != 0 ? x : ~x) & ((entry & 2) != 0 ? y : ~y) & ((entry & 1) != 0 ? z : ~z);
    }
  }
  return bits;
}

inline float rcp_approx(float x) {
  // One unit in the last place more or less, as it may be.
  const float exact = 1.0F / x;
  const std::uint32_t bits = std::bit_cast<std::uint32_t>(exact);
  return std::isfinite(exact)
             ? std::bit_cast<float>(bits + 1 - (std::bit_cast<std::uint32_t>(x) * 0x9E3779B9U >> 30) % 3)
             : exact;
}

// Copies.

inline void cp_async_16(void* to, const void* from, bool zero) {
  if (__cvta_generic_to_shared(to) % 16 != 0 || (!zero && reinterpret_cast<std::uintptr_t>(from) % 16 != 0)) {
    emulated_cuda::fail_kernel("cp.async of 16 bytes takes addresses that are multiples of 16");
  }
  // The bytes may arrive at any time from now on: whoever still reads what was there gets garbage, and so does whoever
  // doesn't wait.
  std::memset(to, emulated_cuda::garbage, 16);
  emulated_cuda::defer(emulated_cuda::Asynchronous::copy, [to, from, zero] {
    if (zero) {
      std::memset(to, 0, 16);
    } else {
      std::memcpy(to, from, 16);
    }
  });
}

inline void cp_async_commit() {
  emulated_cuda::commit_group(emulated_cuda::Asynchronous::copy);
}

template <int pending>
void cp_async_wait() {
  emulated_cuda::wait_group(emulated_cuda::Asynchronous::copy, pending);
}

inline void fence_proxy_async() {
  emulated_cuda::fence_copies();
}

// Instructions of a warp.

inline void ldmatrix_x4(std::uint32_t (&words)[4], const void* row,
                        std::source_location where = std::source_location::current()) {
  using Words = std::array<std::uint32_t, 4>;
  const Words loaded = emulated_cuda::warp_collective(
      "ldmatrix", ~0U, __cvta_generic_to_shared(row),
      [](const std::array<std::size_t, 32>& rows) {
        std::array<Words, 32> of_lanes{};
        for (std::size_t matrix = 0; matrix < 4; ++matrix) {
          for (std::size_t r = 0; r < 8; ++r) {
            const std::size_t address = rows[(matrix * 8) + r];
            if (address % 16 != 0) {
              emulated_cuda::fail_kernel("ldmatrix takes addresses that are multiples of 16, got %zu", address);
            }
            // Row r goes to lanes 4r to 4r + 3, two 16-bit elements each.
            const auto* const bytes = static_cast<const unsigned char*>(emulated_cuda::shared_bytes(address, 16));
            for (std::size_t column = 0; column < 8; column += 2) {
              std::memcpy(&of_lanes[(4 * r) + (column / 2)][matrix], bytes + (2 * column), 4);
            }
          }
        }
        return of_lanes;
      },
      where);
  std::copy(loaded.begin(), loaded.end(), words);
}

/// What a lane gives to an mma of 16 rows and 8 columns.
struct MmaFragments {
  std::array<std::uint32_t, 4> a;
  std::array<std::uint32_t, 2> b;
};

/// A row of A or a column of B, as registers.
using MmaVector = std::array<std::uint32_t, 8>;

/// Adds the products of vectors to the lane's part of 16 rows and 8 columns of sums.
///
/// Both m16n8k256 of .b1 and m16n8k32 of .s8 have, with e elements of A and B in a register,
///   A: row = groupID for a_i where 0 <= i < e or 2e <= i < 3e, else groupID + 8
///      col = threadID_in_group * e + (i & (e - 1)), + 4e where i >= 2e
///   B: row = threadID_in_group * e + (i & (e - 1)), + 4e where i >= e; col = groupID
///   C: row = groupID for c_0 and c_1, groupID + 8 for c_2 and c_3; col = threadID_in_group * 2 + (i & 1)
template <typename Product>
void mma(const char* name, std::int32_t (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
         Product product, std::source_location where) {
  using Sums = std::array<std::int32_t, 4>;
  const MmaFragments mine{{a[0], a[1], a[2], a[3]}, {b[0], b[1]}};
  const Sums added = emulated_cuda::warp_collective(
      name, ~0U, mine,
      [&](const std::array<MmaFragments, 32>& lanes) {
        std::array<MmaVector, 16> rows{};
        std::array<MmaVector, 8> columns{};
        for (std::size_t lane = 0; lane < 32; ++lane) {
          const std::size_t group = lane >> 2;
          const std::size_t thread_in_group = lane % 4;
          rows[group][thread_in_group] = lanes[lane].a[0];
          rows[group + 8][thread_in_group] = lanes[lane].a[1];
          rows[group][thread_in_group + 4] = lanes[lane].a[2];
          rows[group + 8][thread_in_group + 4] = lanes[lane].a[3];
          columns[group][thread_in_group] = lanes[lane].b[0];
          columns[group][thread_in_group + 4] = lanes[lane].b[1];
        }
        std::array<Sums, 32> of_lanes{};
        for (std::size_t lane = 0; lane < 32; ++lane) {
          for (std::size_t i = 0; i < 4; ++i) {
            of_lanes[lane][i] = product(rows[(lane >> 2) + (i < 2 ? 0 : 8)], columns[(lane % 4 * 2) + (i & 1)]);
          }
        }
        return of_lanes;
      },
      where);
  for (std::size_t i = 0; i < 4; ++i) {
    sums[i] = static_cast<std::int32_t>(static_cast<std::uint32_t>(sums[i]) + static_cast<std::uint32_t>(added[i]));
  }
}

inline void mma_b1(std::int32_t (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                   std::source_location where = std::source_location::current()) {
  mma(
      "mma.m16n8k256.b1.and.popc", sums, a, b,
      [](const MmaVector& x, const MmaVector& y) {
        std::int32_t sum = 0;
        for (std::size_t k = 0; k < x.size(); k += 2) {
          sum += __popcll((std::uint64_t{x[k] & y[k]} << 32) | (x[k + 1] & y[k + 1]));
        }
        return sum;
      },
      where);
}

inline void mma_s8(std::int32_t (&sums)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                   std::source_location where = std::source_location::current()) {
  mma(
      "mma.m16n8k32.s8", sums, a, b,
      [](const MmaVector& x, const MmaVector& y) {
        const auto bytes_x = std::bit_cast<std::array<std::int8_t, 32>>(x);
        const auto bytes_y = std::bit_cast<std::array<std::int8_t, 32>>(y);
        std::int32_t sum = 0;
        for (std::size_t k = 0; k < bytes_x.size(); ++k) {
          sum += bytes_x[k] * bytes_y[k];
        }
        return sum;
      },
      where);
}

// Instructions of a warpgroup.

/// Rows of 256 bits in shared memory, as a descriptor says.
class DescribedRows {
 public:
  explicit DescribedRows(std::uint64_t descriptor)
      : start_((descriptor & 0x3FFF) << 4),
        stride_offset_((descriptor >> 32 & 0x3FFF) << 4),
        base_offset_(descriptor >> 49 & 7) {
    constexpr std::uint64_t described = 0xC00E'3FFF'3FFF'3FFF;
    if ((descriptor & ~described) != 0) {
      emulated_cuda::fail_kernel("a matrix descriptor has bits set that mean nothing: %016llx",
                                 static_cast<unsigned long long>(descriptor));
    }
    if (descriptor >> 62 != 1) {
      emulated_cuda::fail_kernel("only the 128-byte swizzle is emulated");
    }
  }

  /// K-major: eight rows are 128 bytes apart, the next eight are the stride dimension's offset on. The swizzle
  /// exchanges the 16 bytes that address bits 4 to 6 number by bits 7 to 9, counted from where the pattern begins.
  std::array<std::uint64_t, 4> row(std::size_t row) const {
    std::array<std::uint64_t, 4> words{};
    for (std::size_t piece = 0; piece < 2; ++piece) {
      const std::size_t address = start_ + (row / 8 * stride_offset_) + (row % 8 * 128) + (piece * 16);
      const std::size_t phase = ((address >> 7) - base_offset_) & 7;
      std::memcpy(&words[2 * piece], emulated_cuda::shared_bytes(address ^ (phase << 4), 16), 16);
    }
    return words;
  }

 private:
  std::size_t start_;
  std::size_t stride_offset_;
  std::size_t base_offset_;
};

/// What m64nNk256 adds to this thread's part of the sums. Accumulator D: warp w of the four has rows 16w on; d_i is of
/// row groupID + 8 * ((i / 2) % 2) there, and of column 8 * (i / 4) + threadID_in_group * 2 + (i & 1).
inline std::array<std::int32_t, 128> common_bits(const DescribedRows& a, const DescribedRows& b) {
  std::array<std::int32_t, 128> sums{};
  const std::size_t lane = emulated_cuda::lane();
  const std::size_t warp = threadIdx.x / 32 % 4;
  for (std::size_t half = 0; half < 2; ++half) {
    const auto row = a.row((warp * 16) + (half * 8) + (lane >> 2));
    for (std::size_t i = half * 2; i < sums.size(); i += i % 2 == 0 ? 1 : 3) {
      const auto column = b.row((i / 4 * 8) + (lane % 4 * 2) + (i & 1));
      for (std::size_t k = 0; k < 4; ++k) {
        sums[i] += std::popcount(row[k] & column[k]);
      }
    }
  }
  return sums;
}

inline void wgmma_together(const char* name, std::source_location where) {
  emulated_cuda::warpgroup_collective(name, 0, [](const std::array<int, 128>& threads) { return threads; }, where);
}

inline void wgmma_fence(std::source_location where = std::source_location::current()) {
  wgmma_together("wgmma.fence", where);
}

inline void wgmma_commit(std::source_location where = std::source_location::current()) {
  wgmma_together("wgmma.commit_group", where);
  emulated_cuda::commit_group(emulated_cuda::Asynchronous::matrix);
}

template <int pending>
void wgmma_wait(std::int32_t (& /*sums*/)[128], std::source_location where = std::source_location::current()) {
  wgmma_together("wgmma.wait_group", where);
  emulated_cuda::wait_group(emulated_cuda::Asynchronous::matrix, pending);
}

inline void wgmma_b1(std::int32_t (&sums)[128], std::uint64_t a, std::uint64_t b,
                     std::source_location where = std::source_location::current()) {
  struct Descriptors {
    std::uint64_t a;
    std::uint64_t b;
  };
  emulated_cuda::warpgroup_collective(
      "wgmma.mma_async", Descriptors{a, b},
      [](const std::array<Descriptors, 128>& threads) {
        if (!std::all_of(threads.begin(), threads.end(), [&](const Descriptors& given) {
              return given.a == threads[0].a && given.b == threads[0].b;
            })) {
          emulated_cuda::fail_kernel("threads of a warpgroup give different matrix descriptors");
        }
        return std::array<int, 128>{};
      },
      where);
  emulated_cuda::check_copies_fenced();
  // It may read memory at any time until it is waited for.
  const DescribedRows rows(a);
  const DescribedRows columns(b);
  emulated_cuda::defer(emulated_cuda::Asynchronous::matrix, [&sums, rows, columns, early = common_bits(rows, columns)] {
    if (common_bits(rows, columns) != early) {
      emulated_cuda::fail_kernel("shared memory was overwritten while wgmma was reading it");
    }
    for (std::size_t i = 0; i < early.size(); ++i) {
      sums[i] += early[i];
    }
  });
}

}  // namespace funcsim::ptx
