#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/linear_sum_assignment/owners.h"
#include "kernels/linear_sum_assignment/reduced_costs.h"

namespace funcsim {

/// Shortest augmenting paths, over reduced costs, by Dijkstra's algorithm.
///
/// A search relaxes only the columns in the lists of the rows it gets to. What is not in a list is farther than the
/// list's bound, so it may wait until the search is that far; then the row is scanned. A search that has to scan many
/// rows goes over to relaxing all columns of every row.
template <typename Costs>
class PathSearch {
 public:
  using Number = Costs::Number;

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
    add_step({row, Number(), none, Number(), Number()});
    std::int64_t scans = 0;
    while (true) {
      while (!nearest_.empty() && distances_[nearest_.front().second] < nearest_.front().first) {
        pop(nearest_);  // it got nearer since
      }
      const Number next = nearest_.empty() ? NumberTraits<Number>::beyond() : nearest_.front().first;
      const Number further = waiting_.empty() ? NumberTraits<Number>::beyond() : waiting_.front().first;
      if (end_ != none && !(next < end_distance_) && !(further < end_distance_)) {
        break;
      }
      if (further < next) {
        scans += reduced_.started(steps_[waiting_.front().second].row) ? 0 : 1;
        if constexpr (std::is_arithmetic_v<Number>) {
          if (2 * scans > std::ssize(steps_) + patience) {
            search_all_columns();
            return;
          }
        }
        look_further(pop(waiting_).second);
        continue;
      }
      const auto [distance, column] = pop(nearest_);
      settle(column, distance);
    }
    finish();
  }

 private:
  static constexpr int most_scans = 4;          ///< of a row in a search, before all of its columns are relaxed
  static constexpr std::int64_t patience = 16;  ///< a search may scan half a row a step, and this many rows

  /// A row that the search has got to: distances through it are base + reduced cost.
  struct Step {
    std::int64_t row = none;
    Number base{};
    std::int64_t entered = none;  ///< the column that the row gives for another; -1 for the first row
    Number distance;              ///< of that column
    Number dual;                  ///< of that column, before the search
    int scans = 0;                ///< of the row, for what is not in its list
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
    reduced_.visit_listed(step.row,
                          [&](std::int64_t column, const Number& value) { relax(number, column, step.base + value); });
  }

  /// Has the step looked further when the search is as far as the columns may be that are not in the row's list.
  void wait(std::int64_t number) {
    const Step& step = steps_[number];
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

  void add_step(const Step& step) {
    steps_.push_back(step);
    relax_listed(std::ssize(steps_) - 1);
    wait(std::ssize(steps_) - 1);
  }

  /// A row with the same costs, the same for all that are equal; the row itself if none was seen.
  std::int64_t representative(std::int64_t row) {
    std::int64_t& known = representatives_[row];
    if (known == none) {
      std::vector<std::int64_t>& candidates = rows_by_hash_[reduced_.hash(row)];
      const auto equal =
          std::ranges::find_if(candidates, [&](std::int64_t other) { return reduced_.equal(row, other); });
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
    const bool started = reduced_.started(row);
    reduced_.scan(row);
    relax_listed(number);
    if ((started || before < reduced_.bound(row)) && ++steps_[number].scans < most_scans) {
      wait(number);
      return;
    }
    if (!(steps_[number].base + reduced_.bound(row) < end_distance_)) {
      return;
    }
    // More columns are equally near than a list holds.
    const std::int64_t same = representative(row);
    if (expanded_[same] != searches_) {
      expanded_[same] = searches_;
      relax_all(number);
    }
  }

  void settle(std::int64_t column, const Number& distance) {
    const std::int64_t row = owners_.owner[column];
    if (row != slack_) {
      settled_.push_back(column);
      add_step({row, distance - reduced_.reduced(row, column), column, distance, reduced_.dual(column)});
      return;
    }
    if (slack_settled_) {
      settled_.push_back(column);
      return;
    }
    slack_settled_ = true;
    settled_.push_back(column);
    const std::int64_t number = std::ssize(steps_);
    steps_.push_back({slack_, distance + reduced_.dual(column), column, distance, reduced_.dual(column)});
    for (std::int64_t j = 0; j < reduced_.columns(); ++j) {
      if (owners_.owner[j] == slack_ && distance < distances_[j]) {
        if (distances_[j] == NumberTraits<Number>::beyond()) {
          touched_.push_back(j);
        }
        distances_[j] = distance;
        from_[j] = number;
        settled_.push_back(j);
      }
    }
    relax_all(number);
  }

  void finish() {
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
    forget();
  }

  void forget() {
    touched_.clear();
    settled_.clear();
    slack_settled_ = false;
  }

  /// A column that is out of a search of all columns.
  struct Reached {
    std::int64_t column;
    Number dual;
    Number distance;
  };

  /// Goes on with the search, but relaxes all columns of every row.
  void search_all_columns() {
    reached_.clear();
    for (const std::int64_t column : settled_) {
      reach(column, distances_[column]);
    }
    LaneMinima least{};
    for (const Step& step : steps_) {
      least = relax_row(step);
    }
    Reached end{none, Number(), Number()};
    while (true) {
      end.distance = *std::min_element(least.begin(), least.end());
      end.column = nearest_column(least, end.distance);
      end.dual = reduced_.dual(end.column);
      const std::int64_t row = owners_.owner[end.column];
      if (row == none) {
        break;
      }
      const Number own = row == slack_ ? Number() : reduced_.cost(row, end.column);
      steps_.push_back({row, end.distance - (own - end.dual), end.column, end.distance, end.dual});
      reach(end.column, end.distance);
      for (std::int64_t j = 0; row == slack_ && j < reduced_.columns(); ++j) {  // at no cost, slack gives any for any
        if (owners_.owner[j] == slack_ && j != end.column) {
          reach(j, end.distance);
        }
      }
      least = relax_row(steps_.back());
    }
    for (const Reached& reached : reached_) {
      reduced_.set_dual(reached.column, reached.dual + (reached.distance - end.distance));
    }
    // Backwards: the row through which a column got its distance is one of those before it. Arithmetic is exact, so any
    // row that explains the distance will do.
    for (std::size_t k = steps_.size(); k-- > 0;) {
      const Step& step = steps_[k];
      const Number own = step.row == slack_ ? Number() : reduced_.cost(step.row, end.column);
      if (step.base + (own - end.dual) == end.distance) {
        owners_.assign(step.row, end.column);
        end = {step.entered, step.dual, step.distance};
      }
    }
    std::ranges::fill(distances_, NumberTraits<Number>::beyond());
    forget();
  }

  /// Takes a column out of the search, with a dual that makes its reduced costs too large for it to be found again.
  void reach(std::int64_t column, const Number& distance) {
    reached_.push_back({column, reduced_.dual(column), distance});
    reduced_.set_dual(column, Number() - NumberTraits<Number>::beyond());
    distances_[column] = NumberTraits<Number>::beyond();
  }

  /// The smallest distance of every lane: column j is in lane j % scan_lanes.
  using LaneMinima = std::array<Number, scan_lanes>;

  LaneMinima relax_row(const Step& step) {
    LaneMinima least;
    if constexpr (std::is_same_v<Number, double>) {
      if (step.row != slack_) {
        reduced_.loops().relax(reduced_.scan_row(step.row), step.base, distances_.data(), least.data());
        return least;
      }
    } else if constexpr (std::is_same_v<Number, std::int64_t>) {
      if (step.row != slack_) {
        reduced_.loops().relax_integers(reduced_.integer_row(step.row), step.base, distances_.data(), least.data());
        return least;
      }
    }
    least.fill(NumberTraits<Number>::beyond());
    for (std::int64_t j = 0; j < reduced_.columns(); ++j) {
      const Number own = step.row == slack_ ? Number() : reduced_.cost(step.row, j);
      const Number distance = step.base + (own - reduced_.dual(j));
      Number& nearest = distances_[j];
      nearest = distance < nearest ? distance : nearest;
      Number& lane = least[j % scan_lanes];
      lane = nearest < lane ? nearest : lane;
    }
    return least;
  }

  /// A column at this distance, the smallest there is; one without a row if there is one.
  std::int64_t nearest_column(const LaneMinima& least, const Number& distance) const {
    std::int64_t nearest = none;
    for (std::int64_t l = 0; l < scan_lanes; ++l) {
      for (std::int64_t j = l; least[l] == distance && j < reduced_.columns(); j += scan_lanes) {
        if (distances_[j] == distance) {
          nearest = j;
          if (owners_.owner[j] == none) {
            return j;
          }
        }
      }
    }
    return nearest;
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
  std::vector<Reached> reached_;
  std::int64_t end_ = none;
  Number end_distance_{};
  bool slack_settled_ = false;
};

}  // namespace funcsim
