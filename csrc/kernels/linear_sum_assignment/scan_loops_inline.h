// The loops of scan_loops.h, written with the vector types of GCC and Clang. The file of each level sets the size of a
// register, FUNCSIM_REGISTER_BYTES, and includes this one; see funcsim_add_loops in csrc/kernels/CMakeLists.txt.
#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <cstdint>
#include <cstring>

#include "kernels/linear_sum_assignment/first_reading_inline.h"
#include "kernels/linear_sum_assignment/scan_loops.h"

namespace funcsim {

namespace {  // NOLINT(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level

// NOLINTBEGIN(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays,modernize-loop-convert): nothing of std here

constexpr std::int64_t lanes_of_register = FUNCSIM_REGISTER_BYTES / static_cast<std::int64_t>(sizeof(double));
constexpr std::int64_t registers = scan_lanes / lanes_of_register;

using Doubles [[gnu::vector_size(FUNCSIM_REGISTER_BYTES)]] = double;
using Integers [[gnu::vector_size(FUNCSIM_REGISTER_BYTES)]] = std::int64_t;
using Floats [[gnu::vector_size(FUNCSIM_REGISTER_BYTES / 2)]] = float;

inline Doubles load(const double* from) {
  Doubles values;
  std::memcpy(&values, from, sizeof(values));
  return values;
}

inline Doubles load(const float* from) {
  Floats values;
  std::memcpy(&values, from, sizeof(values));
  return __builtin_convertvector(values, Doubles);
}

inline void store(double* to, const Doubles& values) {
  std::memcpy(to, &values, sizeof(values));
}

inline Doubles smaller(const Doubles& a, const Doubles& b) {
  return a < b ? a : b;
}
inline Doubles magnitude(const Doubles& a) {
  return a < 0.0 ? -a : a;
}
inline double smaller(double a, double b) {
  return a < b ? a : b;
}
inline double magnitude(double a) {
  return a < 0.0 ? -a : a;
}

/// The reduced cost, or a lower bound of it.
template <bool exact, typename Value>
Value reduced(const Value& cost, const Value& dual, double error) {
  return exact ? cost - dual : (cost - dual) - ((magnitude(cost) + magnitude(dual)) * error);
}

/// The value of a rank, 1 for the smallest, among the lanes.
inline double of_rank(const Doubles* lanes, std::int64_t rank) {
  double values[scan_lanes];
  for (std::int64_t r = 0; r < registers; ++r) {
    store(values + (r * lanes_of_register), lanes[r]);
  }
  Doubles least = Doubles{} + __builtin_inf();
  for (std::int64_t r = 0; r < registers; ++r) {
    Integers no_larger{};
    for (const double value : values) {
      no_larger += value <= lanes[r] ? Integers{} + 1 : Integers{};
    }
    least = no_larger >= rank ? smaller(lanes[r], least) : least;
  }
  store(values, least);
  for (std::int64_t l = 1; l < lanes_of_register; ++l) {
    values[0] = smaller(values[l], values[0]);
  }
  return values[0];
}

template <bool exact, typename Cost>
double lane_minimum_of(const ScanRow<Cost>& row, std::int64_t rank, const Cost* next) {
  constexpr std::int64_t line = 64 / static_cast<std::int64_t>(sizeof(Cost));
  const Cost* fetched = next == nullptr ? row.costs : next;  // no branch below: its own costs are there already
  Doubles minima[registers];
  for (std::int64_t r = 0; r < registers; ++r) {
    minima[r] = Doubles{} + __builtin_inf();
  }
  std::int64_t begin = 0;
  for (; begin + scan_lanes <= row.columns; begin += scan_lanes) {
    for (std::int64_t j = begin; j < begin + scan_lanes; j += line) {
      __builtin_prefetch(fetched + j);
    }
#pragma GCC unroll 16
    for (std::int64_t r = 0; r < registers; ++r) {
      const std::int64_t j = begin + (r * lanes_of_register);
      const Doubles cost = load(row.costs + j) * row.scale;
      minima[r] = smaller(reduced<exact>(cost, load(row.duals + j), row.error), minima[r]);
    }
  }
  if (begin < row.columns) {
    double least[scan_lanes];
    for (std::int64_t r = 0; r < registers; ++r) {
      store(least + (r * lanes_of_register), minima[r]);
    }
    for (std::int64_t j = begin; j < row.columns; ++j) {
      const double cost = static_cast<double>(row.costs[j]) * row.scale;
      least[j - begin] = smaller(reduced<exact>(cost, row.duals[j], row.error), least[j - begin]);
    }
    for (std::int64_t r = 0; r < registers; ++r) {
      minima[r] = load(least + (r * lanes_of_register));
    }
  }
  return of_rank(minima, rank);
}

template <typename Cost>
double lane_minimum(const ScanRow<Cost>& row, std::int64_t rank, const Cost* next) {
  return row.error == 0.0 ? lane_minimum_of<true>(row, rank, next) : lane_minimum_of<false>(row, rank, next);
}

/// Bit l for the value of lane l.
inline std::uint64_t bits_within(const Doubles& values, double limit) {
#ifdef __AVX512F__
  return _mm512_cmp_pd_mask(reinterpret_cast<__m512d>(values), _mm512_set1_pd(limit), _CMP_LE_OQ);
#elif defined(__AVX2__)
  const __m256d within = _mm256_cmp_pd(reinterpret_cast<__m256d>(values), _mm256_set1_pd(limit), _CMP_LE_OQ);
  return static_cast<std::uint64_t>(_mm256_movemask_pd(within));
#else
  std::uint64_t bits = 0;
  for (std::int64_t l = 0; l < lanes_of_register; ++l) {
    bits |= std::uint64_t{values[l] <= limit ? 1U : 0U} << static_cast<std::uint64_t>(l);
  }
  return bits;
#endif
}

/// The reduced costs of scan_lanes columns from `first` on.
template <bool exact, typename Cost>
void reduce_block(const ScanRow<Cost>& row, std::int64_t first, Doubles* reduced_costs) {
#pragma GCC unroll 16
  for (std::int64_t r = 0; r < registers; ++r) {
    const std::int64_t j = first + (r * lanes_of_register);
    const Doubles cost = load(row.costs + j) * row.scale;
    reduced_costs[r] = reduced<exact>(cost, load(row.duals + j), row.error);
  }
}

template <bool exact, typename Cost>
std::int64_t columns_within_of(const ScanRow<Cost>& row, double limit, std::int64_t* begin, std::int64_t* found,
                               std::int64_t room) {
  constexpr std::int64_t piece = 64 * scan_lanes;
  std::int64_t count = 0;
  std::int64_t first = *begin;
  while (first + scan_lanes <= row.columns) {
    // Where the few blocks are that have such columns, without branches that can't be predicted.
    std::int64_t blocks[piece / scan_lanes];
    std::int64_t number = 0;
    const std::int64_t end = first + piece < row.columns ? first + piece : row.columns;
    for (; first + scan_lanes <= end; first += scan_lanes) {
      Doubles reduced_costs[registers];
      reduce_block<exact>(row, first, reduced_costs);
      Doubles least = reduced_costs[0];
      for (std::int64_t r = 1; r < registers; ++r) {
        least = smaller(reduced_costs[r], least);
      }
      blocks[number] = first;
      number += bits_within(least, limit) != 0 ? 1 : 0;
    }
    for (std::int64_t b = 0; b < number; ++b) {
      if (count + scan_lanes > room) {
        *begin = blocks[b];
        return count;
      }
      Doubles reduced_costs[registers];
      reduce_block<exact>(row, blocks[b], reduced_costs);
      std::uint64_t bits = 0;
      for (std::int64_t r = 0; r < registers; ++r) {
        bits |= bits_within(reduced_costs[r], limit) << static_cast<std::uint64_t>(r * lanes_of_register);
      }
      for (; bits != 0; bits &= bits - 1) {
        found[count++] = blocks[b] + __builtin_ctzll(bits);
      }
    }
  }
  if (count + (row.columns - first) <= room) {
    for (; first < row.columns; ++first) {
      const double cost = static_cast<double>(row.costs[first]) * row.scale;
      found[count] = first;
      count += reduced<exact>(cost, row.duals[first], row.error) <= limit ? 1 : 0;
    }
  }
  *begin = first;
  return count;
}

template <typename Cost>
std::int64_t columns_within(const ScanRow<Cost>& row, double limit, std::int64_t* begin, std::int64_t* found,
                            std::int64_t room) {
  return row.error == 0.0 ? columns_within_of<true>(row, limit, begin, found, room)
                          : columns_within_of<false>(row, limit, begin, found, room);
}

template <typename Cost>
void relax(const ScanRow<Cost>& row, double base, double* distances, double* least) {
  Doubles minima[registers];
  for (std::int64_t r = 0; r < registers; ++r) {
    minima[r] = Doubles{} + __builtin_inf();
  }
  std::int64_t begin = 0;
  for (; begin + scan_lanes <= row.columns; begin += scan_lanes) {
#pragma GCC unroll 16
    for (std::int64_t r = 0; r < registers; ++r) {
      const std::int64_t j = begin + (r * lanes_of_register);
      const Doubles distance = (load(row.costs + j) * row.scale - load(row.duals + j)) + base;
      const Doubles shortest = smaller(distance, load(distances + j));
      store(distances + j, shortest);
      minima[r] = smaller(shortest, minima[r]);
    }
  }
  for (std::int64_t r = 0; r < registers; ++r) {
    store(least + (r * lanes_of_register), minima[r]);
  }
  for (std::int64_t j = begin; j < row.columns; ++j) {
    const double distance = (static_cast<double>(row.costs[j]) * row.scale - row.duals[j]) + base;
    distances[j] = smaller(distance, distances[j]);
    least[j - begin] = smaller(distances[j], least[j - begin]);
  }
}

template <typename Cost>
void relax_integers(const IntegerRow<Cost>& row, std::int64_t base, std::int64_t* distances, std::int64_t* least) {
  constexpr std::int64_t farthest = 0x7FFFFFFFFFFFFFFF;
  Integers minima[registers];
  for (std::int64_t r = 0; r < registers; ++r) {
    minima[r] = Integers{} + farthest;
  }
  std::int64_t begin = 0;
  for (; begin + scan_lanes <= row.columns; begin += scan_lanes) {
#pragma GCC unroll 16
    for (std::int64_t r = 0; r < registers; ++r) {
      const std::int64_t j = begin + (r * lanes_of_register);
      Integers dual;
      Integers before;
      std::memcpy(&dual, row.duals + j, sizeof(dual));
      std::memcpy(&before, distances + j, sizeof(before));
      const Integers cost = __builtin_convertvector(load(row.costs + j) * row.scale, Integers);
      const Integers distance = (cost - dual) + base;
      const Integers shortest = distance < before ? distance : before;
      std::memcpy(distances + j, &shortest, sizeof(shortest));
      minima[r] = shortest < minima[r] ? shortest : minima[r];
    }
  }
  for (std::int64_t r = 0; r < registers; ++r) {
    std::memcpy(least + (r * lanes_of_register), &minima[r], sizeof(minima[r]));
  }
  for (std::int64_t j = begin; j < row.columns; ++j) {
    const auto cost = static_cast<std::int64_t>(static_cast<double>(row.costs[j]) * row.scale);
    const std::int64_t distance = (cost - row.duals[j]) + base;
    distances[j] = distance < distances[j] ? distance : distances[j];
    least[j - begin] = distances[j] < least[j - begin] ? distances[j] : least[j - begin];
  }
}

template <typename Cost, typename Bits>
constexpr ScanLoopsOf<Cost> loops_of() {
  return {lane_minimum<Cost>, columns_within<Cost>, relax<Cost>,      relax_integers<Cost>,
          extend<Cost, Bits>, first_within<Cost>,   mark_within<Cost>};
}

constexpr ScanLoops all_loops() {
  return {loops_of<float, std::uint32_t>(), loops_of<double, std::uint64_t>()};
}

// NOLINTEND(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays,modernize-loop-convert)

}  // namespace

}  // namespace funcsim
