#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "align/unit_orders.h"
#include "checks.h"
#include "network/network.h"

// Two networks of which one is aligned to the other, and matches of their units as tensors.

namespace funcsim {

// What messages call network a, whose units stay in their order, and network b, whose units move.
inline constexpr const char* reference_role = "the reference";
inline constexpr const char* model_role = "the model";

/// work(), with the operator's name before messages that don't begin with it.
template <typename Work>
auto with_role(const std::string& op, const Work& work) {
  try {
    return work();
  } catch (const Error& error) {
    const std::string message = error.what();
    throw Error(message.starts_with(op) ? message : op + ": " + message);
  }
}

/// @throws Error naming both numbers unless the networks have equally many hidden layers
void check_equal_depth(const char* op, const Network& a, const Network& b);

/// Checks that matches are int64 [units of a] for each hidden layer, of distinct units of b or -1.
std::vector<UnitMatch> checked_matches(const char* op, const std::vector<Tensor>& matches, const Network& a,
                                       const Network& b);

/// int64 tensors on the device of `like`.
std::vector<Tensor> int64_tensors(const Tensor& like, const std::vector<std::vector<std::int64_t>>& lists);

}  // namespace funcsim
