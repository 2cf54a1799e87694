// Whether the address or the thread sanitizer is at work: they have an allocator and locks of their own, and reserve
// more address space than any limit allows.
#pragma once

#if defined(__has_feature)
#define SMLP_HAS_FEATURE(x) __has_feature(x)
#else
#define SMLP_HAS_FEATURE(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || SMLP_HAS_FEATURE(thread_sanitizer)
#define SMLP_UNDER_THREAD_SANITIZER 1
#else
#define SMLP_UNDER_THREAD_SANITIZER 0
#endif
#if defined(__SANITIZE_ADDRESS__) || SMLP_HAS_FEATURE(address_sanitizer) || SMLP_UNDER_THREAD_SANITIZER
#define SMLP_UNDER_SANITIZER 1
#else
#define SMLP_UNDER_SANITIZER 0
#endif
