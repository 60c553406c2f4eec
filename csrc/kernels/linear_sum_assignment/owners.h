#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace funcsim {

/// Nobody's row or column.
inline constexpr std::int64_t none = -1;

/// Who has which column.
struct Owners {
  std::vector<std::int64_t> owner;      ///< [columns] row that has the column; `none` if nobody
  std::vector<std::int64_t> column_of;  ///< [rows + 1] column of a row, or `none`; and one of slack's

  void assign(std::int64_t row, std::int64_t column) {
    owner[column] = row;
    column_of[row] = column;
  }

  std::int64_t unassigned_rows() const { return std::count(column_of.begin(), column_of.end() - 1, none); }
};

}  // namespace funcsim
