#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>
#include <vector>

#include "kernels/common/buffer.h"
#include "kernels/common/parallel.h"
#include "kernels/linear_sum_assignment/costs.h"
#include "kernels/linear_sum_assignment/numbers.h"
#include "kernels/linear_sum_assignment/scan_loops.h"

namespace funcsim {

/// Reduced costs, cost - u - v without the u: that of row i and column j is cost(i, j) - dual(j).
///
/// Each row has a list of the columns that were nearest when the row was last scanned, and a bound that all others were
/// not below. As duals only fall, reduced costs only rise, and the bound stays true: what is below it in the list is
/// the least of the whole row. So most questions about a row cost a look at its list, of some dozen entries, in place
/// of a scan of the row, which has to come from memory.
template <typename Costs>
class ReducedCosts {
 public:
  using Number = Costs::Number;

  /// The smallest reduced cost of a row, and the second smallest, which can be equal to it.
  struct TwoSmallest {
    Number first;
    Number second;        ///< NumberTraits::beyond() where there is no second column
    std::int64_t column;  ///< one that has `first`
  };

  ReducedCosts(const Costs& costs, const ScanLoopsOf<typename Costs::Scan>& loops,
               const std::vector<std::int64_t>& owner)
      : costs_(costs), loops_(loops), owner_(owner), duals_(costs.columns), lists_(costs.rows) {
    if constexpr (!exact_scans) {
      scan_duals_.resize(costs.columns);
    }
    listed_columns_ = new_buffer<std::int64_t>(costs.rows * capacity);
    listed_costs_ = new_buffer<ListedCost>(wide ? 0 : costs.rows * capacity);
    nearest_.reserve(2 * room);
  }

  std::int64_t rows() const { return costs_.rows; }
  std::int64_t columns() const { return costs_.columns; }
  Number cost(std::int64_t row, std::int64_t column) const { return costs_.exact(row, column); }
  const std::vector<Number>& duals() const { return duals_; }
  const Number& dual(std::int64_t column) const { return duals_[column]; }
  Number reduced(std::int64_t row, std::int64_t column) const { return cost(row, column) - duals_[column]; }

  /// Lowers a dual. Lists don't outlive a dual that is raised: see forget_lists.
  void set_dual(std::int64_t column, const Number& dual) {
    duals_[column] = dual;
    if constexpr (!exact_scans) {
      scan_duals_[column] = static_cast<double>(dual);
    }
  }

  /// Lets duals be raised.
  void forget_lists() {
    for (List& list : lists_) {
      list.size = 0;
      list.bound = Number() - NumberTraits<Number>::beyond();
      list.started = true;
    }
  }

  bool has_list(std::int64_t row) const { return lists_[row].size > 0; }

  /// Subtracts the same from all duals.
  void lower_all(const Number& by) {
    if (by == Number()) {
      return;
    }
    for (std::int64_t j = 0; j < columns(); ++j) {
      set_dual(j, duals_[j] - by);
    }
    for (List& list : lists_) {
      list.bound = list.bound == NumberTraits<Number>::beyond() ? list.bound : list.bound + by;
    }
  }

  TwoSmallest two_smallest(std::int64_t row) {
    if (lists_[row].size > 0) {
      const TwoSmallest two = two_smallest_listed(row);
      if (!(lists_[row].bound < two.second)) {
        return two;
      }
    }
    scan(row);
    const TwoSmallest two = two_smallest_listed(row);
    if (!(lists_[row].bound < two.second)) {
      return two;
    }
    scan_exactly(row, nearest_);
    return two_smallest_listed(row);
  }

  /// Whether two rows have the same costs.
  bool equal(std::int64_t row, std::int64_t other) const {
    std::int64_t j = 0;
    while (j < columns() && cost(row, j) == cost(other, j)) {
      ++j;
    }
    return j == columns();
  }

  /// Equal for equal rows.
  std::uint64_t hash(std::int64_t row) const {
    std::uint64_t hash = 0;
    for (std::int64_t j = 0; j < columns(); ++j) {
      // + 0.0, since -0.0 and 0.0 are equal
      const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(cost(row, j)) + 0.0);
      hash = (std::rotl(hash, 5) ^ bits) * 0x9E3779B97F4A7C15;
    }
    return hash;
  }

  /// Columns that are not in the row's list have at least this reduced cost.
  const Number& bound(std::int64_t row) const { return lists_[row].bound; }

  /// Calls visit(column, reduced cost) for the columns in the row's list.
  template <typename Visit>
  void visit_listed(std::int64_t row, const Visit& visit) const {
    const List& list = lists_[row];
    if (list.started) {
      if (list.size > 0) {
        visit(list.column, reduced(row, list.column));
      }
      return;
    }
    const std::int64_t* columns = listed_columns_.get() + list.place;
    for (std::int64_t k = 0; k < list.size; ++k) {
      if constexpr (wide) {
        visit(columns[k], reduced(row, columns[k]));
      } else {
        visit(columns[k], listed_costs_[list.place + k] - duals_[columns[k]]);
      }
    }
  }

  /// Whether a row's list was not made by a scan.
  bool started(std::int64_t row) const { return lists_[row].started; }

  /// Makes a list of one column, for a row that was not scanned.
  void start_list(std::int64_t row, std::int64_t column, const Number& bound) {
    List& list = lists_[row];
    list.size = 1;
    list.bound = bound;
    list.started = true;
    list.column = column;
  }

  /// Makes the list anew from current duals.
  void scan(std::int64_t row) {
    // The first list is short, since on easy matrices it is the last as well.
    make_place(row);
    scan(row, lists_[row].size == 0 || lists_[row].started ? first_typical : typical, nullptr, nearest_);
  }

  /// Makes the lists of several rows.
  void scan_all(const std::vector<std::int64_t>& rows, const ParallelFor& parallel_for) {
    constexpr std::int64_t costs = 1 << 17;  // worth a thread
    std::ranges::for_each(rows, [this](std::int64_t row) { make_place(row); });
    parallel_for(0, std::ssize(rows), std::max<std::int64_t>(1, costs / columns()),
                 [&](std::int64_t begin, std::int64_t end) {
                   std::vector<Found> nearest;
                   for (std::int64_t k = begin; k < end; ++k) {
                     const bool more = k + 1 < end;
                     scan(rows[k], first_typical, more ? scan_row(rows[k + 1]).costs : nullptr, nearest);
                   }
                 });
  }

  /// What the loops take.
  ScanRow<typename Costs::Scan> scan_row(std::int64_t row) const {
    const double* duals = nullptr;
    if constexpr (exact_scans) {
      duals = duals_.data();
    } else {
      duals = scan_duals_.data();
    }
    return {costs_.scans + (row * costs_.scan_stride), costs_.scale, duals, Costs::error, columns()};
  }

  /// The same if numbers are integers of 64 bits, which the scaled costs are.
  IntegerRow<typename Costs::Scan> integer_row(std::int64_t row) const {
    return {costs_.scans + (row * costs_.scan_stride), costs_.scale, duals_.data(), columns()};
  }

  const ScanLoopsOf<typename Costs::Scan>& loops() const { return loops_; }

  /// Calls visit(column) for all columns whose reduced cost is that of the row's list or less, ascending.
  template <typename Visit>
  void visit_within(std::int64_t row, const Number& limit, const Visit& visit) const {
    if constexpr (exact_scans) {
      std::array<std::int64_t, 2 * scan_lanes> found;  // NOLINT(*-member-init): written before it is read
      for (std::int64_t begin = 0; begin < columns();) {
        const std::int64_t count = loops_.columns_within(scan_row(row), limit, &begin, found.data(), std::ssize(found));
        std::for_each_n(found.begin(), count, visit);
      }
    } else {
      for (std::int64_t j = 0; j < columns(); ++j) {
        if (!(limit < reduced(row, j))) {
          visit(j);
        }
      }
    }
  }

 private:
  static constexpr double infinity = std::numeric_limits<double>::infinity();
  static constexpr bool exact_scans = std::is_same_v<Number, double>;
  static constexpr bool wide = sizeof(Number) > sizeof(Int128);
  static constexpr std::int64_t capacity = 32;          ///< of a list
  static constexpr std::int64_t first_typical = 8;      ///< the lane minimum that is a first scan's limit
  static constexpr std::int64_t typical = 16;           ///< and that of any other
  static constexpr std::int64_t room = 3 * scan_lanes;  ///< for columns found by a scan

  struct List {
    std::int64_t size = 0;
    Number bound{};
    bool started = false;  ///< without a scan: the list is `column`, or empty
    std::int64_t column = -1;
    std::int64_t place = -1;  ///< of what is listed, since the first scan
  };

  /// Ordered by what should be in a list: near columns, and of equally near ones those that nobody has.
  struct Found {
    Number reduced{};
    bool taken = false;
    std::int64_t column = -1;

    bool operator<(const Found& other) const {
      if (!(reduced == other.reduced)) {
        return reduced < other.reduced;
      }
      return taken != other.taken ? other.taken : column < other.column;
    }
  };

  using ListedCost = std::conditional_t<wide, char, Number>;  // wide costs are made when needed

  void make_place(std::int64_t row) {
    if (lists_[row].place < 0) {
      lists_[row].place = capacity * places_++;
    }
  }

  /// Makes the list of a row, which has a place, of columns up to the lane minimum of this rank. Fetches the row `next`
  /// from memory meanwhile, if it isn't null.
  void scan(std::int64_t row, std::int64_t rank, const Costs::Scan* next, std::vector<Found>& nearest) {
    if (!costs_.scannable) {
      scan_exactly(row, nearest);
      return;
    }
    const ScanRow<typename Costs::Scan> scanned = scan_row(row);
    // NOLINTNEXTLINE(misc-const-correctness): not where scans are exact
    double limit = loops_.lane_minimum(scanned, rank, next);
    Number bound = limit == infinity ? NumberTraits<Number>::beyond() : floor_to<Number>(limit);
    nearest.clear();
    std::array<std::int64_t, room> found;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
    for (std::int64_t begin = 0; begin < columns();) {
      const std::int64_t count = loops_.columns_within(scanned, limit, &begin, found.data(), room);
      for (std::int64_t k = 0; k < count; ++k) {
        nearest.push_back({reduced(row, found[k]), owner_[found[k]] >= 0, found[k]});
      }
      if (std::ssize(nearest) <= capacity) {
        continue;
      }
      if constexpr (!exact_scans) {
        if (begin < columns()) {
          scan_exactly(row, nearest);
          return;
        }
      }
      bound = std::min(bound, keep_nearest(nearest));
      if constexpr (exact_scans) {
        limit = std::nextafter(bound, -infinity);  // no less than the bound is no more of interest
      }
    }
    make_list(row, bound, nearest);
  }

  /// scan, but in exact numbers.
  void scan_exactly(std::int64_t row, std::vector<Found>& nearest) {
    Number bound = NumberTraits<Number>::beyond();
    nearest.clear();
    for (std::int64_t j = 0; j < columns(); ++j) {
      const Number value = reduced(row, j);
      if (value < bound) {
        nearest.push_back({value, owner_[j] >= 0, j});
        if (std::ssize(nearest) == room) {
          bound = keep_nearest(nearest);
        }
      }
    }
    if (std::ssize(nearest) > capacity) {
      bound = keep_nearest(nearest);
    }
    make_list(row, bound, nearest);
  }

  TwoSmallest two_smallest_listed(std::int64_t row) const {
    TwoSmallest two{NumberTraits<Number>::beyond(), NumberTraits<Number>::beyond(), -1};
    const auto consider = [&](std::int64_t column, const Number& value) {
      if (value < two.first) {
        two = {value, two.first, column};
      } else if (value < two.second) {
        two.second = value;
      }
    };
    if constexpr (wide) {
      if (costs_.scannable) {
        visit_least(row, consider);
        return two;
      }
    }
    visit_listed(row, consider);
    return two;
  }

  /// visit_listed for the columns that may have one of the two smallest reduced costs, as seen in double.
  template <typename Visit>
  void visit_least(std::int64_t row, const Visit& visit) const {
    const List& list = lists_[row];
    const std::int64_t size = list.size;
    const std::int64_t* columns = list.started ? &list.column : listed_columns_.get() + list.place;
    const ScanRow<typename Costs::Scan> scanned = scan_row(row);
    std::array<double, capacity> least{};
    double first = infinity;
    double second = infinity;
    for (std::int64_t k = 0; k < size; ++k) {
      const std::int64_t column = columns[k];
      const double cost = static_cast<double>(scanned.costs[column]) * scanned.scale;
      const double dual = scanned.duals[column];
      const double uncertain = (std::abs(cost) + std::abs(dual)) * Costs::error;
      least[k] = (cost - dual) - uncertain;
      const double most = (cost - dual) + uncertain;
      second = std::min(second, std::max(first, most));
      first = std::min(first, most);
    }
    for (std::int64_t k = 0; k < size; ++k) {
      if (least[k] <= second) {
        visit(columns[k], reduced(row, columns[k]));
      }
    }
  }

  /// Reduces what was found to what a list holds. Returns what the others are not below.
  static Number keep_nearest(std::vector<Found>& nearest) {
    std::nth_element(nearest.begin(), nearest.begin() + capacity - 1, nearest.end());
    nearest.resize(capacity);
    return nearest.back().reduced;
  }

  void make_list(std::int64_t row, const Number& bound, const std::vector<Found>& nearest) {
    List& list = lists_[row];
    list.size = std::ssize(nearest);
    list.bound = bound;
    list.started = false;
    for (std::int64_t k = 0; k < list.size; ++k) {
      listed_columns_[list.place + k] = nearest[k].column;
      if constexpr (!wide) {
        listed_costs_[list.place + k] = nearest[k].reduced + duals_[nearest[k].column];
      }
    }
  }

  const Costs& costs_;
  const ScanLoopsOf<typename Costs::Scan>& loops_;
  const std::vector<std::int64_t>& owner_;  ///< [columns] who has a column; -1 if nobody
  std::vector<Number> duals_;               ///< [columns]
  std::vector<double> scan_duals_;          ///< [columns], rounded; empty if duals are doubles
  std::vector<List> lists_;                 ///< [rows]
  Buffer<std::int64_t> listed_columns_;     ///< [places, capacity]
  Buffer<ListedCost> listed_costs_;         ///< [places, capacity]
  std::int64_t places_ = 0;                 ///< rows that were scanned
  std::vector<Found> nearest_;
};

}  // namespace funcsim
