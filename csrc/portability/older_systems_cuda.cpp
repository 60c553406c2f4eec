// older_systems.cpp for the static CUDA runtime: what its functions call.
//
// GLIBC_2.34 moved all of these to libc from libdl, libpthread and librt, under new versions beside the old ones.

#include <features.h>

#include "portability/older_symbol.h"

#ifdef __GLIBC__

// NOLINTBEGIN(portability-no-assembler)

FUNCSIM_OLDER_SYMBOL("dlclose", "2.2.5");
FUNCSIM_OLDER_SYMBOL("dlmopen", "2.3.4");
FUNCSIM_OLDER_SYMBOL("dlvsym", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_condattr_setpshared", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_create", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_detach", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_getspecific", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_join", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_key_create", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_key_delete", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_kill", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_mutex_trylock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_mutexattr_destroy", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_mutexattr_init", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_mutexattr_setpshared", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_mutexattr_settype", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_once", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_destroy", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_init", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_rdlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_timedrdlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_timedwrlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_tryrdlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_trywrlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_unlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlock_wrlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlockattr_destroy", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlockattr_init", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_rwlockattr_setpshared", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_setspecific", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_spin_destroy", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_spin_init", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_spin_lock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_spin_trylock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("pthread_spin_unlock", "2.2.5");
FUNCSIM_OLDER_SYMBOL("sem_destroy", "2.2.5");
FUNCSIM_OLDER_SYMBOL("sem_init", "2.2.5");
FUNCSIM_OLDER_SYMBOL("sem_post", "2.2.5");
FUNCSIM_OLDER_SYMBOL("sem_timedwait", "2.2.5");
FUNCSIM_OLDER_SYMBOL("sem_trywait", "2.2.5");
FUNCSIM_OLDER_SYMBOL("sem_wait", "2.2.5");
FUNCSIM_OLDER_SYMBOL("shm_open", "2.2.5");
FUNCSIM_OLDER_SYMBOL("shm_unlink", "2.2.5");

// NOLINTEND(portability-no-assembler)
#endif
