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
//     374, 2166       WideInteger     all other floats, all other doubles: for a range like 1e-30 to 1e30, or 1e-300 to
//                                     1e300
//
// Costs are scaled by a power of two to fill the type. Integers up to 2^53 are exact in double, and double has the
// fastest arithmetic. The rest of the bits is for sums: augmenting_solver.h proves that four are enough.
//
// Where types other than double would have much to do, costs rounded to 48 bits are solved first, in double, and the
// exact solver starts from the duals of that.
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
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/common/simd_level.h"
#include "kernels/linear_sum_assignment/augmenting_solver.h"
#include "kernels/linear_sum_assignment/cheapest_columns.h"
#include "kernels/linear_sum_assignment/cost_matrix.h"
#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"
#include "kernels/linear_sum_assignment/problem.h"

namespace funcsim {

namespace {

const ScanLoopsOf<float>& loops_for(const ScanLoops& loops, float /*cost*/) {
  return loops.of_floats;
}
const ScanLoopsOf<double>& loops_for(const ScanLoops& loops, double /*cost*/) {
  return loops.of_doubles;
}

/// What was found out, for the solver.
///
/// @param exact what makes an exact number of a cost times the sign
template <typename Solver, typename Cost, typename Exact>
Solver::Known known_by(const Start<Cost>& start, const Exact& exact) {
  typename Solver::Known known;
  known.of_columns.resize(start.minima.of_columns.size());
  std::ranges::transform(start.minima.of_columns, known.of_columns.begin(), exact);
  for (std::size_t i = 0; i < start.column_of_row.size(); ++i) {
    const RowMinimum<Cost>& minimum = start.minima.of_rows[i];
    const bool assigned = start.column_of_row[i] >= 0;
    known.of_rows.push_back(
        {assigned ? start.column_of_row[i] : minimum.column, exact(minimum.least), exact(minimum.second), assigned});
  }
  return known;
}

/// Bits to keep free in costs if some are of forbidden pairs.
template <typename Cost>
int bits_for_sums(const Problem<Cost>& problem, const Magnitude& magnitude) {
  const auto rows = static_cast<std::uint64_t>(problem.matrix.rows);
  return magnitude.some_infinite ? 1 + static_cast<int>(std::bit_width(rows)) : 0;
}

/// The duals of columns in an optimum of integer costs with contiguous rows, in double. None if bids leave many rows.
std::vector<double> duals_in_double(const CostMatrix<double>& matrix, bool at_any_price,
                                    const ScanLoopsOf<double>& loops, const ParallelFor& parallel_for) {
  Start<double> start;
  start.minima.of_rows.resize(matrix.rows);
  start.minima.of_columns.resize(matrix.rows == matrix.columns ? matrix.rows : 0);
  read_costs(matrix, 1.0, loops, start.minima, parallel_for);
  start.column_of_row = assign_cheapest_columns(matrix, 1.0, start.minima.of_rows, loops, parallel_for);
  const auto exact = [&matrix](std::int64_t i, std::int64_t j) { return matrix.data[(i * matrix.row_stride) + j]; };
  const Costs<double, double, decltype(exact)> costs{exact,          matrix.data, matrix.row_stride, 1.0, matrix.rows,
                                                     matrix.columns, true};
  AugmentingSolver solver(costs, loops);
  std::vector<double> duals;
  if (solver.solve(known_by<decltype(solver)>(start, std::identity()), [] {}, parallel_for, at_any_price)) {
    for (std::int64_t j = 0; j < matrix.columns; ++j) {
      duals.push_back(solver.column_dual(j));
    }
  }
  return duals;
}

/// The duals of columns in an optimum of the same costs, rounded to integers in double: in units of Numbers, which are
/// costs times 2^exponent. None if that is as hard as to go on with Numbers.
template <typename Number, typename Cost>
std::vector<Number> duals_of_rounded(const Problem<Cost>& problem, const Magnitude& magnitude, int exponent) {
  constexpr double forbidden = NumberTraits<double>::forbidden();
  constexpr double round = 0x1.8p52;  // the sum with it is an integer
  const int rounded_exponent =
      NumberTraits<double>::cost_bits - 1 - bits_for_sums(problem, magnitude) - magnitude.exponent;
  const PowerOfTwo scale(rounded_exponent);
  const CostMatrix<Cost>& matrix = problem.matrix;
  const Buffer<double> rounded = convert_costs<double>(
      matrix,
      [=, sign = problem.sign()](Cost cost) {
        const double scaled = scale(static_cast<double>(cost) * sign);
        return scaled < forbidden ? (scaled + round) - round : forbidden;
      },
      problem.parallel_for);
  constexpr bool at_any_price = !std::is_same_v<Number, std::int64_t>;  // others are much slower than double
  const std::vector<double> duals = duals_in_double({rounded.get(), matrix.rows, matrix.columns, matrix.columns, 1},
                                                    at_any_price, problem.loops.of_doubles, problem.parallel_for);
  const PowerOfTwo unit(exponent - rounded_exponent);
  std::vector<Number> exact(duals.size());
  std::ranges::transform(duals, exact.begin(), [&](double dual) { return static_cast<Number>(unit(dual)); });
  return exact;
}

/// Solves in exact numbers, which are costs times 2^exponent.
template <typename Solver, typename Cost>
void solve(const Problem<Cost>& problem, Solver& solver, const typename Solver::Known& known,
           const Magnitude& magnitude, int exponent, Assignment& assignment) {
  using Number = Solver::Number;
  const auto [rows, columns] = std::pair(problem.matrix.rows, problem.matrix.columns);
  if constexpr (std::is_same_v<Number, double>) {
    solver.solve(known, [] {}, problem.parallel_for, /*at_any_price=*/true);
  } else {
    const auto rounded = [&] { return duals_of_rounded<Number>(problem, magnitude, exponent); };
    solver.solve(known, rounded, problem.parallel_for, /*at_any_price=*/true);
  }
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
  if (const auto listed = solver.listed_pairs()) {
    make_first(*listed, column_of_row);
  } else {
    make_first(solver.tight_pairs(), column_of_row);
  }
  set_columns(problem, column_of_row, assignment);
}

/// Solves floating costs as they are stored.
template <typename Number, typename Cost>
void solve_in_place(const Problem<Cost>& problem, const Magnitude& magnitude, int exponent, const Start<Cost>& start,
                    Assignment& assignment) {
  const CostMatrix<Cost>& matrix = problem.matrix;
  const double scale = std::ldexp(problem.sign(), exponent);
  const auto exact = [data = matrix.data, stride = matrix.row_stride, scale](std::int64_t i, std::int64_t j) {
    return static_cast<Number>(static_cast<double>(data[(i * stride) + j]) * scale);
  };
  const Costs<Number, Cost, decltype(exact)> costs{exact,          matrix.data, matrix.row_stride, scale, matrix.rows,
                                                   matrix.columns, true};
  const auto exact_times_sign = [scale = std::abs(scale)](Cost cost) {
    return static_cast<Number>(static_cast<double>(cost) * scale);
  };
  AugmentingSolver solver(costs, loops_for(problem.loops, Cost()));
  solve(problem, solver, known_by<decltype(solver)>(start, exact_times_sign), magnitude, exponent, assignment);
}

/// Solves a copy in which costs are scaled, and those of forbidden pairs replaced.
template <typename Number, typename Cost>
void solve_copy(const Problem<Cost>& problem, const Magnitude& magnitude, int exponent, const Start<Cost>& start,
                Assignment& assignment) {
  const double forbidden = std::ldexp(1.0, NumberTraits<Number>::cost_bits);
  const PowerOfTwo scale(exponent);
  const CostMatrix<Cost>& matrix = problem.matrix;
  const auto scaled_cost = [=](double cost_times_sign) {
    const double value = scale(cost_times_sign);
    return value < forbidden ? value : forbidden;
  };
  const Buffer<double> scaled = convert_costs<double>(
      matrix, [=, sign = problem.sign()](Cost cost) { return scaled_cost(cost * sign); }, problem.parallel_for);
  const auto exact = [data = scaled.get(), stride = matrix.columns](std::int64_t i, std::int64_t j) {
    return static_cast<Number>(data[(i * stride) + j]);
  };
  const Costs<Number, double, decltype(exact)> costs{exact,          scaled.get(), matrix.columns, 1.0, matrix.rows,
                                                     matrix.columns, true};
  const auto exact_times_sign = [=](Cost cost) { return static_cast<Number>(scaled_cost(cost)); };
  AugmentingSolver solver(costs, loops_for(problem.loops, double()));
  solve(problem, solver, known_by<decltype(solver)>(start, exact_times_sign), magnitude, exponent, assignment);
}

/// Solves in Number if that is wide enough.
template <typename Number, typename Cost>
bool try_solve(const Problem<Cost>& problem, const Magnitude& magnitude, const Start<Cost>& start,
               Assignment& assignment) {
  const int bits = NumberTraits<Number>::cost_bits - bits_for_sums(problem, magnitude);
  const int exponent = bits - magnitude.exponent;
  if (magnitude.exponent - magnitude.lowest > bits &&
      !are_integers<Number>(problem.matrix, PowerOfTwo(exponent), problem.parallel_for)) {
    return false;
  }
  constexpr int largest_exponent = 1000;  // of a scale in double
  if (magnitude.some_infinite || std::abs(exponent) > largest_exponent) {
    solve_copy<Number>(problem, magnitude, exponent, start, assignment);
  } else {
    solve_in_place<Number>(problem, magnitude, exponent, start, assignment);
  }
  return true;
}

template <typename Cost>
void solve_problem(const Problem<Cost>& problem, Assignment& assignment) {
  const CostMatrix<Cost>& matrix = problem.matrix;
  const std::int64_t rows = matrix.rows;
  const ScanLoopsOf<Cost>& loops = loops_for(problem.loops, Cost());
  Start<Cost> start;
  start.minima.of_rows.resize(rows);
  start.minima.of_columns.resize(rows == matrix.columns ? rows : 0);
  const Magnitude magnitude = read_costs(matrix, problem.sign(), loops, start.minima, problem.parallel_for);
  if (magnitude.some_infinite) {
    find_bad_cost(problem, assignment);
    if (assignment.status != AssignmentStatus::optimal) {
      return;
    }
  }
  start.column_of_row =
      assign_cheapest_columns(matrix, problem.sign(), start.minima.of_rows, loops, problem.parallel_for);
  if (std::ranges::count(start.column_of_row, -1) == 0) {
    note_cheapest_columns(problem, start, assignment);
    return;
  }
  if (try_solve<double>(problem, magnitude, start, assignment) ||
      try_solve<std::int64_t>(problem, magnitude, start, assignment) ||
      try_solve<Int128>(problem, magnitude, start, assignment) ||
      try_solve<Int384>(problem, magnitude, start, assignment)) {
    return;
  }
  const auto exact = [data = matrix.data, stride = matrix.row_stride, sign = problem.sign()](std::int64_t i,
                                                                                             std::int64_t j) {
    return DoubleInteger(static_cast<double>(data[(i * stride) + j]) * sign);
  };
  constexpr int headroom = 8;  // for sums of costs in double
  const bool scannable =
      !magnitude.some_infinite && magnitude.exponent < std::numeric_limits<double>::max_exponent - headroom;
  const Costs<DoubleInteger, Cost, decltype(exact)> costs{
      exact, matrix.data, matrix.row_stride, problem.sign(), matrix.rows, matrix.columns, scannable};
  AugmentingSolver solver(costs, loops);
  const auto exact_times_sign = [](Cost cost) { return DoubleInteger(static_cast<double>(cost)); };
  solve(problem, solver, known_by<decltype(solver)>(start, exact_times_sign), magnitude, 0, assignment);
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
  constexpr int exact_in_double = 53;
  if (magnitude <= exact_in_double) {
    const Buffer<double> costs = convert_costs<double>(
        matrix, [](std::int64_t cost) { return static_cast<double>(cost); }, problem.parallel_for);
    solve_problem(Problem<double>{{costs.get(), matrix.rows, matrix.columns, matrix.columns, 1},
                                  problem.transposed,
                                  problem.negated,
                                  problem.with_duals,
                                  problem.loops,
                                  problem.parallel_for},
                  assignment);
    return;
  }
  // Scans see costs rounded.
  const int exponent = NumberTraits<Int128>::cost_bits - magnitude;
  const double scale = std::ldexp(problem.sign(), exponent);
  const Buffer<double> scaled = convert_costs<double>(
      matrix, [scale](std::int64_t cost) { return static_cast<double>(cost) * scale; }, problem.parallel_for);
  const auto exact = [&matrix, factor = static_cast<Int128>(scale)](std::int64_t i, std::int64_t j) {
    return matrix.data[(i * matrix.row_stride) + j] * factor;
  };
  const Costs<Int128, double, decltype(exact)> costs{exact,          scaled.get(), matrix.columns, 1.0, matrix.rows,
                                                     matrix.columns, true};
  AugmentingSolver solver(costs, loops_for(problem.loops, double()));
  solve(problem, solver, {}, {magnitude, 0, false}, exponent, assignment);
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
    Buffer<Cost> contiguous;
    if (matrix.column_stride != 1) {
      contiguous = convert_costs<Cost>(matrix, [](Cost value) { return value; }, parallel_for);
      matrix = {contiguous.get(), matrix.rows, matrix.columns, matrix.columns, 1};
    }
    solve_problem(
        Problem<Cost>{matrix, transposed, maximize, with_duals, chosen_loops<ScanLoopsByLevel>(), parallel_for},
        assignment);
  }
  return assignment;
}

template Assignment linear_sum_assignment(const CostMatrix<float>& cost, bool maximize, const ParallelFor& parallel_for,
                                          bool with_duals);
template Assignment linear_sum_assignment(const CostMatrix<double>& cost, bool maximize,
                                          const ParallelFor& parallel_for, bool with_duals);
template Assignment linear_sum_assignment(const CostMatrix<std::int64_t>& cost, bool maximize,
                                          const ParallelFor& parallel_for, bool with_duals);

}  // namespace funcsim
