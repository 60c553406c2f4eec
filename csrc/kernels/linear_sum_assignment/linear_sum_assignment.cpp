// Linear sum assignment, exactly.
//
// Exactness. Costs are finite binary fractions, hence integers in units of some power of two. The solver
// (augmenting_solver.h) adds, subtracts and compares, so in integers it makes no rounding error: it ends, and
// returns an optimum of the very matrix it was given, whatever its values. Which type it counts in depends on the
// matrix, and is the first in this table that is wide enough for every cost, from the highest bit of the largest to the
// lowest bit set in any:
//
//     bits of costs   type            for example
//     49              double          float similarities; all integer costs up to 2^49
//     57              std::int64_t    uniform doubles, phi coefficients
//     120             __int128        normal doubles; all other integer costs
//     384, 2176       WideInteger     all other floats, all other doubles; slow, but for a range like 1e-30 to 1e30
//
// Costs are scaled by a power of two to fill the type. Integers up to 2^53 are exact in double, and double has the
// fastest arithmetic. The rest of the bits is for sums: augmenting_solver.h proves that four are enough.
//
// Forbidden pairs get a cost above any difference between two sums of finite costs (2^bits, while finite costs are kept
// below 2^(bits - 1) / rows), which is an integer like the others. So an optimal assignment has as few of them as
// possible, and if it has any, the problem is infeasible.
//
// Ties. Among all optimal assignments the first in lexicographic order is returned. With rows <= columns, it is the one
// that gives row 0 the lowest column that row 0 has in any optimal assignment, then among those row 1 its lowest, and
// so on. With more rows than columns, the roles are exchanged: column 0 has the lowest row that it has in any, and so
// on. So the result depends on the matrix alone, neither on the method nor on the arithmetic. A constant matrix gives
// the identity. Optimal duals show which pairs can be part of an optimum, and first_assignment.h finds the first
// assignment of these.
//
// Sources.
// - Jonker, Volgenant, "A shortest augmenting path algorithm for dense and sparse linear assignment problems",
//   Computing 38 (1987).
// - Crouse, "On implementing 2D rectangular assignment algorithms", IEEE Transactions on Aerospace and Electronic
//   Systems 52 (2016).
// - Bertsekas, "The auction algorithm: a distributed relaxation method for the assignment problem", Annals of
//   Operations Research 14 (1988).
// - Bertsekas, Castanon, "The auction algorithm for the transportation problem", Annals of Operations Research 20
//   (1989): equal rows handled as one.
// - Tarjan, "Depth-first search and linear graph algorithms", SIAM Journal on Computing 1 (1972).
#include "kernels/linear_sum_assignment/linear_sum_assignment.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>
#include <utility>

#include "kernels/linear_sum_assignment/augmenting_solver.h"
#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"

namespace funcsim {

namespace {

/// What is solved: costs to minimise, with no more rows than columns.
template <typename Cost>
struct Problem {
  CostMatrix<Cost> matrix;  ///< rows <= columns
  bool transposed;          ///< the rows of `matrix` are the columns of the one given
  bool negated;             ///< the costs are those in `matrix` times -1
};

template <typename Cost>
CostMatrix<Cost> transpose(const CostMatrix<Cost>& matrix) {
  return {matrix.data, matrix.columns, matrix.rows, matrix.column_stride, matrix.row_stride};
}

/// Calls visit(costs, count) for pieces of contiguous costs that make up the matrix, in any order, while it returns
/// true.
template <typename Cost, typename Visit>
bool visit_costs(const CostMatrix<Cost>& matrix, const Visit& visit) {
  const bool along_rows = std::abs(matrix.column_stride) <= std::abs(matrix.row_stride);
  const std::int64_t outer = along_rows ? matrix.rows : matrix.columns;
  const std::int64_t inner = along_rows ? matrix.columns : matrix.rows;
  const std::int64_t outer_stride = along_rows ? matrix.row_stride : matrix.column_stride;
  const std::int64_t inner_stride = along_rows ? matrix.column_stride : matrix.row_stride;
  std::array<Cost, 1024> piece{};
  for (std::int64_t i = 0; i < outer; ++i) {
    for (std::int64_t begin = 0; begin < inner; begin += piece.size()) {
      const Cost* first = matrix.data + (i * outer_stride) + (begin * inner_stride);
      const std::int64_t count = std::min<std::int64_t>(piece.size(), inner - begin);
      for (std::int64_t j = 0; inner_stride != 1 && j < count; ++j) {
        piece[j] = first[j * inner_stride];
      }
      if (!visit(inner_stride == 1 ? first : piece.data(), count)) {
        return false;
      }
    }
  }
  return true;
}

/// The matrix with `convert` applied to every cost, contiguous, with rows of length `stride` that end in zeros.
template <typename Stored, typename Cost, typename Convert>
std::vector<Stored> convert_costs(const CostMatrix<Cost>& matrix, std::int64_t stride, Convert convert) {
  std::vector<Stored> costs(static_cast<std::size_t>(matrix.rows * stride));
  constexpr std::int64_t tile = 16;  // of a transposed matrix, a cache line has costs of 16 rows
  for (std::int64_t first = 0; first < matrix.rows; first += tile) {
    const std::int64_t last = std::min(first + tile, matrix.rows);
    const std::int64_t width = matrix.column_stride == 1 ? matrix.columns : tile;
    for (std::int64_t begin = 0; begin < matrix.columns; begin += width) {
      const std::int64_t end = std::min(begin + width, matrix.columns);
      for (std::int64_t i = first; i < last; ++i) {
        const Cost* from = matrix.data + (i * matrix.row_stride);
        Stored* to = costs.data() + (i * stride);
        for (std::int64_t j = begin; j < end; ++j) {
          to[j] = convert(from[j * matrix.column_stride]);
        }
      }
    }
  }
  return costs;
}

/// Notes the first cost in the matrix given, row by row, that is NaN or an infinity of the wrong sign.
template <typename Cost>
void find_bad_cost(const Problem<Cost>& problem, Assignment& assignment) {
  const CostMatrix<Cost> given = problem.transposed ? transpose(problem.matrix) : problem.matrix;
  const double invalid = problem.negated ? HUGE_VAL : -HUGE_VAL;
  for (std::int64_t i = 0; i < given.rows; ++i) {
    for (std::int64_t j = 0; j < given.columns; ++j) {
      const Cost cost = given.data[(i * given.row_stride) + (j * given.column_stride)];
      if (std::isnan(cost) || cost == invalid) {
        assignment.status = std::isnan(cost) ? AssignmentStatus::nan : AssignmentStatus::invalid_infinity;
        assignment.bad_row = i;
        assignment.bad_column = j;
        return;
      }
    }
  }
}

/// How large costs are.
struct Magnitude {
  int exponent;        ///< finite costs are below 2^exponent
  bool some_infinite;  ///< or NaN
};

template <typename Cost>
Magnitude find_magnitude(const CostMatrix<Cost>& matrix) {
  // Without their sign, floating numbers have the order of their bits, and integers are quicker to compare.
  using Bits = std::conditional_t<std::is_same_v<Cost, float>, std::int32_t, std::int64_t>;
  constexpr auto infinity = std::bit_cast<Bits>(std::numeric_limits<Cost>::infinity());
  Bits largest = 0;
  Bits largest_finite = 0;
  visit_costs(matrix, [&](const Cost* costs, std::int64_t count) {
    Bits piece = 0;
    for (std::int64_t j = 0; j < count; ++j) {
      piece = std::max(piece, std::bit_cast<Bits>(costs[j]) & std::numeric_limits<Bits>::max());
    }
    for (std::int64_t j = 0; piece >= infinity && j < count; ++j) {
      const Bits bits = std::bit_cast<Bits>(costs[j]) & std::numeric_limits<Bits>::max();
      largest_finite = bits < infinity ? std::max(largest_finite, bits) : largest_finite;
    }
    largest_finite = piece < infinity ? std::max(largest_finite, piece) : largest_finite;
    largest = std::max(largest, piece);
    return true;
  });
  Magnitude magnitude{0, largest >= infinity};
  std::frexp(std::bit_cast<Cost>(largest_finite), &magnitude.exponent);
  return magnitude;
}

/// Multiplies by a power of two that may be out of double's range, where the result isn't.
class PowerOfTwo {
 public:
  explicit PowerOfTwo(int exponent)
      : half_(std::ldexp(1.0, exponent / 2)), rest_(std::ldexp(1.0, exponent - (exponent / 2))) {}
  double operator()(double value) const { return value * half_ * rest_; }

 private:
  double half_;
  double rest_;
};

/// Whether all finite costs are integers when multiplied by `scale`, which makes them less than 2^cost_bits.
template <typename Number, typename Cost>
bool are_integers(const CostMatrix<Cost>& matrix, const PowerOfTwo& scale) {
  constexpr double no_fraction = 0x1p52;  // doubles from here to twice that are the integers
  return visit_costs(matrix, [&](const Cost* costs, std::int64_t count) {
    std::int64_t fractions = 0;
    for (std::int64_t j = 0; j < count; ++j) {
      const double size = std::abs(scale(costs[j]));
      const double small = NumberTraits<Number>::cost_bits < 52 ? size : std::min(size, no_fraction);
      const bool fraction = (small + no_fraction) - no_fraction != small;
      const bool underflow = std::is_same_v<Cost, double> && size == 0.0 && costs[j] != 0.0;
      fractions += fraction || underflow ? 1 : 0;
    }
    return fractions == 0;
  });
}

/// Columns padded for the scans, whatever they count in.
template <typename Cost>
std::int64_t padded_columns(const CostMatrix<Cost>& matrix) {
  static_assert(scan_lanes<double> % scan_lanes<Int128> == 0);
  constexpr std::int64_t lanes = scan_lanes<double>;
  return (matrix.columns + lanes - 1) / lanes * lanes;
}

/// Solves in numbers of a type in which it is exact. `costs` are those of the problem times 2^exponent.
template <typename Number, typename Cost, typename Stored>
void solve(const Problem<Cost>& problem, const std::vector<Stored>& costs, int exponent, Assignment& assignment) {
  const auto [rows, columns] = std::pair(problem.matrix.rows, problem.matrix.columns);
  AugmentingSolver<Stored, Number> solver(costs.data(), rows, columns, padded_columns(problem.matrix));
  solver.solve();
  std::vector<std::int64_t> column_of_row = solver.column_of_row();
  for (std::int64_t i = 0; i < rows; ++i) {
    if (solver.cost(i, column_of_row[i]) == NumberTraits<Number>::forbidden()) {
      assignment.status = AssignmentStatus::infeasible;
      return;
    }
  }
  const auto dual = [&](const Number& number) {
    const double value = std::ldexp(static_cast<double>(number), -exponent);
    return problem.negated ? -value : value;
  };
  std::vector<double>& row_duals = problem.transposed ? assignment.column_duals : assignment.row_duals;
  std::vector<double>& column_duals = problem.transposed ? assignment.row_duals : assignment.column_duals;
  for (std::int64_t i = 0; i < rows; ++i) {
    row_duals[i] = dual(solver.row_dual(i));
  }
  for (std::int64_t j = 0; j < columns; ++j) {
    column_duals[j] = dual(solver.column_dual(j));
  }
  make_first(solver.tight_pairs(), column_of_row);
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t j = column_of_row[i];
    assignment.column_of_row[problem.transposed ? j : i] = problem.transposed ? i : j;
  }
}

/// Solves in Number if that is wide enough.
template <typename Number, typename Stored, typename Cost>
bool try_solve(const Problem<Cost>& problem, const Magnitude& magnitude, Assignment& assignment) {
  const auto rows = static_cast<std::uint64_t>(problem.matrix.rows);
  const int sums = magnitude.some_infinite ? 1 + static_cast<int>(std::bit_width(rows)) : 0;
  const int exponent = NumberTraits<Number>::cost_bits - sums - magnitude.exponent;
  const PowerOfTwo scale(exponent);
  if (!are_integers<Number>(problem.matrix, scale)) {
    return false;
  }
  constexpr auto forbidden = static_cast<double>(NumberTraits<Number>::forbidden());
  const double sign = problem.negated ? -1.0 : 1.0;
  const auto convert = [=](Cost cost) {
    const double value = scale(cost * sign);
    return static_cast<Stored>(value < forbidden ? value : forbidden);
  };
  const auto costs = convert_costs<Stored>(problem.matrix, padded_columns(problem.matrix), convert);
  solve<Number>(problem, costs, exponent, assignment);
  return true;
}

template <typename Cost>
void solve_problem(const Problem<Cost>& problem, Assignment& assignment) {
  const Magnitude magnitude = find_magnitude(problem.matrix);
  if (magnitude.some_infinite) {
    find_bad_cost(problem, assignment);
    if (assignment.status != AssignmentStatus::optimal) {
      return;
    }
  }
  if (try_solve<double, Cost>(problem, magnitude, assignment) ||
      try_solve<std::int64_t, std::int64_t>(problem, magnitude, assignment) ||
      try_solve<Int128, Int128>(problem, magnitude, assignment)) {
    return;
  }
  using Wide = std::conditional_t<std::is_same_v<Cost, float>, FloatInteger, DoubleInteger>;
  const auto costs = convert_costs<double>(problem.matrix, padded_columns(problem.matrix),
                                           [&](double value) { return problem.negated ? -value : value; });
  solve<Wide>(problem, costs, 0, assignment);
}

void solve_problem(const Problem<std::int64_t>& problem, Assignment& assignment) {
  std::uint64_t bits = 0;
  visit_costs(problem.matrix, [&](const std::int64_t* costs, std::int64_t count) {
    for (std::int64_t j = 0; j < count; ++j) {
      const auto value = static_cast<std::uint64_t>(costs[j]);
      bits |= costs[j] < 0 ? -value : value;
    }
    return true;
  });
  const std::int64_t stride = padded_columns(problem.matrix);
  const std::int64_t sign = problem.negated ? -1 : 1;
  const int magnitude = static_cast<int>(std::bit_width(bits));
  if (magnitude <= NumberTraits<double>::cost_bits) {
    const int exponent = NumberTraits<double>::cost_bits - magnitude;
    const double factor = std::ldexp(static_cast<double>(sign), exponent);
    const auto convert = [&](std::int64_t cost) { return static_cast<double>(cost) * factor; };
    solve<double>(problem, convert_costs<double>(problem.matrix, stride, convert), exponent, assignment);
  } else {
    const int exponent = NumberTraits<Int128>::cost_bits - magnitude;
    const Int128 factor = sign * (Int128{1} << exponent);
    const auto convert = [&](std::int64_t cost) { return cost * factor; };
    solve<Int128>(problem, convert_costs<Int128>(problem.matrix, stride, convert), exponent, assignment);
  }
}

}  // namespace

template <typename Cost>
Assignment linear_sum_assignment(const CostMatrix<Cost>& cost, bool maximize) {
  Assignment assignment;
  assignment.column_of_row.resize(cost.rows, -1);
  assignment.row_duals.resize(cost.rows);
  assignment.column_duals.resize(cost.columns);
  if (cost.rows > 0 && cost.columns > 0) {
    const bool transposed = cost.rows > cost.columns;
    solve_problem(Problem<Cost>{transposed ? transpose(cost) : cost, transposed, maximize}, assignment);
  }
  return assignment;
}

template Assignment linear_sum_assignment(const CostMatrix<float>& cost, bool maximize);
template Assignment linear_sum_assignment(const CostMatrix<double>& cost, bool maximize);
template Assignment linear_sum_assignment(const CostMatrix<std::int64_t>& cost, bool maximize);

}  // namespace funcsim
