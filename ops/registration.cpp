#include "registration.h"

#include <elf.h>
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace funcsim {

namespace {

constexpr std::string_view library_name = "libfuncsim.so";  // its SONAME, whatever the file is called

struct Copies {
  std::string own;
  std::string other;
};

bool holds(const dl_phdr_info& object, std::uintptr_t address) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const auto& segment = object.dlpi_phdr[i];
    const std::uintptr_t begin = object.dlpi_addr + segment.p_vaddr;
    if (segment.p_type == PT_LOAD && begin <= address && address < begin + segment.p_memsz) {
      return true;
    }
  }
  return false;
}

// The loader's tables are C's: addresses as integers, unions.
// NOLINTBEGIN(performance-no-int-to-ptr,cppcoreguidelines-pro-type-union-access)

/// Empty where there is none.
std::string_view soname(const dl_phdr_info& object) {
  std::uintptr_t strings = 0;
  std::uintptr_t offset = 0;
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    if (object.dlpi_phdr[i].p_type != PT_DYNAMIC) {
      continue;
    }
    const auto* entry = reinterpret_cast<const ElfW(Dyn)*>(object.dlpi_addr + object.dlpi_phdr[i].p_vaddr);
    for (; entry->d_tag != DT_NULL; ++entry) {
      if (entry->d_tag == DT_STRTAB) {
        strings = entry->d_un.d_ptr;
      } else if (entry->d_tag == DT_SONAME) {
        offset = entry->d_un.d_val;
      }
    }
  }
  // glibc has turned the address in the file into one in memory, but not for objects it can't write to, such as the
  // vDSO.
  const std::uintptr_t name = strings + offset;
  return offset != 0 && holds(object, name) ? std::string_view(reinterpret_cast<const char*>(name)) : "";
}

// NOLINTEND(performance-no-int-to-ptr,cppcoreguidelines-pro-type-union-access)

int look_at(dl_phdr_info* object, std::size_t /*size*/, void* copies) {
  const auto own_address = reinterpret_cast<std::uintptr_t>(&look_at);
  auto& found = *static_cast<Copies*>(copies);
  if (holds(*object, own_address)) {
    found.own = object->dlpi_name;
  } else if (soname(*object) == library_name) {
    found.other = object->dlpi_name;
  }
  return 0;
}

bool is_only_copy() {
  Copies copies;
  dl_iterate_phdr(&look_at, &copies);
  if (!copies.other.empty()) {
    const std::string message = "funcsim: " + copies.own + " was loaded, but " + copies.other +
                                " is there already. A process can hold one copy only: the first keeps the operators, "
                                "the second does nothing.\n";
    static_cast<void>(std::fputs(message.c_str(), stderr));
  }
  return copies.other.empty();
}

}  // namespace

OperatorRegistration::OperatorRegistration(const char* schema, BoxedFunction function) {
  static const bool registers = is_only_copy();
  if (!registers) {
    return;
  }
  using Kind = torch::stable::detail::StableLibrary::Kind;
  const std::string_view text(schema);
  const std::string name(text.substr(0, text.find('(')));
  definition_.emplace(Kind::FRAGMENT, "funcsim", nullptr, __FILE__, __LINE__);
  definition_->def(schema);
  implementation_.emplace(Kind::IMPL, "funcsim", "CompositeExplicitAutograd", __FILE__, __LINE__);
  implementation_->impl(name.c_str(), function);
}

}  // namespace funcsim
