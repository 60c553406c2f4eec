#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "kernels/linear_sum_assignment/owners.h"
#include "kernels/linear_sum_assignment/reduced_costs.h"

namespace funcsim {

/// Bids of rows for columns, with and without increments: see AugmentingSolver. The columns left over, if there are
/// any, belong to slack, which bids too if it takes part.
template <typename Costs>
class Auction {
 public:
  using Number = Costs::Number;

  Auction(ReducedCosts<Costs>& reduced, Owners& owners)
      : rows_(reduced.rows()), columns_(reduced.columns()), slack_(rows_), reduced_(reduced), owners_(owners) {}

  /// Has slack take part from the next time that columns are taken away from rows.
  void let_slack_take_part() { slack_takes_part_ = rows_ < columns_; }

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

  /// Rounds of bids with smaller and smaller increments, in double.
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
        costs[j] = reduced_.cost(i, j);
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

 private:
  using TwoSmallest = ReducedCosts<Costs>::TwoSmallest;

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

  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t slack_;  ///< the number of the row that has the columns left over
  bool slack_takes_part_ = false;
  ReducedCosts<Costs>& reduced_;
  Owners& owners_;
};

}  // namespace funcsim
