#pragma once

#include <cstddef>

namespace emulated_cuda {

/// A flow of control with a stack of its own. Fibers of one thread take turns, by switch_fiber() only.
class Fiber {
 public:
  Fiber() = default;
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Makes the next switch to this fiber call `entry`, which must not return. Whatever it did before is forgotten.
  void start(void (*entry)());

 private:
  friend void switch_fiber(Fiber& from, Fiber& to, bool for_good);
  static void arrive();
  static void begin();

  void (*entry_)() = nullptr;
  void* stack_ = nullptr;  // lowest address; null: the stack of the thread itself
  std::size_t stack_size_ = 0;
  void* saved_ = nullptr;  // where it goes on: a stack pointer
  // AddressSanitizer's, which wants to know where the stacks are:
  void* fake_stack_ = nullptr;
  const void* seen_stack_ = nullptr;
  std::size_t seen_stack_size_ = 0;
};

/// Goes on in `to`, and returns when something switches back to `from`; never, if `for_good`.
void switch_fiber(Fiber& from, Fiber& to, bool for_good = false);

}  // namespace emulated_cuda
