// Lets a library that was built with this year's compiler run with the glibc 2.28 and libstdc++ 8 of manylinux_2_28.
//
// The headers of a newer libstdc++ or glibc refer to symbols that older systems lack. What follows defines them inside
// of the library, and visible nowhere else (exported_symbols.map). Red Hat's developer toolsets do the same with
// their libstdc++_nonshared.a.
// `./run wheel` has auditwheel check the result; another new symbol shows there by name.

#include <new>
#include <sstream>

#include "portability/older_symbol.h"

#ifdef __GLIBC__

// The names are those that the systems' own libraries have.
// NOLINTBEGIN(bugprone-reserved-identifier,bugprone-std-namespace-modification,cert-dcl37-c,cert-dcl51-cpp,cert-dcl58-cpp,portability-no-assembler)

// The headers declare these templates extern, so that they would come from the libstdc++ at hand. GLIBCXX_3.4.26:
template std::basic_ostringstream<char>::basic_ostringstream();
template std::basic_stringstream<char>::basic_stringstream();
// GLIBCXX_3.4.29:
template std::string std::basic_stringbuf<char>::str() const&;
template std::string std::basic_stringbuf<char>::str() &&;

namespace std {
// GLIBCXX_3.4.29
void __throw_bad_array_new_length() {
  throw bad_array_new_length();
}
}  // namespace std

extern "C" {

// GLIBC_2.32. Reference counts may skip atomic instructions where this is not 0: 0 is always right.
char __libc_single_threaded = 0;
}

// GLIBC_2.34 moved these from libdl, which torch loads, to libc, under a new version beside the old one.
FUNCSIM_OLDER_SYMBOL("dladdr", "2.2.5");
FUNCSIM_OLDER_SYMBOL("dlerror", "2.2.5");
FUNCSIM_OLDER_SYMBOL("dlopen", "2.2.5");
FUNCSIM_OLDER_SYMBOL("dlsym", "2.2.5");

// NOLINTEND(bugprone-reserved-identifier,bugprone-std-namespace-modification,cert-dcl37-c,cert-dcl51-cpp,cert-dcl58-cpp,portability-no-assembler)
#endif
