#pragma once
#ifdef DBG
#include <cstdio>
#include <cstdlib>
#include <time.h>
inline double NOW(){timespec a;clock_gettime(CLOCK_PROCESS_CPUTIME_ID,&a);return a.tv_sec+1e-9*a.tv_nsec;}
#endif

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"
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
///  1. Either v = 0, and rows that can have one of their cheapest columns start with it: always if rows < columns, and
///     where only few rows are left without. Or v are column minima, and no row has a column.
///     Then rows without a column *bid*: a row takes the column with its smallest reduced cost and lowers that column's
///     v until it is indifferent between it and its second best; who had the column before bids next. This is the
///     augmenting row reduction of Jonker and Volgenant, here with a limit on the bids of a row, since two rows can
///     outbid each other by tiny steps for ever so long.
///  2. If that leaves many rows unassigned, as it does where many costs are nearly equal, rows bid with an increment:
///     each bid lowers v by that much more than what makes the row indifferent. The first increment is a quarter of the
///     typical difference between a cost and its row's minimum; each further one is a fifth of the one before, and all
///     rows bid anew. This is the auction algorithm with epsilon scaling (Bertsekas, "The auction algorithm: a
///     distributed relaxation method for the assignment problem", 1988). It ends when a round settles with few bids.
///     Then come bids without an increment as in 1, on the v so found.
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
/// within 2A + increment of the maximum, and each unassigned one within the former S. Column minima have S <= 2A, and
/// increments are at most A / 2, so S <= 3A always. A path to column k costs at most cost[i, k] - u[i] - v[k] <= 2A +
/// S, reduced costs are at most 4A + S, distances, counted from -u of the first row, at most A + S + (2A + S) + (4A +
/// S) = 16A, and the last path leaves v >= -4A - 2S = -10A. Nothing exceeds 16A, hence the four bits in NumberTraits.
template <typename Costs>
class AugmentingSolver {
 public:
  using Number = Costs::Number;

  AugmentingSolver(const Costs& costs, const ScanLoopsOf<typename Costs::Scan>& loops)
      : rows_(costs.rows),
        columns_(costs.columns),
        slack_(costs.rows),
        owners_{std::vector<std::int64_t>(columns_, none), std::vector<std::int64_t>(rows_ + 1, none)},
        reduced_(costs, loops, owners_.owner) {}

  /// What is known of a row's costs from the start.
  struct Minimum {
    std::int64_t column = none;  ///< of one that is least
    Number least{};
    Number second{};             ///< the least of the others
    bool assigned = false;       ///< whether the row can start with that column
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
    // The constants here and in bid_with_increments were measured: twice or half makes little difference.
    const bool columns_first = columns_suit_better(known);
    std::int64_t bids = start(known, columns_first, parallel_for);
#ifdef DBG
double T0=NOW();fprintf(stderr,"size %d cols %d bids %ld free %ld\n",(int)sizeof(Number),columns_first,(long)bids,(long)unassigned_rows());
#endif
    if (rows_ == columns_ && !known.of_columns.empty() && 16 * unassigned_rows() > rows_) {
      const State state = {reduced_.duals(), owners_, bids};
      bids = start(known, !columns_first, parallel_for);
#ifdef DBG
fprintf(stderr,"other bids %ld free %ld T %.4f\n",(long)bids,(long)unassigned_rows(),NOW()-T0);
#endif
      if (unassigned_rows() >= state.owners.unassigned_rows()) {
        return_to(state);
        bids = state.bids;
      }
    }
    // Rows that stay without a column after hardly a bid do so for exact ties, which increments don't help.
    // And where there are many more columns than rows, rows hardly compete.
    const std::int64_t few = std::max<std::int64_t>(64, rows_ / 16);
    if (unassigned_rows() > few) {
      const State state = {reduced_.duals(), owners_, bids};
      if constexpr (!std::is_same_v<Number, double>) {
        if (const std::vector<Number> duals = rounded(); !duals.empty()) {
          slack_takes_part_ = rows_ < columns_;
          start_from_duals(duals);
          bid_for_unassigned(Number(), 20);
        }
      } else if (10 * bids > 11 * rows_ && 4 * columns_ < 5 * rows_) {
        slack_takes_part_ = rows_ < columns_;
        bid_with_increments();
        bid(Number(), 20);
      }
#ifdef DBG
fprintf(stderr,"refined free %ld T %.4f\n",(long)unassigned_rows(),NOW()-T0);
#endif
      if (unassigned_rows() > state.owners.unassigned_rows()) {
        return_to(state);
        if (!at_any_price) {
          return false;
        }
      }
    }
#ifdef DBG
double t2=NOW();
#endif
    level_slack();
    PathSearch<Costs> search(reduced_, owners_);
    for (std::int64_t row = 0; row < rows_; ++row) {
      if (owners_.column_of[row] == none) {
        search.augment(row);
      }
    }
#ifdef DBG
    fprintf(stderr,"search %.4f nsearch %ld all %ld steps %ld scans %ld steps_all %ld\n",NOW()-t2,search.searches_,search.d_all,search.d_steps,search.d_scans,search.d_sall);
#endif
    for (std::int64_t row = 0; row < rows_; ++row) {
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

  /// Whether it is seen from the lists that every row has its lowest column among the pairs with reduced cost 0.
  bool has_lowest_columns() const {
    bool lowest = true;
    for (std::int64_t i = 0; i < rows_ && lowest; ++i) {
      const Number least = row_dual(i);
      lowest = least < reduced_.bound(i);
      reduced_.visit_listed(i, [&](std::int64_t column, const Number& value) {
        lowest = lowest && !(value == least && column < owners_.column_of[i]);
      });
    }
    return lowest;
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
  static constexpr std::int64_t none = -1;
  using TwoSmallest = ReducedCosts<Costs>::TwoSmallest;

  /// Where bids have led to.
  struct State {
    std::vector<Number> duals;
    Owners owners;
    std::int64_t bids;
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

  /// Whether to start from the minima of columns.
  bool columns_suit_better(const Known& known) const {
    if (known.of_columns.empty()) {
      return false;
    }
    const std::int64_t without = rows_ - std::ranges::count_if(known.of_rows, &Minimum::assigned);
    if (4 * without < rows_ || 2 * without > rows_) {
      return 4 * without >= rows_;
    }
    // Rows that want columns of their own, as in any matrix without structure. If minima of columns lie far apart
    // against what rows lose with their second choice, as where costs have a heavy tail on the cheap side, rows would
    // all bid for the columns with the largest minima.
    std::vector<double> losses(known.of_rows.size());
    std::ranges::transform(known.of_rows, losses.begin(), [&](const Minimum& minimum) {
      return static_cast<double>(minimum.second - minimum.least);
    });
    std::vector<double> minima(known.of_columns.size());
    std::ranges::transform(known.of_columns, minima.begin(), [](const Number& cost) { return static_cast<double>(cost); });
    const double spread = quantile(minima, 0.75) - quantile(minima, 0.25);
#ifdef DBG
    fprintf(stderr,"ratio %g\n",spread/quantile(losses,.5));
#endif
    return spread < 2.4 * quantile(losses, 0.5);
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
    return rows_ - unassigned_rows() + bid_for_unassigned(Number(), 8);
  }

  void start_from_duals(const std::vector<Number>& duals) {
    set_duals(duals);
    release_all();
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

  /// Takes all columns away from their rows, and shifts duals to a maximum of 0. Slack gets the columns with the
  /// largest duals, which are lowered to the least of them: that keeps slack indifferent between them, and does no harm
  /// to the other rows, which have no column now.
  void release_all() {
    std::ranges::fill(owners_.owner, none);
    std::ranges::fill(owners_.column_of, none);
    std::int64_t for_slack = slack_takes_part_ ? columns_ - rows_ : 0;
    std::vector<Number> largest(columns_);
    for (std::int64_t j = 0; j < columns_; ++j) {
      largest[j] = reduced_.dual(j);
    }
    const auto place = largest.begin() + std::max<std::int64_t>(for_slack - 1, 0);
    std::nth_element(largest.begin(), place, largest.end(), [](const Number& a, const Number& b) { return b < a; });
    const Number least = *place;
    for (std::int64_t j = 0; j < columns_; ++j) {
      if (least < reduced_.dual(j)) {
        reduced_.set_dual(j, least);
      }
    }
    reduced_.lower_all(least);
    for (std::int64_t j = 0; j < columns_ && for_slack > 0; ++j) {
      if (reduced_.dual(j) == Number()) {
        owners_.assign(slack_, j);
        --for_slack;
      }
    }
  }

  /// All rows bid anew. Returns the number of bids.
  std::int64_t bid(const Number& increment, std::int64_t max_bids) {
    release_all();
    return bid_for_unassigned(increment, max_bids);
  }

  /// Rows without a column bid, and those that lose theirs, each at most max_bids times. Returns the number of bids.
  std::int64_t bid_for_unassigned(const Number& increment, std::int64_t max_bids) {
    std::vector<std::int64_t> bids(rows_);
    std::int64_t total = 0;
    for (std::int64_t first = 0; first < rows_; ++first) {
      std::int64_t row = owners_.column_of[first] == none ? first : none;
      while (row != none && (row == slack_ || bids[row] < max_bids)) {
        if (row != slack_) {
          ++bids[row];
          ++total;
        }
        TwoSmallest best = row == slack_ ? two_smallest_of_slack() : reduced_.two_smallest(row);
        const Number drop = columns_ == 1 ? Number() : best.second - best.first + increment;
        if (drop == Number() && row != slack_ && owners_.owner[best.column] != none) {
          // A bid that lowers nothing could go on in a circle, unless it takes a column that nobody has.
          best.column = unassigned_column(row, best.first);
          if (best.column == none) {
            break;
          }
        }
        reduced_.set_dual(best.column, reduced_.dual(best.column) - drop);
        const std::int64_t displaced = owners_.owner[best.column];
        if (displaced != none) {
          owners_.column_of[displaced] = none;
        }
        owners_.assign(row, best.column);
        row = displaced;
      }
    }
    return total;
  }

  /// An unassigned column with this reduced cost, the row's smallest.
  std::int64_t unassigned_column(std::int64_t row, const Number& least) const {
    std::int64_t found = none;
    const auto consider = [&](std::int64_t j) { found = found == none && owners_.owner[j] == none ? j : found; };
    reduced_.visit_listed(row, [&](std::int64_t j, const Number& value) {
      if (value == least) {
        consider(j);
      }
    });
    if (found == none && !(least < reduced_.bound(row))) {
      reduced_.visit_within(row, least, consider);
    }
    return found;
  }

  /// The two smallest reduced costs of slack, which lacks one column: over the columns that it doesn't have, of which
  /// there are two or more. Prefers a column that nobody has.
  TwoSmallest two_smallest_of_slack() const {
    TwoSmallest two{NumberTraits<Number>::beyond(), NumberTraits<Number>::beyond(), none};
    for (std::int64_t j = 0; j < columns_; ++j) {
      if (owners_.owner[j] == slack_) {
        continue;
      }
      const Number reduced = Number() - reduced_.dual(j);
      if (reduced < two.first) {
        two = {reduced, two.first, j};
      } else {
        two.second = reduced < two.second ? reduced : two.second;
        two.column =
            reduced == two.first && owners_.owner[j] == none && owners_.owner[two.column] != none ? j : two.column;
      }
    }
    return two;
  }

  /// Rounds of bids with smaller and smaller increments.
  void bid_with_increments() {
    constexpr double smaller = 5.0;
    constexpr std::int64_t sample = 16;  // rows to measure costs by
    constexpr int rounds = 10;
    double sum = 0.0;
    std::uint64_t bits = 0;
    std::vector<Number> costs(columns_);
    for (std::int64_t s = 0; s < sample; ++s) {
      const std::int64_t i = s * rows_ / sample;
      for (std::int64_t j = 0; j < columns_; ++j) {
        costs[j] = cost(i, j);
        bits |= static_cast<std::uint64_t>(static_cast<std::int64_t>(costs[j]));
      }
      std::ranges::nth_element(costs, costs.begin() + (columns_ / 2));
      const Number middle = costs[columns_ / 2];
      sum += static_cast<double>(middle - *std::min_element(costs.begin(), costs.begin() + (columns_ / 2) + 1));
    }
    // These costs are multiples of this, and so are sums of them. An assignment in which each pair is the best of its
    // row up to less than unit / rows is optimal: no need to go further.
    const double unit = bits == 0 ? 1.0 : std::ldexp(1.0, std::countr_zero(bits));
    const double last = std::max(1.0, unit / (static_cast<double>(rows_) * smaller));
    double increment = sum / (4.0 * sample);
    bool busy = false;
    std::int64_t before = 0;
    for (int round = 0; round < rounds && increment >= last; ++round) {
      const std::int64_t bids = bid(static_cast<Number>(std::floor(increment)), 64);
      // While the increment is too large to matter, there are few bids as well.
#ifdef DBG
      fprintf(stderr,"round %d inc %g bids %ld free %ld %.4f\n",round,increment,(long)bids,(long)unassigned_rows(),NOW());
#endif
      const bool few = 2 * bids < 5 * rows_;
      // Where rows outbid each other for equal columns, smaller increments take more bids and settle nothing.
      const bool war = bids > 6 * rows_ && bids > before && round > 0;
      if ((few && busy) || war) {
        return;
      }
      busy = busy || !few;
      before = bids;
      increment /= smaller;
    }
  }

  /// After bids without an increment: gives slack's columns their smallest dual, so that slack is indifferent between
  /// them. No dual outside is larger, and no row has one of them.
  void level_slack() {
    Number least{};
    for (std::int64_t j = 0; j < columns_; ++j) {
      least = owners_.owner[j] == slack_ && reduced_.dual(j) < least ? reduced_.dual(j) : least;
    }
    for (std::int64_t j = 0; j < columns_; ++j) {
      if (owners_.owner[j] == slack_) {
        reduced_.set_dual(j, least);
      }
    }
  }

  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t slack_;  ///< the number of the row that has the columns left over
  bool slack_takes_part_ = false;
  Owners owners_;
  ReducedCosts<Costs> reduced_;
};

}  // namespace funcsim
