#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace funcsim {

// NOLINTBEGIN(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays): a std::vector would be cleared first
/// Numbers that nothing has cleared: write them before they are read.
template <typename Stored>
using Buffer = std::unique_ptr<Stored[]>;

template <typename Stored>
Buffer<Stored> new_buffer(std::int64_t size) {
  return std::make_unique_for_overwrite<Stored[]>(static_cast<std::size_t>(size));
}
// NOLINTEND(cppcoreguidelines-avoid-c-arrays,modernize-avoid-c-arrays)

}  // namespace funcsim
