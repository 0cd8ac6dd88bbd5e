/* A medium that fails on command, for one process: preloaded (LD_PRELOAD) it stands before the C library's calls on
 * everything below FAULT_ROOT and counts those that change something, across all threads.
 *
 *   FAULT_MODE   count   nothing goes wrong
 *                kill    the process dies at operation FAULT_AT; of a write, half is done
 *                fail    the operation fails with FAULT_ERRNO
 *                lie     a write says "done" and is dropped
 *                flip    a write changes one bit
 *                gone    from that operation on the medium is not there any more, for reading either
 *   FAULT_AT     the number of the operation, from 1
 *   FAULT_LASTS  every later operation, too
 *   FAULT_OPS    count only these, such as "write,fsync"; empty: all
 *   FAULT_LOG    a line for every operation counted is appended to this file
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum action { PASS, FAIL, LIE, FLIP, KILL };

static struct {
    const char *root, *ops;
    size_t root_length;
    enum action action;
    int gone, error, lasts, log;
    long at;
} plan;
static atomic_long count;
static atomic_int vanished;

__attribute__((constructor)) static void read_plan(void) {
    const char *mode = getenv("FAULT_MODE"), *log = getenv("FAULT_LOG");
    plan.root = getenv("FAULT_ROOT");
    if (!mode || !plan.root) {
        plan.root = NULL;
        return;
    }
    plan.root_length = strlen(plan.root);
    plan.ops = getenv("FAULT_OPS");
    plan.at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : 0;
    plan.error = getenv("FAULT_ERRNO") ? atoi(getenv("FAULT_ERRNO")) : EIO;
    plan.lasts = getenv("FAULT_LASTS") != NULL;
    plan.gone = !strcmp(mode, "gone");
    plan.action = !strcmp(mode, "kill")   ? KILL
                  : !strcmp(mode, "fail") ? FAIL
                  : !strcmp(mode, "lie")  ? LIE
                  : !strcmp(mode, "flip") ? FLIP
                  : plan.gone             ? FAIL
                                          : PASS;
    plan.log = log && *log ? open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
}

/* Is it below the root? */

static int below(const char *path) {
    return !strncmp(path, plan.root, plan.root_length)
           && (path[plan.root_length] == '/' || path[plan.root_length] == 0);
}

static int path_of_handle(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return 1;
}

static int path_of_name(int dir, const char *name, char *path) {
    if (!name) return path_of_handle(dir, path);
    if (*name == '/') return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX;
    char base[PATH_MAX];
    if (dir == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of_handle(dir, base)) return 0;
    if (!*name || !strcmp(name, ".")) return snprintf(path, PATH_MAX, "%s", base) < PATH_MAX;
    return snprintf(path, PATH_MAX, "%s/%s", base, name) < PATH_MAX;
}

static int ours(int dir, const char *name) {
    if (!plan.root) return 0;
    char path[2 * PATH_MAX];
    int before = errno, found = path_of_name(dir, name, path) && below(path);
    errno = before;
    return found;
}

/* What happens to this operation? */

static int counted(const char *op) {
    if (!plan.ops || !*plan.ops) return 1;
    const char *found = strstr(plan.ops, op);
    size_t length = strlen(op);
    return found && (found[length] == ',' || !found[length]) && (found == plan.ops || found[-1] == ',');
}

static enum action hit(const char *op, int dir, const char *name) {
    if (!ours(dir, name)) return PASS;
    if (atomic_load(&vanished)) {
        errno = dir == AT_FDCWD ? ENOENT : plan.error;
        return FAIL;
    }
    if (!counted(op)) return PASS;
    long number = atomic_fetch_add(&count, 1) + 1;
    if (plan.log >= 0) {
        char path[2 * PATH_MAX] = "?", line[2 * PATH_MAX + 64];
        path_of_name(dir, name, path);
        int length = snprintf(line, sizeof line, "%ld %s %s\n", number, op, path + plan.root_length);
        syscall(SYS_write, plan.log, line, length);
    }
    if (!(plan.lasts ? number >= plan.at : number == plan.at)) return PASS;
    if (plan.gone) atomic_store(&vanished, 1);
    errno = plan.error;
    return plan.action;
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* An operation that is no write: it happens or it does not; lying and flipping are for writes alone. */
static int prevented(const char *op, int dir, const char *name) {
    enum action action = hit(op, dir, name);
    if (action == KILL) die();
    return action == FAIL;
}

/* Reading stops when the medium is gone. */
static int unreachable(int dir, const char *name) {
    if (!plan.root || !atomic_load(&vanished) || !ours(dir, name)) return 0;
    errno = dir == AT_FDCWD ? ENOENT : plan.error;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define CHANGES(op, type, call, types, dir, path, arguments)     \
    type call types {                                           \
        static __typeof__(&call) real;                          \
        if (!real) real = REAL(call);                           \
        return prevented(op, dir, path) ? -1 : real arguments;  \
    }
#define READS(type, failure, call, types, dir, path, arguments)  \
    type call types {                                           \
        static __typeof__(&call) real;                          \
        if (!real) real = REAL(call);                           \
        return unreachable(dir, path) ? failure : real arguments; \
    }

/* Opening makes a file, or only reaches one. */

static int stopped(int dir, const char *path, int flags) {
    if (!plan.root) return 0;
    return flags & (O_CREAT | O_TRUNC) ? prevented("create", dir, path) : unreachable(dir, path);
}

#define OPENS(call, types, dir, arguments)        \
    int call types {                              \
        static __typeof__(&call) real;            \
        if (!real) real = REAL(call);             \
        mode_t mode = 0;                          \
        if (flags & (O_CREAT | O_TMPFILE)) {      \
            va_list more;                         \
            va_start(more, flags);                \
            mode = va_arg(more, mode_t);          \
            va_end(more);                         \
        }                                         \
        return stopped(dir, path, flags) ? -1 : real arguments; \
    }
OPENS(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPENS(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPENS(openat, (int dir, const char *path, int flags, ...), dir, (dir, path, flags, mode))
OPENS(openat64, (int dir, const char *path, int flags, ...), dir, (dir, path, flags, mode))

/* Writing may also lie, flip, or stop half-way. */

static ssize_t bend(enum action action, int fd, const struct iovec *pieces, int number, off64_t offset) {
    size_t total = 0, done = 0;
    for (int piece = 0; piece < number; piece++) total += pieces[piece].iov_len;
    if (action == FAIL) return -1;
    if (action == LIE) {
        if (offset < 0) lseek64(fd, total, SEEK_CUR);
        return total;
    }
    char *data = malloc(total + 1);
    for (int piece = 0; piece < number; piece++) {
        memcpy(data + done, pieces[piece].iov_base, pieces[piece].iov_len);
        done += pieces[piece].iov_len;
    }
    if (action == FLIP && total) data[total / 2] ^= 1;
    size_t wanted = action == KILL ? total / 2 : total;
    ssize_t result = offset < 0 ? syscall(SYS_write, fd, data, wanted) : syscall(SYS_pwrite64, fd, data, wanted, offset);
    if (action == KILL) die();
    free(data);
    return result;
}

#define WRITES(call, types, pieces, number, offset, arguments)   \
    ssize_t call types {                                        \
        static __typeof__(&call) real;                          \
        if (!real) real = REAL(call);                           \
        enum action action = hit("write", fd, NULL);            \
        if (action == PASS) return real arguments;              \
        struct iovec one __attribute__((unused)) = {(void *)data, size}; \
        return bend(action, fd, pieces, number, offset);        \
    }
#define WRITES_MANY(call, types, offset, arguments)              \
    ssize_t call types {                                        \
        static __typeof__(&call) real;                          \
        if (!real) real = REAL(call);                           \
        enum action action = hit("write", fd, NULL);            \
        return action == PASS ? real arguments : bend(action, fd, pieces, number, offset); \
    }
WRITES(write, (int fd, const void *data, size_t size), &one, 1, -1, (fd, data, size))
WRITES(pwrite, (int fd, const void *data, size_t size, off_t offset), &one, 1, offset, (fd, data, size, offset))
WRITES(pwrite64, (int fd, const void *data, size_t size, off64_t offset), &one, 1, offset, (fd, data, size, offset))
WRITES_MANY(writev, (int fd, const struct iovec *pieces, int number), -1, (fd, pieces, number))
WRITES_MANY(pwritev64, (int fd, const struct iovec *pieces, int number, off64_t offset), offset,
            (fd, pieces, number, offset))
WRITES_MANY(pwritev64v2, (int fd, const struct iovec *pieces, int number, off64_t offset, int flags), offset,
            (fd, pieces, number, offset, flags))
CHANGES("write", ssize_t, copy_file_range,
        (int in, off64_t *from, int fd, off64_t *offset, size_t size, unsigned flags), fd, NULL,
        (in, from, fd, offset, size, flags))
CHANGES("write", ssize_t, sendfile64, (int fd, int in, off64_t *offset, size_t size), fd, NULL, (fd, in, offset, size))

/* Everything else that changes something. */

CHANGES("fsync", int, fsync, (int fd), fd, NULL, (fd))
CHANGES("fsync", int, fdatasync, (int fd), fd, NULL, (fd))
CHANGES("truncate", int, ftruncate64, (int fd, off64_t size), fd, NULL, (fd, size))
CHANGES("truncate", int, truncate64, (const char *path, off64_t size), AT_FDCWD, path, (path, size))
CHANGES("rename", int, rename, (const char *old, const char *path), AT_FDCWD, path, (old, path))
CHANGES("rename", int, renameat, (int from, const char *old, int dir, const char *path), dir, path,
        (from, old, dir, path))
CHANGES("rename", int, renameat2, (int from, const char *old, int dir, const char *path, unsigned flags), dir, path,
        (from, old, dir, path, flags))
CHANGES("link", int, link, (const char *old, const char *path), AT_FDCWD, path, (old, path))
CHANGES("link", int, linkat, (int from, const char *old, int dir, const char *path, int flags), dir, path,
        (from, old, dir, path, flags))
CHANGES("link", int, symlink, (const char *target, const char *path), AT_FDCWD, path, (target, path))
CHANGES("link", int, symlinkat, (const char *target, int dir, const char *path), dir, path, (target, dir, path))
CHANGES("unlink", int, unlink, (const char *path), AT_FDCWD, path, (path))
CHANGES("unlink", int, unlinkat, (int dir, const char *path, int flags), dir, path, (dir, path, flags))
CHANGES("rmdir", int, rmdir, (const char *path), AT_FDCWD, path, (path))
CHANGES("mkdir", int, mkdir, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
CHANGES("mkdir", int, mkdirat, (int dir, const char *path, mode_t mode), dir, path, (dir, path, mode))
CHANGES("mknod", int, mknod, (const char *path, mode_t mode, dev_t device), AT_FDCWD, path, (path, mode, device))
CHANGES("mknod", int, mknodat, (int dir, const char *path, mode_t mode, dev_t device), dir, path,
        (dir, path, mode, device))
CHANGES("mknod", int, mkfifo, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
CHANGES("mknod", int, mkfifoat, (int dir, const char *path, mode_t mode), dir, path, (dir, path, mode))
CHANGES("chmod", int, fchmod, (int fd, mode_t mode), fd, NULL, (fd, mode))
CHANGES("chmod", int, chmod, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
CHANGES("chmod", int, fchmodat, (int dir, const char *path, mode_t mode, int flags), dir, path,
        (dir, path, mode, flags))
CHANGES("chown", int, fchown, (int fd, uid_t uid, gid_t gid), fd, NULL, (fd, uid, gid))
CHANGES("chown", int, lchown, (const char *path, uid_t uid, gid_t gid), AT_FDCWD, path, (path, uid, gid))
CHANGES("chown", int, fchownat, (int dir, const char *path, uid_t uid, gid_t gid, int flags), dir, path,
        (dir, path, uid, gid, flags))
CHANGES("times", int, futimens, (int fd, const struct timespec times[2]), fd, NULL, (fd, times))
CHANGES("times", int, utimensat, (int dir, const char *path, const struct timespec times[2], int flags), dir, path,
        (dir, path, times, flags))
CHANGES("xattr", int, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags), fd, NULL,
        (fd, name, value, size, flags))
CHANGES("xattr", int, setxattr, (const char *path, const char *name, const void *value, size_t size, int flags),
        AT_FDCWD, path, (path, name, value, size, flags))
CHANGES("xattr", int, lsetxattr, (const char *path, const char *name, const void *value, size_t size, int flags),
        AT_FDCWD, path, (path, name, value, size, flags))

/* Reading. */

READS(ssize_t, -1, read, (int fd, void *data, size_t size), fd, NULL, (fd, data, size))
READS(ssize_t, -1, pread64, (int fd, void *data, size_t size, off64_t offset), fd, NULL, (fd, data, size, offset))
READS(ssize_t, -1, preadv64v2, (int fd, const struct iovec *pieces, int number, off64_t offset, int flags), fd, NULL,
      (fd, pieces, number, offset, flags))
READS(int, -1, stat64, (const char *path, struct stat64 *found), AT_FDCWD, path, (path, found))
READS(int, -1, lstat64, (const char *path, struct stat64 *found), AT_FDCWD, path, (path, found))
READS(int, -1, fstatat64, (int dir, const char *path, struct stat64 *found, int flags), dir, path,
      (dir, path, found, flags))
READS(int, -1, fstatvfs64, (int fd, struct statvfs64 *found), fd, NULL, (fd, found))
READS(int, -1, statvfs64, (const char *path, struct statvfs64 *found), AT_FDCWD, path, (path, found))
READS(DIR *, NULL, opendir, (const char *path), AT_FDCWD, path, (path))
READS(DIR *, NULL, fdopendir, (int fd), fd, NULL, (fd))
