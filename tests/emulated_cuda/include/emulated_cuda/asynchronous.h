#pragma once

#include <functional>

// Instructions whose work is done at some time before the thread waits for it: here, as late as it may be.

namespace emulated_cuda {

/// Instructions of either kind have groups of their own.
enum class Asynchronous { copy, matrix };

/// Leaves work for later. It belongs to the group that the next commit_group() makes.
void defer(Asynchronous kind, std::function<void()> work);

void commit_group(Asynchronous kind);

/// Does the work of all this thread's groups but the `pending` latest.
void wait_group(Asynchronous kind, unsigned pending);

/// After this, matrix instructions see the copies that this thread has waited for.
void fence_copies();

/// Fails the kernel if a thread of the block hasn't called fence_copies() since it has waited for copies.
void check_copies_fenced();

}  // namespace emulated_cuda
