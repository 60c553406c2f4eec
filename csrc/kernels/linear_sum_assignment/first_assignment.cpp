#include "kernels/linear_sum_assignment/first_assignment.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <span>
#include <utility>

#include "kernels/linear_sum_assignment/strongly_connected_components.h"

namespace funcsim {

namespace {

constexpr std::int64_t none = -1;
constexpr std::int64_t word_bits = 64;

using Bits = std::vector<std::uint64_t>;

void clear_bit(Bits& bits, std::int64_t j) {
  bits[j / word_bits] &= ~(std::uint64_t{1} << (j % word_bits));
}

bool test_bit(const std::uint64_t* bits, std::int64_t j) {
  return (bits[j / word_bits] >> (j % word_bits) & 1U) != 0;
}

/// Exchanges columns within the tight pairs. Columns left over belong to one more row, `slack`. It is like the other
/// rows, except that it has several columns, or none.
class Exchanges {
 public:
  Exchanges(const TightPairs& tight, std::vector<std::int64_t>& column_of_row)
      : tight_(tight),
        column_of_(column_of_row),
        slack_(tight.rows()),
        owner_(tight.columns(), slack_),
        open_(tight.words(), ~std::uint64_t{0}),
        component_(tight.rows() + 1),
        entered_by_(tight.columns()) {
    for (std::int64_t i = 0; i < tight.rows(); ++i) {
      owner_[column_of_[i]] = i;
    }
  }

  /// Gives the row the lowest column that it can have without a change to the rows above it.
  void decide(std::int64_t row) {
    const std::int64_t target = column_of_[row];
    if (next_open(row, open_, target) < target) {
      if (!components_known_ && search_work_ > slack_ && search_work_ > component_work()) {
        find_components();
      }
      Bits unseen = open_;
      clear_bit(unseen, target);
      for (std::int64_t j = next_open(row, unseen, target); j < target; j = next_open(row, unseen, target)) {
        if (component_[owner_[j]] == component_[row] && free_up(j, target, unseen)) {
          owner_[j] = row;
          column_of_[row] = j;
          break;
        }
        clear_bit(unseen, j);
      }
    }
    clear_bit(open_, column_of_[row]);
  }

 private:
  /// The first tight column of the row that is not below `from`; columns() if there is none.
  std::int64_t next_column(std::int64_t row, std::int64_t from) const {
    const std::uint64_t* tight = tight_.columns_of(row);
    for (std::int64_t w = from / word_bits; w < tight_.words(); ++w) {
      const std::uint64_t skipped = w == from / word_bits ? (std::uint64_t{1} << (from % word_bits)) - 1 : 0;
      if (const std::uint64_t word = tight[w] & ~skipped; word != 0) {
        return (w * word_bits) + std::countr_zero(word);
      }
    }
    return tight_.columns();
  }

  /// The first tight column of the row among those given; no less than `end` if there is none below it.
  std::int64_t next_open(std::int64_t row, const Bits& among, std::int64_t end) const {
    const std::uint64_t* tight = tight_.columns_of(row);
    for (std::int64_t w = 0; w * word_bits < end; ++w) {
      if (const std::uint64_t word = tight[w] & among[w]; word != 0) {
        return (w * word_bits) + std::countr_zero(word);
      }
    }
    return end;
  }

  /// What finding components costs about, in words: a step for each tight pair.
  std::int64_t component_work() {
    if (pairs_ == 0) {
      for (std::int64_t i = 0; i <= slack_; ++i) {
        for (std::int64_t w = 0; w < tight_.words(); ++w) {
          pairs_ += std::popcount(tight_.columns_of(i)[w]);
        }
      }
    }
    return pairs_;
  }

  /// Lets the owner of `column` take another column, the owner of that one the next, and so on, until one takes
  /// `target`, if that is possible with unseen columns. Takes the columns it has been to out of `unseen`.
  bool free_up(std::int64_t column, std::int64_t target, Bits& unseen) {
    std::vector<std::int64_t> pending = {column};
    clear_bit(unseen, column);
    bool slack_seen = false;
    while (!pending.empty()) {
      const std::int64_t given = pending.back();
      pending.pop_back();
      const std::int64_t row = owner_[given];
      if (row == slack_ && std::exchange(slack_seen, true)) {
        continue;  // whichever of its columns slack gives away, it can take the same ones
      }
      search_work_ += tight_.words();
      const std::uint64_t* tight = tight_.columns_of(row);
      if (test_bit(tight, target)) {
        shift(column, given, target);
        return true;
      }
      for (std::int64_t w = 0; w < tight_.words(); ++w) {
        for (std::uint64_t word = tight[w] & unseen[w]; word != 0; word &= word - 1) {
          const std::int64_t next = (w * word_bits) + std::countr_zero(word);
          clear_bit(unseen, next);
          if (component_[owner_[next]] == component_[row]) {
            entered_by_[next] = given;
            pending.push_back(next);
          }
        }
      }
    }
    return false;
  }

  /// The chain that free_up found, from its end: the owner of `given` takes `target`, and so on back to `column`.
  void shift(std::int64_t column, std::int64_t given, std::int64_t target) {
    std::int64_t taken = target;
    while (taken != column) {
      const std::int64_t row = owner_[given];
      owner_[taken] = row;
      if (row != slack_) {
        column_of_[row] = taken;
      }
      taken = given;
      given = entered_by_[given];
    }
  }

  /// Of the graph with an edge from every row to the owner of each of its tight columns.
  void find_components() {
    components_known_ = true;
    component_ = strongly_connected_components(slack_ + 1, [this](std::int64_t row, std::int64_t& place) {
      const std::int64_t column = next_column(row, place);
      place = column + 1;
      return column < tight_.columns() ? owner_[column] : none;
    });
  }

  const TightPairs& tight_;
  std::vector<std::int64_t>& column_of_;  ///< [rows]
  std::int64_t slack_;                    ///< its row number, after the others
  std::vector<std::int64_t> owner_;       ///< [columns] the row that has the column
  Bits open_;                             ///< [words] columns that no row decided on
  std::vector<std::int64_t> component_;   ///< [rows + 1]; all the same until they are known
  bool components_known_ = false;
  std::int64_t search_work_ = 0;          ///< words looked at by searches
  std::int64_t pairs_ = 0;                ///< number of tight pairs; 0 if not counted
  std::vector<std::int64_t> entered_by_;  ///< [columns] the column whose owner can take this one instead
};

/// A search for an augmenting path, from a row through the tight pairs.
class AugmentingSearch {
 public:
  AugmentingSearch(const TightPairs& tight, std::vector<std::int64_t>& column_of_row)
      : tight_(tight),
        column_of_(column_of_row),
        owner_(tight.columns(), none),
        free_(tight.words(), ~std::uint64_t{0}),
        open_(free_),
        reached_from_(tight.columns()) {}

  /// Takes the row's first free column, if it has one.
  bool take_free(std::int64_t row) {
    const std::uint64_t* tight = tight_.columns_of(row);
    for (std::int64_t w = 0; w < tight_.words(); ++w) {
      if (const std::uint64_t word = tight[w] & free_[w]; word != 0) {
        take(row, (w * word_bits) + std::countr_zero(word));
        return true;
      }
    }
    return false;
  }

  bool augment(std::int64_t row) {
    Bits unseen = open_;
    std::vector<std::int64_t> reached = {row};
    for (std::size_t next = 0; next < reached.size(); ++next) {
      const std::int64_t from = reached[next];
      std::int64_t given = column_of_[from];
      if (take_free(from)) {
        for (std::int64_t taker = from; taker != row;) {  // back along the path, each takes what the next one gives
          taker = reached_from_[given];
          const std::int64_t before = column_of_[taker];
          take(taker, given);
          given = before;
        }
        return true;
      }
      const std::uint64_t* tight = tight_.columns_of(from);
      for (std::int64_t w = 0; w < tight_.words(); ++w) {
        for (std::uint64_t word = tight[w] & unseen[w]; word != 0; word &= word - 1) {
          const std::int64_t column = (w * word_bits) + std::countr_zero(word);
          reached_from_[column] = from;
          reached.push_back(owner_[column]);
        }
        unseen[w] &= ~tight[w];
      }
    }
    open_ = unseen;  // from what this search has seen, no later one gets to a free column either
    return false;
  }

 private:
  void take(std::int64_t row, std::int64_t column) {
    owner_[column] = row;
    column_of_[row] = column;
    clear_bit(free_, column);
  }

  const TightPairs& tight_;
  std::vector<std::int64_t>& column_of_;    ///< [rows] -1 if none
  std::vector<std::int64_t> owner_;         ///< [columns] -1 if none
  Bits free_;                               ///< [words] columns that nobody has
  Bits open_;                               ///< [words] columns that no failed search has seen
  std::vector<std::int64_t> reached_from_;  ///< [columns] the row through which the search got to a column
};

}  // namespace

bool complete(const TightPairs& tight, std::vector<std::int64_t>& column_of_row) {
  std::ranges::fill(column_of_row, none);
  AugmentingSearch search(tight, column_of_row);
  for (std::int64_t i = 0; i < tight.rows(); ++i) {
    search.take_free(i);
  }
  bool all = true;
  for (std::int64_t i = 0; i < tight.rows(); ++i) {
    all = (column_of_row[i] != none || search.augment(i)) && all;
  }
  return all;
}

void make_first(const TightPairs& tight, std::vector<std::int64_t>& column_of_row) {
  Exchanges exchanges(tight, column_of_row);
  for (std::int64_t i = 0; i < tight.rows(); ++i) {
    exchanges.decide(i);
  }
}

void make_first(const ListedPairs& listed, std::vector<std::int64_t>& column_of_row) {
  const std::int64_t slack = std::ssize(column_of_row);
  std::vector<std::int64_t> owner(listed.columns, slack);
  for (std::int64_t i = 0; i < slack; ++i) {
    owner[column_of_row[i]] = i;
  }
  const auto columns_of = [&](std::int64_t row) {
    return std::span(listed.pairs).subspan(listed.ends[row], listed.ends[row + 1] - listed.ends[row]);
  };
  const std::vector<std::int64_t> component =
      strongly_connected_components(slack + 1, [&](std::int64_t row, std::int64_t& place) {
        const auto columns = columns_of(row);
        return place < std::ssize(columns) ? owner[columns[place++]] : none;
      });
  std::vector<std::int64_t> size(slack + 1);
  for (const std::int64_t number : component) {
    ++size[number];
  }
  // Only rows that share a component can exchange columns, with one another. Most often there are none.
  const auto takes_part = [&](std::int64_t row) { return size[component[row]] > 1; };
  std::vector<std::int64_t> rows;
  std::vector<bool> wanted(listed.columns);
  for (std::int64_t i = 0; i < slack; ++i) {
    if (takes_part(i)) {
      rows.push_back(i);
      for (const std::int64_t j : columns_of(i)) {
        wanted[j] = wanted[j] || takes_part(owner[j]);
      }
    }
  }
  if (rows.empty()) {
    return;
  }
  std::vector<std::int64_t> columns;
  std::vector<std::int64_t> place(listed.columns, none);
  for (std::int64_t j = 0; j < listed.columns; ++j) {
    if (wanted[j]) {
      place[j] = std::ssize(columns);
      columns.push_back(j);
    }
  }
  TightPairs tight(std::ssize(rows), std::ssize(columns));
  std::vector<std::int64_t> chosen;
  const auto add_pairs = [&](std::int64_t number, std::int64_t row) {
    for (const std::int64_t j : columns_of(row)) {
      if (wanted[j]) {
        tight.add(number, place[j]);
      }
    }
  };
  for (const std::int64_t row : rows) {
    add_pairs(std::ssize(chosen), row);
    chosen.push_back(place[column_of_row[row]]);
  }
  add_pairs(std::ssize(rows), slack);
  make_first(tight, chosen);
  for (std::size_t k = 0; k < rows.size(); ++k) {
    column_of_row[rows[k]] = columns[chosen[k]];
  }
}

}  // namespace funcsim
