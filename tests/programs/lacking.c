// A file system that lacks what LACKING names, for programs started with LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static pid_t first;
__attribute__((constructor)) static void begin(void) { first = getpid(); }

static int lacks(const char *what) {
  const char *lacking = getenv("LACKING");
  return lacking && !strcmp(lacking, what);
}
static int is_directory(int fd) {
  struct stat facts;
  return !fstat(fd, &facts) && S_ISDIR(facts.st_mode);
}
static int fails(int code) {
  errno = code;
  return -1;
}
#define NEXT(name, ...) ((int (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name))

int flock(int fd, int op) {
  if (lacks("locks")) return fails(ENOLCK);
  if (lacks("shared locks") && op & LOCK_SH && !is_directory(fd)) return fails(EBADF);
  if (lacks("exclusive locks") && op & LOCK_EX && !is_directory(fd)) return fails(EBADF);
  if (lacks("directory locks") && is_directory(fd)) return fails(EBADF);
  if (lacks("locks seen")) return 0;
  return NEXT("flock", int, int)(fd, op);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
  if (lacks("links")) return fails(EPERM);
  return NEXT("linkat", int, const char *, int, const char *, int)(a, from, b, to, flags);
}
int rename(const char *from, const char *to) {
  if (lacks("rename over") && !access(to, F_OK)) return fails(EEXIST);
  return NEXT("rename", const char *, const char *)(from, to);
}
int fsync(int fd) {
  if (lacks("fsync") && !is_directory(fd)) return fails(EINVAL);
  if (lacks("directory fsync") && is_directory(fd)) return fails(EINVAL);
  return NEXT("fsync", int)(fd);
}
int unlink(const char *path) {
  if (lacks("open unlink")) return fails(EBUSY);
  return NEXT("unlink", const char *)(path);
}
int open64(const char *path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  mode_t mode = va_arg(more, mode_t);
  va_end(more);
  if (lacks("an answer") && flags & O_CREAT) pause();
  if (lacks("room") && flags & O_CREAT) return fails(ENOSPC);
  if (lacks("visibility") && getpid() != first && !(flags & O_CREAT)) return fails(ENOENT);
  return NEXT("open64", const char *, int, mode_t)(path, flags, mode);
}
