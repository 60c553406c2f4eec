#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <source_location>
#include <type_traits>

// Operations that several threads of a block carry out together. A thread that comes to one waits until all that take
// part have come, to the same one and from the same place of the source; where they can't, the kernel fails with a
// message. Threads that a mask names must exist and not have returned: stricter than a device, which does what it likes
// in some of these cases.

namespace emulated_cuda {

/// A place where threads of a block wait for each other.
struct Meeting {
  const char* name;  ///< of the operation
  unsigned group;    ///< threads that may take part: 32, 128 or all of the block; from a multiple of it on
  unsigned mask;     ///< which of a warp; all ones for other groups
  std::source_location where;
  bool one_place = true;  ///< whether all must come from the same place of the source
};

/// What was never written: so are memory and registers here before their first use.
inline constexpr unsigned char garbage = 0xCD;

/// Waits for the others. Whoever comes last calls combine(frames, function), where frames[i] is what the i-th thread of
/// the group handed in, or null if it doesn't take part.
void meet(const Meeting& meeting, void* frame, void (*combine)(void* const* frames, void* function), void* function);

/// Every thread of a group gives a value, `function` is called once with all of them (std::array, garbage for those
/// that don't take part), and every thread takes its element of the std::array that it returns.
template <std::size_t group, typename Value, typename Function>
auto collective(const Meeting& meeting, const Value& mine, Function function) {
  using Results = std::invoke_result_t<Function&, const std::array<Value, group>&>;
  using Result = typename Results::value_type;
  static_assert(std::is_trivially_copyable_v<Value> && std::is_trivially_copyable_v<Result>);
  struct Frame {
    Value given;
    Result taken;
  };
  Frame frame{mine, {}};
  meet(
      meeting, &frame,
      [](void* const* frames, void* callable) {
        std::array<Value, group> given;
        std::memset(static_cast<void*>(given.data()), garbage, sizeof(given));
        for (std::size_t i = 0; i < group; ++i) {
          if (frames[i] != nullptr) {
            given[i] = static_cast<const Frame*>(frames[i])->given;
          }
        }
        const Results taken = (*static_cast<Function*>(callable))(given);
        for (std::size_t i = 0; i < group; ++i) {
          if (frames[i] != nullptr) {
            static_cast<Frame*>(frames[i])->taken = taken[i];
          }
        }
      },
      &function);
  return frame.taken;
}

/// collective() of the lanes of a warp that the mask names.
template <typename Value, typename Function>
auto warp_collective(const char* name, unsigned mask, const Value& mine, Function function,
                     std::source_location where = std::source_location::current()) {
  return collective<32>({name, 32, mask, where}, mine, function);
}

/// collective() of four warps.
template <typename Value, typename Function>
auto warpgroup_collective(const char* name, const Value& mine, Function function,
                          std::source_location where = std::source_location::current()) {
  return collective<128>({name, 128, ~0U, where}, mine, function);
}

/// This thread's number in its warp.
unsigned lane();

/// Ends the kernel with an error, which the next call that waits for it returns.
[[noreturn]] void fail_kernel(const char* format, ...) __attribute__((format(printf, 1, 2)));

template <typename Number>
using IsRegister = std::enable_if_t<std::is_arithmetic_v<Number> && (sizeof(Number) == 4 || sizeof(Number) == 8), int>;

template <typename Number>
struct Shuffled {
  Number value;
  unsigned source;
};

template <typename Number>
Number shuffle(const char* name, unsigned mask, Number value, unsigned source, std::source_location where) {
  return warp_collective(
      name, mask, Shuffled<Number>{value, source},
      [](const std::array<Shuffled<Number>, 32>& lanes) {
        std::array<Number, 32> taken;
        for (std::size_t i = 0; i < 32; ++i) {
          taken[i] = lanes[lanes[i].source % 32].value;
        }
        return taken;
      },
      where);
}

/// One result for all lanes: of the values of those that take part.
template <typename Value, typename Fold>
auto fold_warp(const char* name, unsigned mask, Value mine, Fold fold, std::source_location where) {
  using Result = std::invoke_result_t<Fold&, Value, Value>;
  return warp_collective(
      name, mask, mine,
      [&](const std::array<Value, 32>& lanes) {
        auto lane = static_cast<std::size_t>(__builtin_ctz(mask));
        Result folded = lanes[lane];
        for (++lane; lane < 32; ++lane) {
          if ((mask >> lane & 1) != 0) {
            folded = fold(folded, lanes[lane]);
          }
        }
        std::array<Result, 32> taken;
        taken.fill(folded);
        return taken;
      },
      where);
}

int count_block(const char* name, bool mine, std::source_location where);
unsigned block_threads();

}  // namespace emulated_cuda

// Barriers.

inline void __syncthreads(std::source_location where = std::source_location::current()) {
  emulated_cuda::meet({"__syncthreads", emulated_cuda::block_threads(), ~0U, where}, nullptr, nullptr, nullptr);
}
inline int __syncthreads_count(int mine, std::source_location where = std::source_location::current()) {
  return emulated_cuda::count_block("__syncthreads_count", mine != 0, where);
}
inline int __syncthreads_or(int mine, std::source_location where = std::source_location::current()) {
  return static_cast<int>(emulated_cuda::count_block("__syncthreads_or", mine != 0, where) != 0);
}
inline int __syncthreads_and(int mine, std::source_location where = std::source_location::current()) {
  return static_cast<int>(emulated_cuda::count_block("__syncthreads_and", mine == 0, where) == 0);
}
inline void __syncwarp(unsigned mask = ~0U, std::source_location where = std::source_location::current()) {
  emulated_cuda::meet({"__syncwarp", 32, mask, where, false}, nullptr, nullptr, nullptr);
}

// Votes.

inline unsigned __ballot_sync(unsigned mask, int mine, std::source_location where = std::source_location::current()) {
  const unsigned bit = mine != 0 ? 1U << emulated_cuda::lane() : 0U;
  return emulated_cuda::fold_warp("__ballot_sync", mask, bit, [](unsigned x, unsigned y) { return x | y; }, where);
}
inline int __any_sync(unsigned mask, int mine, std::source_location where = std::source_location::current()) {
  return emulated_cuda::fold_warp(
      "__any_sync", mask, static_cast<int>(mine != 0), [](int x, int y) { return x | y; }, where);
}
inline int __all_sync(unsigned mask, int mine, std::source_location where = std::source_location::current()) {
  return emulated_cuda::fold_warp(
      "__all_sync", mask, static_cast<int>(mine != 0), [](int x, int y) { return x & y; }, where);
}
template <typename Number, emulated_cuda::IsRegister<Number> = 0>
unsigned __match_any_sync(unsigned mask, Number mine, std::source_location where = std::source_location::current()) {
  return emulated_cuda::warp_collective(
      "__match_any_sync", mask, mine,
      [mask](const std::array<Number, 32>& lanes) {
        std::array<unsigned, 32> taken{};
        for (std::size_t i = 0; i < 32; ++i) {
          for (std::size_t j = 0; j < 32; ++j) {
            if ((mask >> j & 1) != 0 && std::memcmp(&lanes[i], &lanes[j], sizeof(Number)) == 0) {
              taken[i] |= 1U << j;
            }
          }
        }
        return taken;
      },
      where);
}

// Shuffles. A lane that doesn't take part is garbage to read.

template <typename Number, emulated_cuda::IsRegister<Number> = 0>
Number __shfl_sync(unsigned mask, Number value, int source, int width = 32,
                   std::source_location where = std::source_location::current()) {
  const auto size = static_cast<unsigned>(width);
  const unsigned first = emulated_cuda::lane() / size * size;
  return emulated_cuda::shuffle("__shfl_sync", mask, value, first + static_cast<unsigned>(source) % size, where);
}
template <typename Number, emulated_cuda::IsRegister<Number> = 0>
Number __shfl_up_sync(unsigned mask, Number value, unsigned delta, int width = 32,
                      std::source_location where = std::source_location::current()) {
  const unsigned lane = emulated_cuda::lane();
  const unsigned source = lane % static_cast<unsigned>(width) < delta ? lane : lane - delta;
  return emulated_cuda::shuffle("__shfl_up_sync", mask, value, source, where);
}
template <typename Number, emulated_cuda::IsRegister<Number> = 0>
Number __shfl_down_sync(unsigned mask, Number value, unsigned delta, int width = 32,
                        std::source_location where = std::source_location::current()) {
  const unsigned lane = emulated_cuda::lane();
  const auto size = static_cast<unsigned>(width);
  const unsigned source = lane % size + delta >= size ? lane : lane + delta;
  return emulated_cuda::shuffle("__shfl_down_sync", mask, value, source, where);
}
template <typename Number, emulated_cuda::IsRegister<Number> = 0>
Number __shfl_xor_sync(unsigned mask, Number value, int lanes, int width = 32,
                       std::source_location where = std::source_location::current()) {
  const unsigned lane = emulated_cuda::lane();
  const auto size = static_cast<unsigned>(width);
  unsigned source = lane ^ static_cast<unsigned>(lanes);
  if (source / size > lane / size) {
    source = lane;
  }
  return emulated_cuda::shuffle("__shfl_xor_sync", mask, value, source, where);
}

// Reductions of 32-bit integers, from compute capability 8.0 on.

#define EMULATED_CUDA_REDUCTION(name, Number, expression)                                                        \
  inline Number name(unsigned mask, Number mine, std::source_location where = std::source_location::current()) { \
    return emulated_cuda::fold_warp(                                                                             \
        #name, mask, mine, [](Number x, Number y) -> Number { return expression; }, where);                      \
  }
EMULATED_CUDA_REDUCTION(__reduce_add_sync, unsigned, x + y)
EMULATED_CUDA_REDUCTION(__reduce_add_sync, int, static_cast<int>(static_cast<unsigned>(x) + static_cast<unsigned>(y)))
EMULATED_CUDA_REDUCTION(__reduce_min_sync, unsigned, x < y ? x : y)
EMULATED_CUDA_REDUCTION(__reduce_min_sync, int, x < y ? x : y)
EMULATED_CUDA_REDUCTION(__reduce_max_sync, unsigned, x > y ? x : y)
EMULATED_CUDA_REDUCTION(__reduce_max_sync, int, x > y ? x : y)
EMULATED_CUDA_REDUCTION(__reduce_and_sync, unsigned, x& y)
EMULATED_CUDA_REDUCTION(__reduce_or_sync, unsigned, x | y)
EMULATED_CUDA_REDUCTION(__reduce_xor_sync, unsigned, x ^ y)
#undef EMULATED_CUDA_REDUCTION
