#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "kernels/linear_sum_assignment/auction.h"
#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"
#include "kernels/linear_sum_assignment/owners.h"
#include "kernels/linear_sum_assignment/reduced_costs.h"
#include "kernels/linear_sum_assignment/shortest_path.h"

namespace funcsim {

/// Minimises the sum of costs over the complete assignments of rows to columns, in exact arithmetic; rows <= columns.
///
/// The method. Rows and columns have duals u and v, and cost - u - v, the reduced cost, is never negative. An
/// assignment of pairs whose reduced cost is 0 is then optimal. Only v is stored: u[i] is the minimum of cost[i, j] -
/// v[j] over j. Any v will do to start from. A shortest-augmenting-path search for each unassigned row completes the
/// assignment (Jonker and Volgenant 1987; Crouse 2016), and it pays to find a v before that leaves few rows to it:
///
///  1. Either v = 0, and rows that can have one of their cheapest columns start with it: always if rows < columns. Or v
///     are column minima, and no row has a column. In square matrices, what is known from the first reading says which
///     suits better (choose_start); if that is a close call and many rows are left over, the other is tried too, and
///     the better one kept. Then rows without a column *bid*: a row takes the column with its smallest reduced cost and
///     lowers that column's v until it is indifferent between it and its second best; who had the column before bids
///     next. This is the augmenting row reduction of Jonker and Volgenant, here with a limit on the bids of a row,
///     since two rows can outbid each other by tiny steps for ever so long.
///  2. If that leaves many rows unassigned, as it does where many costs are nearly equal, rows bid with an increment:
///     each bid lowers v by that much more than what makes the row indifferent. The first increment is a quarter of the
///     typical difference between a cost and its row's minimum; each further one is a fifth of the one before, and all
///     rows bid anew. This is the auction algorithm with epsilon scaling (Bertsekas, "The auction algorithm: a
///     distributed relaxation method for the assignment problem", 1988). It ends when a round settles with few bids.
///     Then come bids without an increment as in 1, on the v so found.
///     All this is done in double. For other numbers, the costs rounded to double's integers are solved, to the end,
///     and v is what comes out. Few rows are left over then, and arithmetic that is slow has little to do. If as many
///     rows are left over as before or more, step 2 is undone.
///  3. Shortest augmenting paths for the rest.
///
/// Step 2 is left out where it doesn't pay: where few rows are left over, or they are for exact ties, or there are many
/// columns to choose from. All steps ask for the nearest columns of a row, which reduced_costs.h answers from short
/// lists where it can.
///
/// Step 2 changes the speed only, and step 3 alone bounds the time by O(rows² · columns).
///
/// More columns than rows. Bids start from v = 0, and columns that nobody has keep it, as they must. That ends with
/// step 2, which takes columns away again. From there on the columns left over go to `slack`: columns - rows further
/// rows, all equal and of cost 0, so that the problem is square. They are never stored. As they are equal, they are
/// handled as one row, which has several columns, takes part in bids and paths, and ends up with the columns of the
/// largest v, all equal. That value is then subtracted from v, so that columns left over have v = 0 and all others v <=
/// 0.
///
/// How large numbers get. With costs in [-A, A], which includes the 0 of slack: while any row is unassigned, there is
/// an unassigned column k, whose v is what it was when bidding began. Let v lie in [-S, 0] then; it only ever falls.
/// Thus u[i] <= cost[i, k] - v[k] <= A + S and u[i] >= -A; on assigned pairs v = cost - u >= -2A - S. One bid may go
/// below: the last one, which has no other unassigned column as an alternative, to -4A - S - 2 increments. After a
/// round, v is shifted to a maximum of 0. Each assigned column was the best of its row up to the increment, so it is
/// within 2A + increment of the maximum, and each unassigned one within the former S. Column minima have S <= 2A, so do
/// optimal duals, of which columns left over have the maximum, and increments are at most A / 2, so S <= 3A always. A
/// path to column k costs at most cost[i, k] - u[i] - v[k] <= 2A + S, reduced costs are at most 4A + S, distances,
/// counted from -u of the first row, at most A + S + (2A + S) + (4A + S) = 16A, and the last path leaves v >= -4A - 2S
/// = -10A. Nothing exceeds 16A, hence the four bits in NumberTraits.
template <typename Costs>
class AugmentingSolver {
 public:
  using Number = Costs::Number;

  AugmentingSolver(const Costs& costs, const ScanLoopsOf<typename Costs::Scan>& loops)
      : rows_(costs.rows),
        columns_(costs.columns),
        slack_(costs.rows),
        owners_{std::vector<std::int64_t>(columns_, none), std::vector<std::int64_t>(rows_ + 1, none)},
        reduced_(costs, loops, owners_.owner),
        auction_(reduced_, owners_) {}

  /// What is known of a row's costs from the start.
  struct Minimum {
    std::int64_t column = none;  ///< of one that is least
    Number least{};
    Number second{};        ///< the least of the others
    bool assigned = false;  ///< whether the row can start with that column
  };

  /// What is known of costs from the start.
  struct Known {
    std::vector<Minimum> of_rows;
    std::vector<Number> of_columns;  ///< the least costs of columns if rows = columns
  };

  /// @param rounded makes the duals of columns in an optimum of the same costs, rounded to what double can count in, or
  ///                none; called at most once, if Number isn't double
  /// @param at_any_price false gives up where the rows that bids leave are many, and increments don't help
  /// @return whether it is solved
  template <typename RoundedDuals>
  bool solve(const Known& known, const RoundedDuals& rounded, const ParallelFor& parallel_for, bool at_any_price) {
    // The constants here and in Auction were measured: twice or half makes little difference.
    const Choice choice = choose_start(known);
    std::int64_t bids = start(known, choice.columns, parallel_for);
    if (choice.close && 16 * unassigned_rows() > rows_) {
      const State state = {reduced_.duals(), owners_, bids};
      bids = start(known, !choice.columns, parallel_for);
      if (unassigned_rows() >= state.owners.unassigned_rows()) {
        return_to(state);
        bids = state.bids;
      }
    }
    // Rows that stay without a column after hardly a bid do so for exact ties, which increments don't help.
    // And where there are many more columns than rows, paths are short unless most rows compete.
    // Wide numbers are slow enough for another start to pay earlier.
    const std::int64_t few = std::max<std::int64_t>(std::is_arithmetic_v<Number> ? 64 : 8, rows_ / 16);
    const bool compete = 4 * columns_ < 5 * rows_ || 5 * unassigned_rows() > 2 * rows_;
    if (unassigned_rows() > few) {
      const State state = {reduced_.duals(), owners_, bids};
      if constexpr (!std::is_same_v<Number, double>) {
        if (const std::vector<Number> duals = rounded(); !duals.empty()) {
          auction_.let_slack_take_part();
          start_from_duals(duals);
          auction_.bid_for_unassigned(Number(), 20);
        }
      } else if (10 * bids > 11 * rows_ && compete) {
        auction_.let_slack_take_part();
        auction_.bid_with_increments();
        auction_.bid(Number(), 20);
      }
      if (unassigned_rows() >= state.owners.unassigned_rows()) {
        return_to(state);
        if (!at_any_price) {
          return false;
        }
      }
    }
    auction_.level_slack();
    PathSearch<Costs> search(reduced_, owners_);
    for (std::int64_t row = 0; row < rows_; ++row) {
      if (owners_.column_of[row] == none) {
        search.augment(row);
      }
    }
    for (std::int64_t row = 0; row < rows_; ++row) {  // for the tight pairs, which are looked for in lists
      if (!reduced_.has_list(row)) {
        reduced_.scan(row);
      }
    }
    if (rows_ < columns_) {
      Number largest = reduced_.dual(0);
      for (std::int64_t j = 1; j < columns_; ++j) {
        largest = std::max(largest, reduced_.dual(j));
      }
      reduced_.lower_all(largest);
    }
    return true;
  }

  /// A column for each row.
  std::vector<std::int64_t> column_of_row() const { return {owners_.column_of.begin(), owners_.column_of.end() - 1}; }

  Number cost(std::int64_t row, std::int64_t column) const { return reduced_.cost(row, column); }
  Number column_dual(std::int64_t column) const { return reduced_.dual(column); }
  Number row_dual(std::int64_t row) const { return reduced_.reduced(row, owners_.column_of[row]); }

  /// The pairs with reduced cost 0; none if they are many, or many rows would have to be scanned for them.
  std::optional<ListedPairs> listed_pairs() const {
    ListedPairs tight{columns_, {}, {0}};
    std::int64_t scans = 0;
    for (std::int64_t i = 0; i < rows_; ++i) {
      const Number least = row_dual(i);
      if (least < reduced_.bound(i)) {
        reduced_.visit_listed(i, [&](std::int64_t column, const Number& value) {
          if (value == least) {
            tight.pairs.push_back(column);
          }
        });
      } else if (16 * ++scans <= rows_ && std::ssize(tight.pairs) <= 4 * rows_) {
        reduced_.visit_within(i, least, [&](std::int64_t column) { tight.pairs.push_back(column); });
      } else {
        return std::nullopt;
      }
      tight.ends.push_back(std::ssize(tight.pairs));
    }
    for (std::int64_t j = 0; rows_ < columns_ && j < columns_; ++j) {
      if (reduced_.dual(j) == Number()) {
        tight.pairs.push_back(j);
      }
    }
    tight.ends.push_back(std::ssize(tight.pairs));
    return tight;
  }

  /// The pairs with reduced cost 0.
  TightPairs tight_pairs() const {
    TightPairs tight(rows_, columns_);
    for (std::int64_t i = 0; i < rows_; ++i) {
      const Number least = row_dual(i);
      tight.add(i, owners_.column_of[i]);
      if (least < reduced_.bound(i)) {
        reduced_.visit_listed(i, [&](std::int64_t column, const Number& value) {
          if (value == least) {
            tight.add(i, column);
          }
        });
      } else {
        reduced_.visit_within(i, least, [&](std::int64_t column) { tight.add(i, column); });
      }
    }
    for (std::int64_t j = 0; rows_ < columns_ && j < columns_; ++j) {
      if (reduced_.dual(j) == Number()) {
        tight.add(slack_, j);
      }
    }
    return tight;
  }

 private:
  /// Where bids have led to.
  struct State {
    std::vector<Number> duals;
    Owners owners;
    std::int64_t bids = 0;
  };

  std::int64_t unassigned_rows() const { return owners_.unassigned_rows(); }

  void return_to(const State& state) {
    set_duals(state.duals);
    owners_ = state.owners;
  }

  void set_duals(const std::vector<Number>& duals) {
    reduced_.forget_lists();
    for (std::int64_t j = 0; j < columns_; ++j) {
      reduced_.set_dual(j, duals[j]);
    }
  }

  /// How to start.
  struct Choice {
    bool columns;  ///< from the minima of columns
    bool close;    ///< the other start may turn out to be the better one
  };

  Choice choose_start(const Known& known) const {
    if (known.of_columns.empty()) {
      return {false, false};
    }
    const std::int64_t without = rows_ - std::ranges::count_if(known.of_rows, &Minimum::assigned);
    if (4 * without < rows_ || 2 * without > rows_) {
      return {4 * without >= rows_, false};
    }
    // Rows that want columns of their own, as in any matrix without structure. If minima of columns lie far apart
    // against what rows lose with their second choice, as where costs have a heavy tail on the cheap side, rows would
    // all bid for the columns with the largest minima.
    std::vector<double> losses(known.of_rows.size());
    std::ranges::transform(known.of_rows, losses.begin(),
                           [](const Minimum& minimum) { return static_cast<double>(minimum.second - minimum.least); });
    std::vector<double> minima(known.of_columns.size());
    std::ranges::transform(known.of_columns, minima.begin(),
                           [](const Number& cost) { return static_cast<double>(cost); });
    const double spread = quantile(minima, 0.75) - quantile(minima, 0.25);
    const double loss = 2.4 * quantile(losses, 0.5);
    return {spread<loss, spread> loss / 2 && spread < loss * 2};
  }

  static double quantile(std::vector<double>& values, double share) {
    const auto place = values.begin() + static_cast<std::int64_t>(share * static_cast<double>(values.size()));
    std::nth_element(values.begin(), place, values.end());
    return *place;
  }

  /// Starts anew, and has rows bid. Returns the number of bids, and of rows that start with a column.
  std::int64_t start(const Known& known, bool from_columns, const ParallelFor& parallel_for) {
    std::ranges::fill(owners_.owner, none);
    std::ranges::fill(owners_.column_of, none);
    if (from_columns) {
      start_from_duals(known.of_columns);
    } else if (!known.of_rows.empty()) {
      start_from_rows(known.of_rows, parallel_for);
    }
    return rows_ - unassigned_rows() + auction_.bid_for_unassigned(Number(), 8);
  }

  void start_from_duals(const std::vector<Number>& duals) {
    set_duals(duals);
    auction_.release_all();
  }

  /// Starts with rows that have one of their cheapest columns, and duals of 0.
  void start_from_rows(const std::vector<Minimum>& minima, const ParallelFor& parallel_for) {
    for (std::int64_t j = 0; j < columns_; ++j) {
      reduced_.set_dual(j, Number());
    }
    for (std::int64_t row = 0; row < rows_; ++row) {
      reduced_.start_list(row, minima[row].column, minima[row].second);
      if (minima[row].assigned) {
        owners_.assign(row, minima[row].column);
      }
    }
    // Those that will bid: rows without a column, and those whose columns they want.
    std::vector<std::int64_t> bidders;
    std::vector<bool> wanted(columns_);
    for (std::int64_t row = 0; row < rows_; ++row) {
      const std::int64_t column = minima[row].column;
      if (!minima[row].assigned) {
        bidders.push_back(row);
        if (!wanted[column] && owners_.owner[column] != none) {
          wanted[column] = true;
          bidders.push_back(owners_.owner[column]);
        }
      }
    }
    reduced_.scan_all(bidders, parallel_for);
  }

  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t slack_;  ///< the number of the row that has the columns left over
  Owners owners_;
  ReducedCosts<Costs> reduced_;
  Auction<Costs> auction_;
};

}  // namespace funcsim
