#pragma once

#include <fmt/format.h>

#include <sstream>
#include <string>

#include "comparison.h"

// Makes fmt::format("{}", comparison) work. funcsim brings no fmt and does not link it: a program that includes this
// header links fmt (CMake: fmt::fmt), or defines FMT_HEADER_ONLY before it includes it.

#if FMT_VERSION < 90000
#error "funcsim/fmt.h needs version 9 or later of fmt"
#endif

namespace funcsim::detail {

/// Formats what has an operator<< as that prints it, with fill, alignment and width of strings.
template <typename Printable>
struct PrintableFormatter : fmt::formatter<std::string> {
  template <typename Context>
  auto format(const Printable& value, Context& context) const {
    std::ostringstream text;
    text << value;
    return fmt::formatter<std::string>::format(text.str(), context);
  }
};

}  // namespace funcsim::detail

template <>
struct fmt::formatter<funcsim::Comparison> : funcsim::detail::PrintableFormatter<funcsim::Comparison> {};

template <>
struct fmt::formatter<funcsim::LayerComparison> : funcsim::detail::PrintableFormatter<funcsim::LayerComparison> {};
