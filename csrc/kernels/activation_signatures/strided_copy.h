#pragma once

// Copies of elements that are a stride apart, for the compiler to vectorise. Included by the files of each level, hence
// the unnamed namespace.

#include <cstdint>

// NOLINTBEGIN(cert-dcl59-cpp,misc-anonymous-namespace-in-header): a copy for each level
namespace funcsim {

namespace {

template <typename Element, std::int64_t stride>
void copy_every(const Element* from, std::int64_t count, Element* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    to[i] = from[i * stride];
  }
}

/// Strides that views of every second, third or fourth column have are known to the compiler, which then loads whole
/// registers.
template <typename Element>
void copy_strided(const void* from, std::int64_t stride, std::int64_t count, void* to) {
  const auto* elements = static_cast<const Element*>(from);
  auto* copy = static_cast<Element*>(to);
  switch (stride) {
    case 2:
      copy_every<Element, 2>(elements, count, copy);
      break;
    case 3:
      copy_every<Element, 3>(elements, count, copy);
      break;
    case 4:
      copy_every<Element, 4>(elements, count, copy);
      break;
    default:
      for (std::int64_t i = 0; i < count; ++i) {
        copy[i] = elements[i * stride];
      }
  }
}

}  // namespace

}  // namespace funcsim
// NOLINTEND(cert-dcl59-cpp,misc-anonymous-namespace-in-header)
