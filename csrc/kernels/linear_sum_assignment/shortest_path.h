#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/linear_sum_assignment/reduced_costs.h"

namespace funcsim {

/// Who has which column.
struct Owners {
  std::vector<std::int64_t> owner;      ///< [columns] row that has the column; -1 if none
  std::vector<std::int64_t> column_of;  ///< [rows + 1] column of a row, -1 if none; and one of slack's

  void assign(std::int64_t row, std::int64_t column) {
    owner[column] = row;
    column_of[row] = column;
  }
};

/// Shortest augmenting paths, over reduced costs, by Dijkstra's algorithm.
///
/// A search relaxes only the columns in the lists of the rows it gets to. What is not in a list is farther than the
/// list's bound, so it may wait until the search is that far; then the row is scanned. A search that has to scan many
/// rows goes over to relaxing all columns of every row.
template <typename Costs>
class PathSearch {
 public:
  using Number = typename Costs::Number;

  PathSearch(ReducedCosts<Costs>& reduced, Owners& owners)
      : reduced_(reduced),
        owners_(owners),
        slack_(reduced.rows()),
        distances_(reduced.columns(), NumberTraits<Number>::beyond()),
        from_(reduced.columns()),
        representatives_(reduced.rows(), none),
        expanded_(reduced.rows()) {}

  /// Gives an unassigned row a column: changes duals so that a path to an unassigned column has reduced cost 0, and
  /// moves the assignment along it.
  void augment(std::int64_t row) {
    ++searches_;
    steps_.clear();
    nearest_.clear();
    waiting_.clear();
    end_ = none;
    end_distance_ = NumberTraits<Number>::beyond();
    add_step(row, Number(), none);
    std::int64_t scans = 0;
    while (true) {
      while (!nearest_.empty() && distances_[nearest_.front().second] < nearest_.front().first) {
        pop(nearest_);  // it got nearer since
      }
      const Number next = nearest_.empty() ? NumberTraits<Number>::beyond() : nearest_.front().first;
      const Number wait = waiting_.empty() ? NumberTraits<Number>::beyond() : waiting_.front().first;
      if (end_ != none && !(next < end_distance_) && !(wait < end_distance_)) {
        break;
      }
      static const bool WF=getenv("WF"); if (WF ? !(next < wait) : wait < next) {
        look_further(pop(waiting_).second);
        ++scans;
        continue;
      }
      const auto [distance, column] = pop(nearest_);
      settle(column, distance);
    }
    finish();
  }

 private:
  static constexpr std::int64_t none = -1;

  /// A row that the search has got to: distances through it are base + reduced cost.
  struct Step {
    std::int64_t row;
    Number base;
    std::int64_t entered;  ///< the column that the row gives for another
  };

  using Entry = std::pair<Number, std::int64_t>;
  using Heap = std::vector<Entry>;

  static void push(Heap& heap, const Number& key, std::int64_t value) {
    heap.emplace_back(key, value);
    std::push_heap(heap.begin(), heap.end(), [](const Entry& a, const Entry& b) { return b < a; });
  }

  static Entry pop(Heap& heap) {
    std::pop_heap(heap.begin(), heap.end(), [](const Entry& a, const Entry& b) { return b < a; });
    const Entry least = heap.back();
    heap.pop_back();
    return least;
  }

  void relax(std::int64_t step, std::int64_t column, const Number& distance) {
    if (!(distance < distances_[column]) || !(distance < end_distance_)) {
      return;
    }
    if (distances_[column] == NumberTraits<Number>::beyond()) {
      touched_.push_back(column);
    }
    distances_[column] = distance;
    from_[column] = step;
    if (owners_.owner[column] == none) {
      end_ = column;
      end_distance_ = distance;
    } else {
      push(nearest_, distance, column);
    }
  }

  void relax_listed(std::int64_t number) {
    const Step step = steps_[number];
    reduced_.visit_listed(step.row, [&](std::int64_t column, const Number& value) { relax(number, column, step.base + value); });
    const Number& bound = reduced_.bound(step.row);
    if (bound < NumberTraits<Number>::beyond() && step.base + bound < end_distance_) {
      push(waiting_, step.base + bound, number);
    }
  }

  void relax_all(std::int64_t number) {
    const Step step = steps_[number];
    for (std::int64_t j = 0; j < reduced_.columns(); ++j) {
      const Number value = step.row == slack_ ? Number() - reduced_.dual(j) : reduced_.reduced(step.row, j);
      relax(number, j, step.base + value);
    }
  }

  void add_step(std::int64_t row, const Number& base, std::int64_t entered) {
    steps_.push_back({row, base, entered});
    relax_listed(std::ssize(steps_) - 1);
  }

  /// A row with the same costs, the same for all that are equal; the row itself if none was seen.
  std::int64_t representative(std::int64_t row) {
    std::int64_t& known = representatives_[row];
    if (known == none) {
      std::vector<std::int64_t>& candidates = rows_by_hash_[reduced_.hash(row)];
      const auto equal = std::ranges::find_if(candidates, [&](std::int64_t other) { return reduced_.equal(row, other); });
      known = equal == candidates.end() ? candidates.emplace_back(row) : *equal;
    }
    return known;
  }

  void look_further(std::int64_t number) {
    const std::int64_t row = steps_[number].row;
    // Where equal rows compete, they have the same distances to all columns, and the first to get there settles it.
    if (representatives_[row] != none && expanded_[representatives_[row]] == searches_) {
      return;
    }
    const Number before = reduced_.bound(row);
    reduced_.scan(row);
    ++rescans;
    if (before < reduced_.bound(row)) {
      relax_listed(number);
    } else {
      ++fulls;
      const std::int64_t same = representative(row);
      if (expanded_[same] != searches_) {
        expanded_[same] = searches_;
        relax_all(number);
      }
    }
  }
 public:
  long rescans=0,fulls=0,nsteps=0;
 private:

  void settle(std::int64_t column, const Number& distance) {
    const std::int64_t row = owners_.owner[column];
    if (row != slack_) {
      settled_.push_back(column);
      add_step(row, distance - reduced_.reduced(row, column), column);
      return;
    }
    if (slack_settled_) { settled_.push_back(column); return; }
    slack_settled_ = true;
    settled_.push_back(column);
    const std::int64_t number = std::ssize(steps_);
    steps_.push_back({slack_, distance + reduced_.dual(column), column});
    for (std::int64_t j = 0; j < reduced_.columns(); ++j) {
      if (owners_.owner[j] == slack_ && distance < distances_[j]) {
        if (distances_[j] == NumberTraits<Number>::beyond()) touched_.push_back(j);
        distances_[j] = distance; from_[j] = number; settled_.push_back(j);
      }
    }
    relax_all(number);
  }

  void finish() {
    nsteps += std::ssize(steps_);
    for (const std::int64_t column : settled_) {
      if (distances_[column] < end_distance_) {
        reduced_.set_dual(column, reduced_.dual(column) + (distances_[column] - end_distance_));
      }
    }
    for (std::int64_t column = end_; column != none;) {
      const Step& step = steps_[from_[column]];
      owners_.assign(step.row, column);
      column = step.entered;
    }
    for (const std::int64_t j : touched_) {
      distances_[j] = NumberTraits<Number>::beyond();
    }
    touched_.clear();
    settled_.clear();
    slack_settled_ = false;
  }

  ReducedCosts<Costs>& reduced_;
  Owners& owners_;
  std::int64_t slack_;
  std::vector<Number> distances_;      ///< [columns] from the row that a path is searched for; beyond() if not reached
  std::vector<std::int64_t> from_;     ///< [columns] the step through which a column got its distance
  std::vector<std::int64_t> touched_;  ///< columns with a distance
  std::vector<std::int64_t> settled_;  ///< columns with a final distance
  std::vector<std::int64_t> representatives_;  ///< [rows] see representative(); -1 if not known
  std::vector<std::int64_t> expanded_;         ///< [rows] the last search that relaxed all columns of a representative
  std::unordered_map<std::uint64_t, std::vector<std::int64_t>> rows_by_hash_;
  std::int64_t searches_ = 0;
  std::vector<Step> steps_;
  Heap nearest_;  ///< distances of assigned columns, some of them outdated
  Heap waiting_;  ///< steps with columns that are not in their lists, by how near those may be
  std::int64_t end_ = none;
  Number end_distance_{};
  bool slack_settled_ = false;
};

}  // namespace funcsim
