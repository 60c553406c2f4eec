#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/linear_sum_assignment/first_assignment.h"
#include "kernels/linear_sum_assignment/numbers.h"
#include "kernels/linear_sum_assignment/row_scans.h"

namespace funcsim {

/// Minimises the sum of costs over the complete assignments of rows to columns, in exact arithmetic; rows <= columns.
///
/// Costs are numbers of the type `Stored`, for which static_cast<Number> is exact. All arithmetic is on Numbers.
///
/// The method. Rows and columns have duals u and v, and cost - u - v, the reduced cost, is never negative. An
/// assignment of pairs whose reduced cost is 0 is then optimal. Only v is stored: u[i] is the minimum of cost[i, j] -
/// v[j] over j. Any v will do to start from. A shortest-augmenting-path search for each unassigned row completes the
/// assignment (Jonker and Volgenant 1987; Crouse 2016), and it pays to find a v before that leaves few rows to it:
///
///  1. From column minima (v = 0 if rows < columns), rows *bid*: a row takes the column with its smallest reduced cost
///     and lowers that column's v until it is indifferent between it and its second best; who had the column before
///     bids next. This is the augmenting row reduction of Jonker and Volgenant, here with a limit on the bids of a row,
///     since two rows can outbid each other by tiny steps for ever so long.
///  2. If that leaves many rows unassigned, as it does where many costs are nearly equal, rows bid with an increment:
///     each bid lowers v by that much more than what makes the row indifferent. The first increment is a quarter of the
///     mean difference between a cost and its row's minimum; each further one is a fifth of the one before, and all
///     rows bid anew. This is the auction algorithm with epsilon scaling (Bertsekas, "The auction algorithm: a
///     distributed relaxation method for the assignment problem", 1988). It ends when a round settles with few bids.
///     Then come bids without an increment as in 1, on the v so found.
///  3. Shortest augmenting paths for the rest.
///
/// Step 2 changes the speed only, and step 3 alone bounds the time by O(rows² · columns).
///
/// More columns than rows. The columns left over go to `slack`: columns - rows further rows, all equal and of cost 0,
/// so that the problem is square. They are never stored. As they are equal, they are handled as one row, which has
/// several columns, takes part in bids and paths, and ends up with the columns of the largest v, all equal. That value
/// is then subtracted from v, so that columns left over have v = 0 and all others v <= 0.
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
template <typename Stored, typename Number>
class AugmentingSolver {
 public:
  /// @param costs  [rows, stride] and kept by the caller; zeros beyond `columns`
  /// @param stride a multiple of scan_lanes<Number>
  AugmentingSolver(const Stored* costs, std::int64_t rows, std::int64_t columns, std::int64_t stride)
      : costs_(costs),
        rows_(rows),
        columns_(columns),
        stride_(stride),
        slack_(rows),
        slack_costs_(stride),
        duals_(stride),
        distances_(stride),
        owner_(columns, none),
        column_of_(rows + 1, none) {
    std::fill(duals_.begin() + columns, duals_.end(), Number() - NumberTraits<Number>::beyond());
  }

  void solve() {
    if (rows_ == columns_) {
      take_column_minima();
    }
    // The constants here and in bid_with_increments were measured: twice or half makes little difference.
    bid(Number(), 8);
    if constexpr (std::is_arithmetic_v<Number> || std::is_same_v<Number, Int128>) {  // no increment suits wider ranges
      if (unassigned_rows() > 64) {
        bid_with_increments();
        bid(Number(), 20);
      }
    }
    level_slack();
    for (std::int64_t row = 0; row < rows_; ++row) {
      if (column_of_[row] == none) {
        augment(row);
      }
    }
    if (rows_ < columns_) {
      const Number largest = *std::max_element(duals_.begin(), duals_.begin() + columns_);
      std::for_each(duals_.begin(), duals_.begin() + columns_, [&](Number& dual) { dual = dual - largest; });
    }
  }

  /// A column for each row.
  std::vector<std::int64_t> column_of_row() const { return {column_of_.begin(), column_of_.end() - 1}; }

  Number cost(std::int64_t row, std::int64_t column) const { return static_cast<Number>(costs_of(row)[column]); }
  Number column_dual(std::int64_t column) const { return duals_[column]; }
  Number row_dual(std::int64_t row) const { return cost(row, column_of_[row]) - duals_[column_of_[row]]; }

  /// The pairs with reduced cost 0.
  TightPairs tight_pairs() const {
    TightPairs tight(rows_, columns_);
    for (std::int64_t i = 0; i < rows_; ++i) {
      const Stored* costs = costs_of(i);
      const TwoSmallest<Number> two = two_smallest(costs, duals_.data(), stride_);
      tight.add(i, two.column);
      for (std::int64_t j = 0; two.second == two.first && j < columns_; ++j) {
        if (static_cast<Number>(costs[j]) - duals_[j] == two.first) {
          tight.add(i, j);
        }
      }
    }
    for (std::int64_t j = 0; rows_ < columns_ && j < columns_; ++j) {
      if (duals_[j] == Number()) {
        tight.add(slack_, j);
      }
    }
    return tight;
  }

 private:
  static constexpr std::int64_t none = -1;

  /// A column that a path search has been to.
  struct Reached {
    std::int64_t column;
    Number dual;
    Number distance;
  };

  /// A row that a path search has been to: distances through it are base + cost - dual.
  struct Step {
    std::int64_t row;
    Number base;
    Reached from;
  };

  const Stored* costs_of(std::int64_t row) const {
    return row == slack_ ? slack_costs_.data() : costs_ + (row * stride_);
  }

  std::int64_t unassigned_rows() const { return std::count(column_of_.begin(), column_of_.end() - 1, none); }

  void assign(std::int64_t row, std::int64_t column) {
    owner_[column] = row;
    column_of_[row] = column;
  }

  void take_column_minima() {
    std::fill(duals_.begin(), duals_.begin() + columns_, NumberTraits<Number>::beyond());
    for (std::int64_t i = 0; i < rows_; ++i) {
      const Stored* costs = costs_of(i);
      for (std::int64_t j = 0; j < columns_; ++j) {
        const auto number = static_cast<Number>(costs[j]);
        duals_[j] = number < duals_[j] ? number : duals_[j];
      }
    }
  }

  /// Takes all columns away from their rows, and shifts duals to a maximum of 0. Slack gets the columns with the
  /// largest duals, which are lowered to the least of them: that keeps slack indifferent between them, and does no harm
  /// to the other rows, which have no column now.
  void release_all() {
    std::ranges::fill(owner_, none);
    std::ranges::fill(column_of_, none);
    std::int64_t for_slack = columns_ - rows_;
    std::vector<Number> largest(duals_.begin(), duals_.begin() + columns_);
    const auto place = largest.begin() + std::max<std::int64_t>(for_slack - 1, 0);
    std::nth_element(largest.begin(), place, largest.end(), [](const Number& a, const Number& b) { return b < a; });
    const Number least = *place;
    for (std::int64_t j = 0; j < columns_; ++j) {
      duals_[j] = (duals_[j] < least ? duals_[j] : least) - least;
      if (for_slack > 0 && duals_[j] == Number()) {
        assign(slack_, j);
        --for_slack;
      }
    }
  }

  /// All rows bid, each at most max_bids times, until those that may have a column. Returns the number of bids.
  std::int64_t bid(const Number& increment, std::int64_t max_bids) {
    release_all();
    std::vector<std::int64_t> bids(rows_);
    std::int64_t total = 0;
    for (std::int64_t first = 0; first < rows_; ++first) {
      std::int64_t row = first;
      while (row != none && (row == slack_ || bids[row] < max_bids)) {
        if (row != slack_) {
          ++bids[row];
          ++total;
        }
        TwoSmallest<Number> best =
            row == slack_ ? two_smallest_of_slack() : two_smallest(costs_of(row), duals_.data(), stride_);
        const Number drop = columns_ == 1 ? Number() : best.second - best.first + increment;
        if (drop == Number() && row != slack_ && owner_[best.column] != none) {
          // A bid that lowers nothing could go on in a circle, unless it takes a column that nobody has.
          best.column = unassigned_column(costs_of(row), best.first);
          if (best.column == none) {
            break;
          }
        }
        duals_[best.column] = duals_[best.column] - drop;
        const std::int64_t displaced = owner_[best.column];
        if (displaced != none) {
          column_of_[displaced] = none;
        }
        assign(row, best.column);
        row = displaced;
      }
    }
    return total;
  }

  /// An unassigned column with this reduced cost.
  std::int64_t unassigned_column(const Stored* costs, const Number& reduced) const {
    for (std::int64_t j = 0; j < columns_; ++j) {
      if (owner_[j] == none && static_cast<Number>(costs[j]) - duals_[j] == reduced) {
        return j;
      }
    }
    return none;
  }

  /// two_smallest for slack, which lacks one column: over the columns that it doesn't have, of which there are two or
  /// more. Prefers a column that nobody has.
  TwoSmallest<Number> two_smallest_of_slack() const {
    TwoSmallest<Number> two{NumberTraits<Number>::beyond(), NumberTraits<Number>::beyond(), none};
    for (std::int64_t j = 0; j < columns_; ++j) {
      if (owner_[j] == slack_) {
        continue;
      }
      const Number reduced = Number() - duals_[j];
      if (reduced < two.first) {
        two = {reduced, two.first, j};
      } else {
        two.second = reduced < two.second ? reduced : two.second;
        two.column = reduced == two.first && owner_[j] == none && owner_[two.column] != none ? j : two.column;
      }
    }
    return two;
  }

  /// Rounds of bids with smaller and smaller increments.
  void bid_with_increments() {
    constexpr double smaller = 5.0;
    double sum = 0.0;
    double count = 0.0;
    std::uint64_t bits = 0;
    for (std::int64_t i = 0; i < rows_; ++i) {
      const Stored* costs = costs_of(i);
      const auto least = static_cast<Number>(*std::min_element(costs, costs + columns_));
      for (std::int64_t j = 0; j < columns_; ++j) {
        const auto number = static_cast<Number>(costs[j]);
        if (number < NumberTraits<Number>::forbidden()) {
          sum += static_cast<double>(number - least);
          count += 1.0;
          bits |= static_cast<std::uint64_t>(static_cast<std::int64_t>(number));
        }
      }
    }
    // All costs are multiples of this, and so are sums of them. An assignment in which each pair is the best of its row
    // up to less than unit / rows is optimal: no need to go further.
    const double unit = bits == 0 ? 1.0 : std::ldexp(1.0, std::countr_zero(bits));
    const double last = std::max(1.0, unit / (static_cast<double>(rows_) * smaller));
    double increment = sum / (4.0 * std::max(count, 1.0));
    bool busy = false;
    while (increment >= last) {
      const std::int64_t bids = bid(static_cast<Number>(std::floor(increment)), 64);
      // While the increment is too large to matter, there are few bids as well.
      const bool few = static_cast<double>(bids) < 2.5 * static_cast<double>(rows_);
      if (few && busy) {
        return;
      }
      busy = busy || !few;
      increment /= smaller;
    }
  }

  /// After bids without an increment: gives slack's columns their smallest dual, so that slack is indifferent between
  /// them. No dual outside is larger, and no row has one of them.
  void level_slack() {
    Number least{};
    for (std::int64_t j = 0; j < columns_; ++j) {
      least = owner_[j] == slack_ && duals_[j] < least ? duals_[j] : least;
    }
    for (std::int64_t j = 0; j < columns_; ++j) {
      duals_[j] = owner_[j] == slack_ ? least : duals_[j];
    }
  }

  /// Dijkstra's algorithm from an unassigned row over reduced costs, until it reaches an unassigned column; then
  /// changes duals so that the path has reduced cost 0, and moves the assignment along it.
  void augment(std::int64_t unassigned_row) {
    std::fill(distances_.begin(), distances_.end(), NumberTraits<Number>::beyond());
    reached_.clear();
    steps_.assign(1, Step{unassigned_row, Number(), {none, Number(), Number()}});
    Reached end{none, Number(), Number()};
    while (true) {
      const Step& step = steps_.back();
      const LaneMinima<Number> least = relax(costs_of(step.row), duals_.data(), step.base, stride_, distances_.data());
      end.distance = *std::min_element(least.begin(), least.end());
      end.column = nearest_column(least, end.distance);
      end.dual = duals_[end.column];
      const std::int64_t row = owner_[end.column];
      if (row == none) {
        break;
      }
      steps_.push_back({row, end.distance - (cost(row, end.column) - end.dual), end});
      if (row != slack_) {
        reach(end.column, end.distance);
        continue;
      }
      for (std::int64_t j = 0; j < columns_; ++j) {  // at no cost, slack gives any of its columns for any other
        if (owner_[j] == slack_) {
          reach(j, end.distance);
        }
      }
    }
    for (const Reached& reached : reached_) {
      duals_[reached.column] = reached.dual + (reached.distance - end.distance);
    }
    // Backwards: the row through which a column got its distance is one of those before it. Arithmetic is exact, so any
    // row that explains the distance will do.
    for (std::size_t k = steps_.size(); k-- > 0;) {
      const Step& step = steps_[k];
      if (step.base + (cost(step.row, end.column) - end.dual) == end.distance) {
        assign(step.row, end.column);
        end = step.from;
      }
    }
  }

  /// Takes a column out of the search, with a dual that makes its reduced costs too large for it to be found again.
  void reach(std::int64_t column, const Number& distance) {
    reached_.push_back({column, duals_[column], distance});
    duals_[column] = Number() - NumberTraits<Number>::beyond();
    distances_[column] = NumberTraits<Number>::beyond();
  }

  /// A column at this distance, the smallest there is; one without a row if there is one.
  std::int64_t nearest_column(const LaneMinima<Number>& least, const Number& distance) const {
    constexpr std::int64_t lanes = scan_lanes<Number>;
    std::int64_t nearest = none;
    for (std::int64_t l = 0; l < lanes; ++l) {
      for (std::int64_t j = l; least[l] == distance && j < columns_; j += lanes) {
        if (distances_[j] == distance) {
          nearest = j;
          if (owner_[j] == none) {
            return j;
          }
        }
      }
    }
    return nearest;
  }

  const Stored* costs_;
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t stride_;
  std::int64_t slack_;                   ///< the number of the row that has the columns left over
  std::vector<Stored> slack_costs_;      ///< [stride] zeros
  std::vector<Number> duals_;            ///< [stride] of the columns; those of padding keep it out of every minimum
  std::vector<Number> distances_;        ///< [stride] from the row that a path is searched for
  std::vector<std::int64_t> owner_;      ///< [columns] row that has the column
  std::vector<std::int64_t> column_of_;  ///< [rows + 1] column of a row, and one of slack's
  std::vector<Reached> reached_;
  std::vector<Step> steps_;
};

}  // namespace funcsim
