#pragma once

#include <cstdint>
#include <vector>

#include "kernels/common/ceil_div.h"

namespace funcsim {

/// The pairs that optimal assignments are made of: those whose cost equals the sum of their optimal duals. Every
/// complete assignment made of them is optimal, and there is no other.
class TightPairs {
 public:
  /// columns >= rows; no pairs yet
  TightPairs(std::int64_t rows, std::int64_t columns)
      : rows_(rows), columns_(columns), words_(ceil_div(columns, 64)), bits_((rows + 1) * words_) {}

  /// Adds a pair. The row number `rows` stands for no row: its pairs are the columns that may be left over.
  void add(std::int64_t row, std::int64_t column) {
    const auto place = static_cast<std::uint64_t>(column);
    bits_[(row * words_) + (column / 64)] |= std::uint64_t{1} << (place % 64);
  }

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  std::int64_t words() const { return words_; }

  /// [words] the tight columns of a row, column j at position j % 64 of word j / 64
  const std::uint64_t* columns_of(std::int64_t row) const { return bits_.data() + (row * words_); }
  std::uint64_t* columns_of(std::int64_t row) { return bits_.data() + (row * words_); }

 private:
  std::int64_t rows_;
  std::int64_t columns_;
  std::int64_t words_;
  std::vector<std::uint64_t> bits_;  ///< [rows + 1, words]
};

/// Gives as many rows as possible one of their tight columns. Rows take their first free column in order; for those
/// that find none, a search in breadth looks for an augmenting path: O(rows² · columns / 64) at worst.
///
/// @param column_of_row [rows] becomes a column for each row, -1 for rows without
/// @return whether all rows have one
bool complete(const TightPairs& tight, std::vector<std::int64_t>& column_of_row);

/// Turns one complete assignment of tight pairs into the first of all in lexicographic order: the one that gives row 0
/// the lowest column that any has for it, then among those row 1, and so on.
///
/// A row that has the lowest column it could have is done. For any other, a search through the rows below it finds out
/// whether it can have a lower column: O(rows · columns / 64) at worst. Exchanging columns along a cycle of tight pairs
/// leads from any such assignment to any other. So when searches have taken a while, the components within which such
/// cycles run are found (Tarjan, "Depth-first search and linear graph algorithms", 1972), and no search leaves its own.
///
/// @param column_of_row [rows] a column for every row, changed in place
void make_first(const TightPairs& tight, std::vector<std::int64_t>& column_of_row);

/// Tight pairs as lists, where they are few.
struct ListedPairs {
  std::int64_t columns;             ///< of the matrix
  std::vector<std::int64_t> pairs;  ///< the tight columns of row 0, of row 1, and so on; at the end those of no row
  std::vector<std::int64_t> ends;   ///< [rows + 2] 0, and where each row's columns end
};

/// The same. Finds the components first, which are mostly of one row each, and leaves out what can't be exchanged.
void make_first(const ListedPairs& listed, std::vector<std::int64_t>& column_of_row);

}  // namespace funcsim
