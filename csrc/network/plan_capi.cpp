#include "network/plan_capi.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <vector>

#include "network/hidden_layers.h"

std::int64_t funcsim_plan(const char* architecture, const std::int64_t* input_shape, std::int64_t dimensions,
                          std::int64_t positions, std::int64_t* units, std::int64_t* samples_per_input,
                          std::int64_t capacity, char* error, std::int64_t error_size) {
  try {
    const funcsim::Architecture parsed = funcsim::parse_architecture(architecture);
    const std::vector<funcsim::HiddenLayer> layers = funcsim::find_hidden_layers(parsed);
    const bool knows_inputs = dimensions >= 0;
    const funcsim::Plan plan =
        knows_inputs
            ? funcsim::plan_samples(parsed, layers, funcsim::Shape(input_shape, input_shape + dimensions), positions)
            : funcsim::Plan();
    const auto count = static_cast<std::int64_t>(layers.size());
    for (std::int64_t l = 0; l < std::min(count, capacity); ++l) {
      units[l] = layers[l].units;
      samples_per_input[l] = knows_inputs ? plan.samples[l].samples_per_input : 0;
    }
    return count;
  } catch (const std::exception& caught) {
    if (error_size > 0) {
      const std::size_t length = std::min(std::strlen(caught.what()), static_cast<std::size_t>(error_size - 1));
      std::memcpy(error, caught.what(), length);
      error[length] = '\0';
    }
    return -1;
  }
}
