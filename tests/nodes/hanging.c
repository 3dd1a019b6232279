// A mount whose server no longer answers: calls on files under HANGING_UNDER wait while the file
// HANGING_WHILE exists. For programs started with LD_PRELOAD. What was opened can still be read.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static const char *under, *flag;
__attribute__((constructor)) static void begin(void) {
  under = getenv("HANGING_UNDER");
  flag = getenv("HANGING_WHILE");
}
static int hangs(void) { return under && flag && !access(flag, F_OK); }
static void wait_while_hanging(void) {
  while (hangs()) usleep(20000);
}
static void of_path(const char *path) {
  if (hangs() && path && !strncmp(path, under, strlen(under))) wait_while_hanging();
}
static void of_fd(int fd) {
  char link[64], path[PATH_MAX];
  if (!hangs()) return;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length <= 0) return;
  path[length] = 0;
  of_path(path);
}
static void of_at(int fd, const char *path) {
  if (path && *path == '/') of_path(path);
  else if (fd >= 0) of_fd(fd);
}
#define NEXT(type, name, ...) ((type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))
#define PATH_CALL(name, type, list, args, ...) \
  type name list { of_path(path); return NEXT(type, #name, __VA_ARGS__) args; }
#define FD_CALL(name, type, list, args, ...) \
  type name list { of_fd(fd); return NEXT(type, #name, __VA_ARGS__) args; }
#define AT_CALL(name, type, list, args, ...) \
  type name list { of_at(fd, path); return NEXT(type, #name, __VA_ARGS__) args; }

int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  of_path(path);
  return NEXT(int, "open64", const char *, int, mode_t)(path, flags, mode);
}
int openat64(int fd, const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  of_at(fd, path);
  return NEXT(int, "openat64", int, const char *, int, mode_t)(fd, path, flags, mode);
}
PATH_CALL(stat64, int, (const char *path, struct stat64 *facts), (path, facts), const char *,
          struct stat64 *)
PATH_CALL(lstat64, int, (const char *path, struct stat64 *facts), (path, facts), const char *,
          struct stat64 *)
PATH_CALL(statvfs64, int, (const char *path, struct statvfs64 *facts), (path, facts), const char *,
          struct statvfs64 *)
PATH_CALL(mkdir, int, (const char *path, mode_t mode), (path, mode), const char *, mode_t)
PATH_CALL(unlink, int, (const char *path), (path), const char *)
PATH_CALL(rmdir, int, (const char *path), (path), const char *)
PATH_CALL(rename, int, (const char *path, const char *to), (path, to), const char *, const char *)
PATH_CALL(opendir, DIR *, (const char *path), (path), const char *)
AT_CALL(fstatat64, int, (int fd, const char *path, struct stat64 *facts, int flags),
        (fd, path, facts, flags), int, const char *, struct stat64 *, int)
AT_CALL(linkat, int, (int fd, const char *path, int to_fd, const char *to, int flags),
        (fd, path, to_fd, to, flags), int, const char *, int, const char *, int)
FD_CALL(fstat64, int, (int fd, struct stat64 *facts), (fd, facts), int, struct stat64 *)
FD_CALL(write, ssize_t, (int fd, const void *data, size_t size), (fd, data, size), int,
        const void *, size_t)
FD_CALL(pwrite64, ssize_t, (int fd, const void *data, size_t size, off64_t at),
        (fd, data, size, at), int, const void *, size_t, off64_t)
FD_CALL(fsync, int, (int fd), (fd), int)
FD_CALL(fdatasync, int, (int fd), (fd), int)
FD_CALL(flock, int, (int fd, int operation), (fd, operation), int, int)
