#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <vector>

#include "kernels/linear_sum_assignment/linear_sum_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"

// Cost matrices, and their best assignments by trying all.

namespace funcsim {

using Columns = std::vector<std::int64_t>;

/// A contiguous matrix.
template <typename Cost>
struct Matrix {
  std::int64_t rows;
  std::int64_t columns;
  std::vector<Cost> costs;

  Matrix(std::int64_t rows_, std::int64_t columns_, const std::function<Cost(std::int64_t, std::int64_t)>& cost)
      : rows(rows_), columns(columns_) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < columns; ++j) {
        costs.push_back(cost(i, j));
      }
    }
  }

  Cost at(std::int64_t i, std::int64_t j) const { return costs[(i * columns) + j]; }
  CostMatrix<Cost> view() const { return {costs.data(), rows, columns, columns, 1}; }
  CostMatrix<Cost> transposed() const { return {costs.data(), columns, rows, 1, columns}; }
  Assignment solve(bool maximize = false) const { return linear_sum_assignment(view(), maximize, serial_for); }
};

/// A sum of doubles and 64-bit integers without rounding: digits of 32 bits from 2^-1152 up.
class ExactSum {
 public:
  void add(double value, int sign) {
    int exponent = 0;
    const auto mantissa = static_cast<std::int64_t>(std::ldexp(std::frexp(value, &exponent), 53));
    const int place = exponent - 53 + 1152;
    const auto shifted = Int128{mantissa} * (std::int64_t{1} << (place % 32)) * sign;
    add_at(place / 32, shifted);
  }
  void add(float value, int sign) { add(static_cast<double>(value), sign); }
  void add(std::int64_t value, int sign) { add_at(36, Int128{value} * sign); }

  bool operator<(const ExactSum& other) const {
    return std::lexicographical_compare(digits_.rbegin(), digits_.rend(), other.digits_.rbegin(), other.digits_.rend());
  }

 private:
  void add_at(int digit, Int128 value) {
    for (; digit < static_cast<int>(digits_.size()); ++digit) {
      const Int128 sum = digits_[digit] + value;
      const bool top = digit + 1 == static_cast<int>(digits_.size());
      digits_[digit] = static_cast<std::int64_t>(top ? sum : sum & 0xFFFFFFFF);
      value = (sum - digits_[digit]) / (Int128{1} << 32);
    }
  }

  std::array<std::int64_t, 72> digits_{};
};

/// Tries all assignments in lexicographic order: the first with the best exact total, none if all are forbidden.
template <typename Cost>
std::optional<Columns> first_of_the_best(const Matrix<Cost>& matrix, bool maximize) {
  if (matrix.rows > matrix.columns) {
    const Matrix<Cost> across(matrix.columns, matrix.rows, [&](auto i, auto j) { return matrix.at(j, i); });
    const std::optional<Columns> rows = first_of_the_best(across, maximize);
    if (!rows) {
      return std::nullopt;
    }
    Columns columns(matrix.rows, -1);
    for (std::int64_t j = 0; j < matrix.columns; ++j) {
      columns[(*rows)[j]] = j;
    }
    return columns;
  }
  std::optional<Columns> best;
  ExactSum best_total;
  Columns columns;
  const std::function<void(const ExactSum&)> extend = [&](const ExactSum& total) {
    const auto row = static_cast<std::int64_t>(columns.size());
    if (row == matrix.rows) {
      if (!best || total < best_total) {
        best = columns;
        best_total = total;
      }
      return;
    }
    for (std::int64_t j = 0; j < matrix.columns; ++j) {
      if (std::find(columns.begin(), columns.end(), j) == columns.end() && !std::isinf(double(matrix.at(row, j)))) {
        ExactSum longer = total;
        longer.add(matrix.at(row, j), maximize ? -1 : 1);
        columns.push_back(j);
        extend(longer);
        columns.pop_back();
      }
    }
  };
  extend(ExactSum());
  return best;
}

/// Random costs of one kind; nothing where the type has no such values.
template <typename Cost>
std::optional<Cost> random_cost(int kind, std::mt19937_64& random) {
  using Limits = std::numeric_limits<Cost>;
  constexpr bool integer = Limits::is_integer;
  const std::uint64_t r = random();
  const auto below = [&](std::uint64_t n) { return static_cast<int>((r >> 8) % n); };
  switch (kind) {
    case 0:  // many ties
      return static_cast<Cost>(below(3));
    case 1:
      return static_cast<Cost>(below(100) - 50);
    case 2:  // differences in the last place
      return integer ? static_cast<Cost>((std::int64_t{1} << 58) + below(4))
                     : static_cast<Cost>(1 + (below(4) * static_cast<double>(Limits::epsilon())));
    case 3:  // at the upper end
      return integer ? static_cast<Cost>(Limits::max() - below(3))
                     : static_cast<Cost>((below(2) == 0 ? 1 : -1) * Limits::max() / Cost(1 + below(3)));
    case 4:  // at the lower end: the lowest integers, the smallest numbers
      return integer ? static_cast<Cost>(Limits::min() + below(3)) : static_cast<Cost>(below(4) * Limits::denorm_min());
    case 5:  // all sizes
      return integer ? static_cast<Cost>(static_cast<std::int64_t>(r) >> below(64))
                     : static_cast<Cost>(std::ldexp(
                           below(2) == 0 ? 1.0 : -1.0,
                           Limits::min_exponent - Limits::digits + below(Limits::max_exponent - Limits::min_exponent)));
    case 6:  // powers of two
      return static_cast<Cost>(std::ldexp(1.0, below(60)));
    case 7:  // real numbers
      return integer ? std::nullopt : std::optional(static_cast<Cost>(std::ldexp(double(r), -64) - 0.25));
    case 8:  // from huge to tiny, and zero
      return integer ? std::nullopt
                     : std::optional(std::array<Cost, 4>{Limits::max(), Limits::denorm_min(), Limits::min(), 0}[r % 4]);
    default:
      return std::nullopt;
  }
}

}  // namespace funcsim
