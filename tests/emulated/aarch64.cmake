# For Debian's cross compiler, and the arm64 libraries that sysroot.sh unpacks: -DSMLP_SYSROOT=FOLDER.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES SMLP_SYSROOT)
set(CMAKE_SYSROOT ${SMLP_SYSROOT})
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)

# Programs (protoc, pkg-config, Python) are this machine's; everything else is the other's.
set(CMAKE_FIND_ROOT_PATH ${SMLP_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${SMLP_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${SMLP_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig:${SMLP_SYSROOT}/usr/share/pkgconfig)
