#pragma once

#include <vector>

#include "network/layer_type.h"

// The layer types, family by family; layer_types.cpp joins them.

namespace funcsim {

std::vector<LayerType> affine_types();         ///< Linear, Conv1d, Conv2d, Conv3d
std::vector<LayerType> normalization_types();  ///< BatchNorm1d ... 3d, LayerNorm, RMSNorm, GroupNorm
std::vector<LayerType> activation_types();     ///< ReLU ... LogSoftmax, Identity, dropouts
std::vector<LayerType> pooling_types();        ///< MaxPool, AvgPool, AdaptiveAvgPool, AdaptiveMaxPool
std::vector<LayerType> reshaping_types();      ///< Flatten, Unflatten, ZeroPad, Upsample

}  // namespace funcsim
