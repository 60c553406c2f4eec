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
#include <bit>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/common/simd_level.h"
#include "kernels/linear_sum_assignment/augmenting_solver.h"
#include "kernels/linear_sum_assignment/cheapest_columns.h"
#include "kernels/linear_sum_assignment/cost_matrix.h"
#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"

namespace funcsim {

namespace {

/// What is solved: costs to minimise, with no more rows than columns.
template <typename Cost>
struct Problem {
  CostMatrix<Cost> matrix;  ///< rows <= columns, contiguous rows
  bool transposed;          ///< the rows of `matrix` are the columns of the one given
  bool negated;             ///< the costs are those in `matrix` times -1
  bool with_duals;
  const ScanLoops& loops;
  const ParallelFor& parallel_for;

  double sign() const { return negated ? -1.0 : 1.0; }
};

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

const ScanLoopsOf<float>& loops_for(const ScanLoops& loops, float /*cost*/) {
  return loops.of_floats;
}
const ScanLoopsOf<double>& loops_for(const ScanLoops& loops, double /*cost*/) {
  return loops.of_doubles;
}

/// Where the duals of the problem's rows and columns go.
template <typename Cost>
std::pair<std::vector<double>&, std::vector<double>&> duals_of(const Problem<Cost>& problem, Assignment& assignment) {
  if (problem.transposed) {
    return {assignment.column_duals, assignment.row_duals};
  }
  return {assignment.row_duals, assignment.column_duals};
}

/// Notes a column for each of the problem's rows.
template <typename Cost>
void set_columns(const Problem<Cost>& problem, const std::vector<std::int64_t>& column_of_row, Assignment& assignment) {
  for (std::int64_t i = 0; i < problem.matrix.rows; ++i) {
    const std::int64_t j = column_of_row[i];
    assignment.column_of_row[problem.transposed ? j : i] = problem.transposed ? i : j;
  }
}

/// Solves in exact numbers, which are costs times 2^exponent.
template <typename Costs, typename Cost>
void solve(const Problem<Cost>& problem, const Costs& costs, int exponent,
           const std::vector<typename Costs::Number>& minima, Assignment& assignment) {
  using Number = Costs::Number;
  const auto [rows, columns] = std::pair(costs.rows, costs.columns);
  AugmentingSolver<Costs> solver(costs, loops_for(problem.loops, typename Costs::Scan()));
  solver.solve(minima.empty() ? nullptr : minima.data());
  std::vector<std::int64_t> column_of_row = solver.column_of_row();
  for (std::int64_t i = 0; i < rows; ++i) {
    if (solver.cost(i, column_of_row[i]) == NumberTraits<Number>::forbidden()) {
      assignment.status = AssignmentStatus::infeasible;
      return;
    }
  }
  if (problem.with_duals) {
    const auto dual = [&](const Number& number) {
      const double value = std::ldexp(static_cast<double>(number), -exponent);
      return problem.negated ? -value : value;
    };
    const auto [row_duals, column_duals] = duals_of(problem, assignment);
    for (std::int64_t i = 0; i < rows; ++i) {
      row_duals.push_back(dual(solver.row_dual(i)));
    }
    for (std::int64_t j = 0; j < columns; ++j) {
      column_duals.push_back(dual(solver.column_dual(j)));
    }
  }
  make_first(solver.tight_pairs(), column_of_row);
  set_columns(problem, column_of_row, assignment);
}

/// Solves floating costs as they are stored.
template <typename Number, typename Cost>
void solve_in_place(const Problem<Cost>& problem, int exponent, const std::vector<Cost>& minima,
                    Assignment& assignment) {
  const CostMatrix<Cost>& matrix = problem.matrix;
  const double scale = std::ldexp(problem.sign(), exponent);
  const auto exact = [data = matrix.data, stride = matrix.row_stride, scale](std::int64_t i, std::int64_t j) {
    return static_cast<Number>(static_cast<double>(data[(i * stride) + j]) * scale);
  };
  std::vector<Number> duals(minima.size());
  std::ranges::transform(minima, duals.begin(), [&](Cost cost) {  // minima have the sign already
    return static_cast<Number>(static_cast<double>(cost) * std::abs(scale));
  });
  const Costs<Number, Cost, decltype(exact)> costs{exact,          matrix.data, matrix.row_stride, scale, matrix.rows,
                                                   matrix.columns, true};
  solve(problem, costs, exponent, duals, assignment);
}

/// Solves a copy in which costs are scaled, and those of forbidden pairs replaced.
template <typename Number, typename Cost>
void solve_copy(const Problem<Cost>& problem, int exponent, Assignment& assignment) {
  constexpr auto forbidden = static_cast<double>(NumberTraits<Number>::forbidden());
  const PowerOfTwo scale(exponent);
  const CostMatrix<Cost>& matrix = problem.matrix;
  const std::vector<double> scaled = convert_costs<double>(
      matrix,
      [=, sign = problem.sign()](Cost cost) {
        const double value = scale(cost * sign);
        return value < forbidden ? value : forbidden;
      },
      problem.parallel_for);
  const auto exact = [data = scaled.data(), stride = matrix.columns](std::int64_t i, std::int64_t j) {
    return static_cast<Number>(data[(i * stride) + j]);
  };
  const Costs<Number, double, decltype(exact)> costs{exact,          scaled.data(), matrix.columns, 1.0, matrix.rows,
                                                     matrix.columns, true};
  solve(problem, costs, exponent, std::vector<Number>(), assignment);
}

/// Solves in Number if that is wide enough.
template <typename Number, typename Cost>
bool try_solve(const Problem<Cost>& problem, const Magnitude& magnitude, const std::vector<Cost>& minima,
               Assignment& assignment) {
  const auto rows = static_cast<std::uint64_t>(problem.matrix.rows);
  const int sums = magnitude.some_infinite ? 1 + static_cast<int>(std::bit_width(rows)) : 0;
  const int bits = NumberTraits<Number>::cost_bits - sums;
  const int exponent = bits - magnitude.exponent;
  if (magnitude.exponent - magnitude.lowest > bits &&
      !are_integers<Number>(problem.matrix, PowerOfTwo(exponent), problem.parallel_for)) {
    return false;
  }
  constexpr int largest_exponent = 1000;  // of a scale in double
  if (magnitude.some_infinite || std::abs(exponent) > largest_exponent) {
    solve_copy<Number>(problem, exponent, assignment);
  } else {
    solve_in_place<Number>(problem, exponent, minima, assignment);
  }
  return true;
}

/// Solves problems in which all rows can have one of their cheapest columns.
template <typename Cost>
bool try_cheapest_columns(const Problem<Cost>& problem, const std::vector<Cost>& minima, Assignment& assignment) {
  const std::optional<std::vector<std::int64_t>> columns = assign_cheapest_columns(
      problem.matrix, problem.sign(), minima, loops_for(problem.loops, Cost()), problem.parallel_for);
  if (!columns) {
    return false;
  }
  set_columns(problem, *columns, assignment);
  if (problem.with_duals) {
    const auto [row_duals, column_duals] = duals_of(problem, assignment);
    row_duals.assign(minima.begin(), minima.end());
    for (double& dual : row_duals) {
      dual *= problem.sign();
    }
    column_duals.assign(problem.matrix.columns, 0.0);
  }
  return true;
}

template <typename Cost>
void solve_problem(const Problem<Cost>& problem, Assignment& assignment) {
  const std::int64_t rows = problem.matrix.rows;
  Minima<Cost> least{std::vector<Cost>(rows), std::vector<Cost>(rows == problem.matrix.columns ? rows : 0)};
  const Magnitude magnitude =
      read_costs(problem.matrix, problem.sign(), loops_for(problem.loops, Cost()), least, problem.parallel_for);
  if (magnitude.some_infinite) {
    find_bad_cost(problem, assignment);
    if (assignment.status != AssignmentStatus::optimal) {
      return;
    }
  }
  const std::vector<Cost>& minima = least.of_columns;
  if (try_cheapest_columns(problem, least.of_rows, assignment) ||
      try_solve<double>(problem, magnitude, minima, assignment) ||
      try_solve<std::int64_t>(problem, magnitude, minima, assignment) ||
      try_solve<Int128>(problem, magnitude, minima, assignment)) {
    return;
  }
  using Wide = std::conditional_t<std::is_same_v<Cost, float>, FloatInteger, DoubleInteger>;
  const CostMatrix<Cost>& matrix = problem.matrix;
  const auto exact = [data = matrix.data, stride = matrix.row_stride, sign = problem.sign()](std::int64_t i,
                                                                                             std::int64_t j) {
    return Wide(static_cast<double>(data[(i * stride) + j]) * sign);
  };
  constexpr int headroom = 8;  // for sums of costs in double
  const bool scannable =
      !magnitude.some_infinite && magnitude.exponent < std::numeric_limits<double>::max_exponent - headroom;
  const Costs<Wide, Cost, decltype(exact)> costs{exact,       matrix.data,    matrix.row_stride, problem.sign(),
                                                 matrix.rows, matrix.columns, scannable};
  std::vector<Wide> duals;
  duals.reserve(minima.size());
  for (const Cost cost : minima) {
    duals.emplace_back(static_cast<double>(cost));
  }
  solve(problem, costs, 0, duals, assignment);
}

void solve_problem(const Problem<std::int64_t>& problem, Assignment& assignment) {
  const CostMatrix<std::int64_t>& matrix = problem.matrix;
  std::uint64_t bits = 0;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.columns; ++j) {
      const auto value = static_cast<std::uint64_t>(matrix.data[(i * matrix.row_stride) + j]);
      bits |= static_cast<std::int64_t>(value) < 0 ? -value : value;
    }
  }
  const int magnitude = static_cast<int>(std::bit_width(bits));
  const auto solve_as = [&]<typename Number>(Number /*zero*/) {
    // Where Number isn't double, scans see costs rounded.
    const int exponent = NumberTraits<Number>::cost_bits - magnitude;
    const double scale = std::ldexp(problem.sign(), exponent);
    const std::vector<double> scaled = convert_costs<double>(
        matrix, [scale](std::int64_t cost) { return static_cast<double>(cost) * scale; }, problem.parallel_for);
    const auto exact = [&matrix, scaled = scaled.data(), factor = static_cast<Number>(scale)](std::int64_t i,
                                                                                              std::int64_t j) {
      if constexpr (std::is_same_v<Number, double>) {
        return scaled[(i * matrix.columns) + j];
      } else {
        return matrix.data[(i * matrix.row_stride) + j] * factor;
      }
    };
    const Costs<Number, double, decltype(exact)> costs{exact,          scaled.data(), matrix.columns, 1.0, matrix.rows,
                                                       matrix.columns, true};
    solve(problem, costs, exponent, std::vector<Number>(), assignment);
  };
  if (magnitude <= NumberTraits<double>::cost_bits) {
    solve_as(double());
  } else {
    solve_as(Int128());
  }
}

const ScanLoops& chosen_loops() {
  static const ScanLoops& loops =
      LoopsByLevel<ScanLoops>{
          .portable = &scan_loops_portable,
#ifdef __x86_64__
          .avx2 = &scan_loops_avx2,
          .avx512 = &scan_loops_avx512,
#elif defined(__aarch64__)
          .neon = &scan_loops_neon,
#endif
      }
          .chosen();
  return loops;
}

}  // namespace

template <typename Cost>
Assignment linear_sum_assignment(const CostMatrix<Cost>& cost, bool maximize, const ParallelFor& parallel_for,
                                 bool with_duals) {
  Assignment assignment;
  assignment.column_of_row.resize(cost.rows, -1);
  if (cost.rows == 0 || cost.columns == 0) {
    assignment.row_duals.resize(with_duals ? cost.rows : 0);
    assignment.column_duals.resize(with_duals ? cost.columns : 0);
  }
  if (cost.rows > 0 && cost.columns > 0) {
    const bool transposed = cost.rows > cost.columns;
    CostMatrix<Cost> matrix = transposed ? transpose(cost) : cost;
    std::vector<Cost> contiguous;
    if (matrix.column_stride != 1) {
      contiguous = convert_costs<Cost>(matrix, [](Cost value) { return value; }, parallel_for);
      matrix = {contiguous.data(), matrix.rows, matrix.columns, matrix.columns, 1};
    }
    solve_problem(Problem<Cost>{matrix, transposed, maximize, with_duals, chosen_loops(), parallel_for}, assignment);
  }
  return assignment;
}

template Assignment linear_sum_assignment(const CostMatrix<float>& cost, bool maximize,
                                          const ParallelFor& parallel_for, bool with_duals);
template Assignment linear_sum_assignment(const CostMatrix<double>& cost, bool maximize,
                                          const ParallelFor& parallel_for, bool with_duals);
template Assignment linear_sum_assignment(const CostMatrix<std::int64_t>& cost, bool maximize,
                                          const ParallelFor& parallel_for, bool with_duals);

}  // namespace funcsim
