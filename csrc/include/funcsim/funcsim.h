#pragma once

/// @namespace funcsim
/// funcsim for LibTorch: how similar two torch::nn::Sequential are as functions, unit by unit.
///
///     funcsim::Comparison comparison = funcsim::compare(a, b, inputs);
///     std::cout << comparison << '\n';
///
/// Header-only over the operators in libfuncsim.so, which the program has to load: the CMake target funcsim::funcsim
/// sees to that. Functions throw funcsim::Error. funcsim/fmt.h, which needs fmt, is not included here.

#include "align.h"
#include "canonicalize.h"
#include "compare.h"
#include "comparison.h"
#include "describe.h"
#include "error.h"
#include "merge.h"
#include "nested_sequential.h"
#include "options.h"
#include "primitives.h"
