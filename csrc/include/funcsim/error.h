#pragma once

#include <stdexcept>

namespace funcsim {

/// What every function of this front throws for bad input. what() is the message alone: what was wrong, what was
/// expected and what came, without the stack trace that c10::Error puts behind it.
///
/// Only c10::OutOfMemoryError is passed on as it is, so that callers can free memory and try again.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace funcsim
