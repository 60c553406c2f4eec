#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

#ifndef __x86_64__
#include <ucontext.h>
#endif

namespace emulated_cuda {

namespace {

#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t stack_bytes = 512 << 10;
#else
constexpr std::size_t stack_bytes = 128 << 10;
#endif
constexpr std::size_t guard_bytes = 4096;

// Of the latest switch.
Fiber* switched_from = nullptr;
Fiber* switched_to = nullptr;

}  // namespace

#ifdef __x86_64__

// Saves what a called function must keep, and takes the other stack. (Plain ucontext asks the kernel for the signal
// mask at every switch, which makes kernels with barriers ten times slower.)
extern "C" void emulated_cuda_switch(void** saved, void* stack_pointer);
__asm__(R"(
.text
.type emulated_cuda_switch, @function
.hidden emulated_cuda_switch
.globl emulated_cuda_switch
emulated_cuda_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulated_cuda_switch, .-emulated_cuda_switch
)");

#endif

Fiber::~Fiber() {
  if (stack_ != nullptr) {
    munmap(static_cast<char*>(stack_) - guard_bytes, stack_size_ + guard_bytes);
  }
#ifndef __x86_64__
  delete static_cast<ucontext_t*>(saved_);
#endif
}

void Fiber::arrive() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(switched_to->fake_stack_, &switched_from->seen_stack_,
                                  &switched_from->seen_stack_size_);
#endif
}

void Fiber::begin() {
  arrive();
  switched_to->entry_();
}

void Fiber::start(void (*entry)()) {
  entry_ = entry;
  if (stack_ == nullptr) {
    void* const memory = mmap(nullptr, stack_bytes + guard_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory, guard_bytes, PROT_NONE) != 0) {
      std::abort();
    }
    stack_ = static_cast<char*>(memory) + guard_bytes;
    stack_size_ = stack_bytes;
  }
#ifdef __SANITIZE_ADDRESS__
  __asan_unpoison_memory_region(stack_, stack_size_);  // of frames that were left without a return
  fake_stack_ = nullptr;
  seen_stack_ = stack_;
  seen_stack_size_ = stack_size_;
#endif
#ifdef __x86_64__
  // As if begin() had just been called: a return address of 0; below, the function's address and the six registers.
  auto* top = reinterpret_cast<std::uint64_t*>(static_cast<char*>(stack_) + stack_size_);
  *--top = 0;
  *--top = reinterpret_cast<std::uint64_t>(&Fiber::begin);
  for (int registers = 0; registers < 6; ++registers) {
    *--top = 0;
  }
  saved_ = top;
#else
  if (saved_ == nullptr) {
    saved_ = new ucontext_t;
  }
  auto* const context = static_cast<ucontext_t*>(saved_);
  getcontext(context);
  context->uc_stack.ss_sp = stack_;
  context->uc_stack.ss_size = stack_size_;
  context->uc_link = nullptr;
  makecontext(context, &Fiber::begin, 0);
#endif
}

void switch_fiber(Fiber& from, Fiber& to, bool for_good) {
  switched_from = &from;
  switched_to = &to;
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_start_switch_fiber(for_good ? nullptr : &from.fake_stack_, to.seen_stack_, to.seen_stack_size_);
#else
  static_cast<void>(for_good);
#endif
#ifdef __x86_64__
  emulated_cuda_switch(&from.saved_, to.saved_);
#else
  if (from.saved_ == nullptr) {
    from.saved_ = new ucontext_t;
  }
  swapcontext(static_cast<ucontext_t*>(from.saved_), static_cast<ucontext_t*>(to.saved_));
#endif
  Fiber::arrive();
}

}  // namespace emulated_cuda
