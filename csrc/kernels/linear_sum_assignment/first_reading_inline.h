#pragma once

// The part of scan_loops_inline.h for the first reading of a matrix, and the bits of its cheapest pairs.
#include <cstdint>
#include <cstring>

#include "kernels/linear_sum_assignment/scan_loops.h"

namespace funcsim {

namespace {  // NOLINT(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level

// NOLINTBEGIN(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays,modernize-loop-convert): nothing of std here

/// Without their sign, floating numbers have the order of their bits.
template <typename Cost, typename Bits>
void extend_range(const Cost* costs, std::int64_t columns, CostRange* range) {
  constexpr Bits without_sign = static_cast<Bits>(~Bits{0}) >> 1U;
  Bits largest = 0;
  Bits smallest = static_cast<Bits>(~Bits{0});
  for (std::int64_t j = 0; j < columns; ++j) {
    Bits bits = 0;
    std::memcpy(&bits, costs + j, sizeof(bits));
    bits &= without_sign;
    largest = bits > largest ? bits : largest;
    const Bits less = static_cast<Bits>(bits - 1);
    smallest = less < smallest ? less : smallest;
  }
  const std::uint64_t none = ~std::uint64_t{0};
  const std::uint64_t least = smallest == static_cast<Bits>(~Bits{0}) ? none : smallest;
  range->largest = largest > range->largest ? largest : range->largest;
  range->smallest = least < range->smallest ? least : range->smallest;
}

/// A register of costs as they are stored.
template <typename Cost>
struct RegisterOf {
  using Values [[gnu::vector_size(FUNCSIM_REGISTER_BYTES)]] = Cost;
  static constexpr std::int64_t lanes = FUNCSIM_REGISTER_BYTES / static_cast<std::int64_t>(sizeof(Cost));

  static Values load(const Cost* from) {
    Values values;
    std::memcpy(&values, from, sizeof(values));
    return values;
  }
};

/// The two smallest costs that each of some lanes has seen.
template <typename Values>
struct TwoLeast {
  Values least;
  Values second;

  void add(const Values& cost) {
    const Values larger = cost < least ? least : cost;
    least = cost < least ? cost : least;
    second = larger < second ? larger : second;
  }

  void merge(const TwoLeast& other) {
    add(other.least);
    second = other.second < second ? other.second : second;
  }
};

constexpr std::int64_t chains = 256 / FUNCSIM_REGISTER_BYTES;  // registers in flight

template <typename Cost>
void lower_minima(const Cost* costs, std::int64_t columns, Cost factor, Cost* minima,
                  TwoLeast<typename RegisterOf<Cost>::Values>* lanes, TwoLeast<Cost>* rest) {
  using Register = RegisterOf<Cost>;
  std::int64_t j = 0;
  for (; j + (chains * Register::lanes) <= columns; j += chains * Register::lanes) {
#pragma GCC unroll 16
    for (std::int64_t c = 0; c < chains; ++c) {
      const std::int64_t place = j + (c * Register::lanes);
      const typename Register::Values cost = Register::load(costs + place) * factor;
      lanes[c].add(cost);
      if (minima != nullptr) {
        const typename Register::Values before = Register::load(minima + place);
        const typename Register::Values after = cost < before ? cost : before;
        std::memcpy(minima + place, &after, sizeof(after));
      }
    }
  }
  for (; j < columns; ++j) {
    const Cost cost = costs[j] * factor;
    rest->add(cost);
    if (minima != nullptr) {
      minima[j] = cost < minima[j] ? cost : minima[j];
    }
  }
}

template <typename Cost>
std::int64_t first_within(const Cost* costs, std::int64_t begin, std::int64_t columns, double sign, Cost limit) {
  using Register = RegisterOf<Cost>;
  const Cost factor = static_cast<Cost>(sign);
  std::int64_t j = begin;
  for (; j + (chains * Register::lanes) <= columns; j += chains * Register::lanes) {
    auto some = Register::load(costs + j) * factor <= limit;
    for (std::int64_t c = 1; c < chains; ++c) {
      some |= Register::load(costs + j + (c * Register::lanes)) * factor <= limit;
    }
    std::int64_t halves[FUNCSIM_REGISTER_BYTES / sizeof(std::int64_t)];
    std::memcpy(halves, &some, sizeof(some));
    std::int64_t any = 0;
    for (const std::int64_t half : halves) {
      any |= half;
    }
    if (any != 0) {
      break;
    }
  }
  while (j < columns && !(costs[j] * factor <= limit)) {
    ++j;
  }
  return j;
}

template <typename Cost, typename Bits>
void extend(const Cost* costs, std::int64_t columns, double sign, Cost* minima, CostRange* range,
            RowMinimum<Cost>* minimum) {
  using Values = RegisterOf<Cost>::Values;
  constexpr std::int64_t piece = 2048;  // stays in the first cache between the two loops
  constexpr Cost infinity = static_cast<Cost>(__builtin_inf());
  const Cost factor = static_cast<Cost>(sign);
  TwoLeast<Values> lanes[chains];
  for (std::int64_t c = 0; c < chains; ++c) {
    lanes[c] = {Values{} + infinity, Values{} + infinity};
  }
  TwoLeast<Cost> two{infinity, infinity};
  for (std::int64_t begin = 0; begin < columns; begin += piece) {
    const std::int64_t size = begin + piece < columns ? piece : columns - begin;
    extend_range<Cost, Bits>(costs + begin, size, range);
    lower_minima(costs + begin, size, factor, minima == nullptr ? nullptr : minima + begin, lanes, &two);
  }
  for (std::int64_t c = 1; c < chains; ++c) {
    lanes[0].merge(lanes[c]);
  }
  for (std::int64_t l = 0; l < RegisterOf<Cost>::lanes; ++l) {
    two.merge({lanes[0].least[l], lanes[0].second[l]});
  }
  *minimum = {two.least, two.second, first_within(costs, 0, columns, sign, two.least)};
}

template <typename Cost>
void mark_within(const Cost* costs, std::int64_t columns, double sign, Cost limit, std::uint64_t* words) {
  const Cost factor = static_cast<Cost>(sign);
  constexpr std::int64_t bits = 64;
  for (std::int64_t begin = 0; begin < columns; begin += bits) {
    std::uint64_t word = 0;
    if (begin + bits <= columns) {
      unsigned char within[bits];
      for (std::int64_t l = 0; l < bits; ++l) {
        within[l] = costs[begin + l] * factor <= limit ? 1 : 0;
      }
      for (std::int64_t byte = 0; byte < bits; byte += 8) {  // gathers eight bytes of 0 and 1 in one
        std::uint64_t eight = 0;
        std::memcpy(&eight, within + byte, sizeof(eight));
        word |= ((eight * 0x0102040810204080) >> 56U) << static_cast<std::uint64_t>(byte);
      }
    } else {
      for (std::int64_t j = begin; j < columns; ++j) {
        word |= std::uint64_t{costs[j] * factor <= limit ? 1U : 0U} << static_cast<std::uint64_t>(j - begin);
      }
    }
    words[begin / bits] = word;
  }
}

// NOLINTEND(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays,modernize-loop-convert)

}  // namespace

}  // namespace funcsim
