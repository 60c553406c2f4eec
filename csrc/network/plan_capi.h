#pragma once

#include <cstdint>

// A plain C function of the library: the Python fake kernels call it through ctypes, because shapes are wanted there
// where no operator can run (torch.compile and torch.export trace without data).
extern "C" {

/// Hidden layers of an architecture for inputs of shape [N, input_shape...].
///
/// @param dimensions         of input_shape; -1 where the inputs aren't known: then samples_per_input is 0
/// @param units              out: [capacity] units of every hidden layer
/// @param samples_per_input  out: [capacity]
/// @param error              out: the message, cut to error_size - 1 characters
/// @return the number of hidden layers (which may exceed capacity: call again), or -1 with a message in `error`
__attribute__((visibility("default"))) std::int64_t funcsim_plan(
    const char* architecture, const std::int64_t* input_shape, std::int64_t dimensions, std::int64_t positions,
    std::int64_t* units, std::int64_t* samples_per_input, std::int64_t capacity, char* error, std::int64_t error_size);
}
