#pragma once

// FUNCSIM_OLDER_SYMBOL("dlopen", "2.2.5"): calls of dlopen by anything in this library are calls of the function with
// that name and the version GLIBC_2.2.5, or of the first version there was on processors that glibc came to later.
// Without it the linker takes the newest that the machine at hand has.

// clang-format off
// NOLINTBEGIN(cppcoreguidelines-macro-usage): names in assembly are put together by the preprocessor
#ifdef __x86_64__
#define FUNCSIM_FIRST_VERSION(version) version
#define FUNCSIM_JUMP(symbol) "jmp *" symbol "@GOTPCREL(%rip)"
#elif defined(__aarch64__)
#define FUNCSIM_FIRST_VERSION(version) "2.17"
#define FUNCSIM_JUMP(symbol) "adrp x16, :got:" symbol "; ldr x16, [x16, :got_lo12:" symbol "]; br x16"
#else
#error "which versions did the first glibc for this processor have?"
#endif

// A jump keeps the arguments and the caller's address, whatever the function's type is.
#define FUNCSIM_OLDER_SYMBOL(name, version)                                                  \
  __asm__(".symver funcsim_older_" name ", " name "@GLIBC_" FUNCSIM_FIRST_VERSION(version) "\n" \
          ".text; .globl " name "; .hidden " name "; .type " name ", %function\n"             \
          name ": " FUNCSIM_JUMP("funcsim_older_" name) "\n")
// NOLINTEND(cppcoreguidelines-macro-usage)
// clang-format on
