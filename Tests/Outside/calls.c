// Loaded before libc: sends the process a signal at one of its calls. All threads count together, which strace's
// `when=` does not do.
//
// The file that CALL_ORDER names says which: `KILL 3 before pwrite /queue.sqlite`; it is gone once the signal is sent.
// Calls that do the same have one name, and the last word is what the path of the file ends with: `*` is any, also a
// socket. A sync or pwrite of a thread that has locked the store's writers out, as a checkpoint does that lets the WAL
// begin anew, is `held-sync` or `held-pwrite` too. Syncs of what ends with SYNC_IGNORED are left out.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define NEXT(call) ((__typeof__(&call))dlsym(RTLD_NEXT, #call))

static _Thread_local int is_holding;

static int ends_with(const char *path, const char *end) {
    size_t length = strlen(path), wanted = strlen(end);
    return !strcmp(end, "*") || (length >= wanted && !strcmp(path + length - wanted, end));
}

static const char *path_of(int fd, char path[4096]) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, 4095);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

static int is_called(const char *ordered, const char *call) {
    return !strcmp(ordered, call) || (is_holding && !strncmp(ordered, "held-", 5) && !strcmp(ordered + 5, call));
}

static void look(const char *when, const char *call, const char *path) {
    static atomic_int seen;
    int number, error = errno;
    char name[16], ordered_when[16], ordered_call[16], end[64];
    FILE *order = fopen(getenv("CALL_ORDER"), "re");
    if (order) {
        int fields = fscanf(order, "%15s %d %15s %15s %63s", name, &number, ordered_when, ordered_call, end);
        fclose(order);
        if (fields == 5 && !strcmp(when, ordered_when) && is_called(ordered_call, call) && ends_with(path, end)
            && atomic_fetch_add(&seen, 1) + 1 == number && unlink(getenv("CALL_ORDER")) == 0)
            raise(!strcmp(name, "KILL") ? SIGKILL : SIGSTOP);
    }
    errno = error;
}

#define WATCHED(call, path, do_it) \
    const char *watched = path; \
    look("before", call, watched); \
    __typeof__(do_it) result = do_it; \
    look("after", call, watched); \
    return result;

#define WATCHED_FILE(call, fd, do_it) \
    char buffer[4096]; \
    WATCHED(call, path_of(fd, buffer), do_it)

/* The byte that a writer locks: sqlite.org/walformat.html#locks */
int fcntl64(int fd, int command, ...) {
    va_list more;
    va_start(more, command);
    struct flock *lock = va_arg(more, void *);
    va_end(more);
    int result = NEXT(fcntl64)(fd, command, lock);
    if (command == F_SETLK && result == 0 && lock->l_start <= 120 && 120 < lock->l_start + lock->l_len)
        is_holding = lock->l_type == F_WRLCK;
    return result;
}

static int is_ignored(int fd) {
    char path[4096];
    const char *ignored = getenv("SYNC_IGNORED");
    return ignored && ends_with(path_of(fd, path), ignored);
}

int fsync(int fd) { WATCHED_FILE("sync", fd, (is_ignored(fd) ? 0 : NEXT(fsync)(fd))) }
int fdatasync(int fd) { WATCHED_FILE("sync", fd, (is_ignored(fd) ? 0 : NEXT(fdatasync)(fd))) }

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    WATCHED_FILE("pwrite", fd, NEXT(pwrite)(fd, bytes, count, offset))
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    WATCHED_FILE("pwrite", fd, NEXT(pwrite64)(fd, bytes, count, offset))
}

int ftruncate(int fd, off_t size) { WATCHED_FILE("truncate", fd, NEXT(ftruncate)(fd, size)) }
int ftruncate64(int fd, off64_t size) { WATCHED_FILE("truncate", fd, NEXT(ftruncate64)(fd, size)) }

int rename(const char *name, const char *new_name) { WATCHED("rename", new_name, NEXT(rename)(name, new_name)) }
int renameat(int from, const char *name, int to, const char *new_name) {
    WATCHED("rename", new_name, NEXT(renameat)(from, name, to, new_name))
}

ssize_t write(int fd, const void *bytes, size_t count) { WATCHED_FILE("send", fd, NEXT(write)(fd, bytes, count)) }
ssize_t writev(int fd, const struct iovec *parts, int count) { WATCHED_FILE("send", fd, NEXT(writev)(fd, parts, count)) }
ssize_t send(int fd, const void *bytes, size_t count, int flags) {
    WATCHED_FILE("send", fd, NEXT(send)(fd, bytes, count, flags))
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    WATCHED_FILE("send", fd, NEXT(sendmsg)(fd, message, flags))
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    WATCHED_FILE("connect", fd, NEXT(connect)(fd, address, length))
}
int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
    WATCHED_FILE("accept", fd, NEXT(accept4)(fd, address, length, flags))
}
