#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace funcsim {

/// Bad input. The message says what was wrong, what was expected and what came.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Throws an Error whose message is the parts, streamed one after the other.
template <typename... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw Error(message.str());
}

/// fail(parts...) unless the condition holds. The parts are always evaluated: keep them cheap.
template <typename... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) {
    fail(parts...);
  }
}

}  // namespace funcsim
