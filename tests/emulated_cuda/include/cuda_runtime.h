#pragma once

// Stands in for CUDA's header of this name where a kernel is compiled for the host: see CONTRIBUTING.md.

#include "emulated_cuda/asynchronous.h"
#include "emulated_cuda/atomics.h"
#include "emulated_cuda/collectives.h"
#include "emulated_cuda/intrinsics.h"
#include "emulated_cuda/keywords.h"
#include "emulated_cuda/runtime_api.h"
#include "emulated_cuda/vector_types.h"
