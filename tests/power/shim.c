/* A disk that can lose its power, laid under one process by LD_PRELOAD.
 *
 * Every call that changes a watched file is carried out as it is (so that the process reads what it
 * wrote) and noted on a tape: what was written where, what was cut, what was synced, which names
 * came and went. `disk.py` plays the tape and says what a disk may hold after a cut. A sync is only
 * noted: the real one would tell nothing and cost much.
 *
 * All of it happens under one lock, so the tape has an order that the process cannot contradict:
 * what a sync covers stands before it.
 *
 * Told by the environment, or in the process itself by the functions at the end:
 *   POWER_FILES  the beginning of the watched paths, as "/folder/name"; what lies deeper is not
 *   POWER_TAPE   where the tape is
 *   POWER_CUT    the number of the call at which the process dies, 0 for none
 *   POWER_FAIL   which call fails, once: "3 S 5" is the third sync, with errno 5
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DESCRIPTORS 4096
#define WATCHED_FILE 1
#define WATCHED_FOLDER 2

/* One record: this head, then the name, then the bytes written. */
struct head {
    char kind;
    char padding[3];
    uint32_t name_length;
    uint64_t inode;
    uint64_t offset;
    uint64_t length;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char watched[DESCRIPTORS];
static char files[4096], folder[4096];
static size_t files_length;
static int tape = -1;
static long calls, cut_at, fail_at, fails, failing_errno;
static char fail_kinds[16];     /* which calls are counted to find the failing one */
static long long room = -1;     /* bytes that files may still grow by; -1: no bound */

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_ftruncate)(int, off64_t);
static int (*real_fsync)(int);
static int (*real_unlink)(const char *);
static int (*real_rename)(const char *, const char *);

static void *next(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) {
        fprintf(stderr, "power shim: this C library has no %s\n", name);
        _exit(97);
    }
    return found;
}

/* Other libraries may begin before this one, and open files. */
static void find(void)
{
    if (real_rename != NULL)
        return;
    real_open = next("open64");
    real_close = next("close");
    real_write = next("write");
    real_pwrite = next("pwrite64");
    real_ftruncate = next("ftruncate64");
    real_fsync = next("fsync");
    real_unlink = next("unlink");
    real_rename = next("rename");
}

__attribute__((constructor)) static void begin(void)
{
    const char *path;
    find();
    unsetenv("LD_PRELOAD"); /* it is this process that loses its power, not its children */
    if ((path = getenv("POWER_FILES")) != NULL && strlen(path) < sizeof files) {
        strcpy(files, path);
        files_length = strlen(files);
        strcpy(folder, files);
        *strrchr(folder, '/') = '\0';
    }
    if (getenv("POWER_CUT") != NULL)
        cut_at = atol(getenv("POWER_CUT"));
    if ((path = getenv("POWER_FAIL")) != NULL)
        sscanf(path, "%ld %15s %ld", &fail_at, fail_kinds, &failing_errno);
    if ((path = getenv("POWER_TAPE")) != NULL)
        tape = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Shared memory is gone with the power whatever was written, and nobody syncs it. */
static int is_watched(const char *path)
{
    size_t length = strlen(path);
    return files_length > 0 && strncmp(path, files, files_length) == 0
        && strchr(path + files_length, '/') == NULL
        && !(length > 4 && strcmp(path + length - 4, "-shm") == 0);
}

static int watching(int descriptor, int what)
{
    return descriptor >= 0 && descriptor < DESCRIPTORS && watched[descriptor] == what;
}

static uint64_t inode_of(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) == 0 ? status.st_ino : 0;
}

static void put(const void *bytes, size_t length)
{
    const char *at = bytes;
    while (tape >= 0 && length > 0) {
        ssize_t done = real_write(tape, at, length);
        if (done <= 0)
            _exit(98); /* a tape with a hole would tell lies */
        at += done;
        length -= (size_t)done;
    }
}

static void note(char kind, const char *name, uint64_t inode, uint64_t offset, const void *bytes,
                 uint64_t length)
{
    struct head head = {.kind = kind, .inode = inode, .offset = offset, .length = length};
    head.name_length = name == NULL ? 0 : (uint32_t)strlen(name);
    put(&head, sizeof head);
    if (name != NULL)
        put(name, head.name_length);
    if (bytes != NULL)
        put(bytes, length);
}

/* Count a call; die at it, or say that it fails. */
static int comes(char kind)
{
    calls++;
    if (calls == cut_at)
        syscall(SYS_kill, getpid(), SIGKILL);
    if (fail_at > 0 && strchr(fail_kinds, kind) != NULL && --fail_at == 0) {
        fails++;
        errno = (int)failing_errno;
        return -1;
    }
    return 0;
}

static int open_file(const char *path, int flags, mode_t mode)
{
    struct stat status;
    int descriptor, is_new;
    find();
    if (!is_watched(path)) {
        descriptor = real_open(path, flags, mode);
        if (descriptor >= 0 && descriptor < DESCRIPTORS)
            watched[descriptor] = strcmp(path, folder) == 0 ? WATCHED_FOLDER : 0;
        return descriptor;
    }
    pthread_mutex_lock(&lock);
    is_new = stat(path, &status) != 0;
    descriptor = is_new && (flags & O_CREAT) && comes('O') ? -1 : real_open(path, flags, mode);
    if (descriptor >= 0 && descriptor < DESCRIPTORS) {
        watched[descriptor] = WATCHED_FILE;
        note(is_new ? 'C' : 'E', path, inode_of(descriptor), 0, NULL, 0);
        if (flags & O_TRUNC)
            note('T', NULL, inode_of(descriptor), 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return descriptor;
}

int open64(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return open_file(path, flags, mode);
}

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & (O_CREAT | O_TMPFILE)) {
        va_list rest;
        va_start(rest, flags);
        mode = va_arg(rest, mode_t);
        va_end(rest);
    }
    return open_file(path, flags, mode);
}

int close(int descriptor)
{
    find();
    if (descriptor >= 0 && descriptor < DESCRIPTORS)
        watched[descriptor] = 0;
    return real_close(descriptor);
}

/* Return how much of a write the disk has room for; growing takes room, overwriting takes none. */
static size_t fitting(int descriptor, size_t length, off64_t offset)
{
    struct stat status;
    long long growth;
    if (room < 0 || fstat(descriptor, &status) != 0)
        return length;
    growth = offset + (long long)length - status.st_size;
    if (growth > room) {
        if ((long long)length <= growth - room)
            return 0;
        length -= (size_t)(growth - room);
        growth = room;
    }
    if (growth > 0)
        room -= growth;
    return length;
}

static ssize_t write_at(int descriptor, const void *bytes, size_t length, off64_t offset)
{
    ssize_t done = -1;
    if (comes('W') == 0) {
        size_t fits = fitting(descriptor, length, offset);
        if (fits == 0 && length > 0)
            errno = ENOSPC;
        else if ((done = real_pwrite(descriptor, bytes, fits, offset)) > 0)
            note('W', NULL, inode_of(descriptor), (uint64_t)offset, bytes, (uint64_t)done);
    }
    return done;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset)
{
    ssize_t done;
    if (!watching(descriptor, WATCHED_FILE))
        return real_pwrite(descriptor, bytes, length, offset);
    pthread_mutex_lock(&lock);
    done = write_at(descriptor, bytes, length, offset);
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset)
{
    return pwrite64(descriptor, bytes, length, offset);
}

ssize_t write(int descriptor, const void *bytes, size_t length)
{
    ssize_t done;
    off64_t offset;
    find();
    if (!watching(descriptor, WATCHED_FILE))
        return real_write(descriptor, bytes, length);
    pthread_mutex_lock(&lock);
    offset = lseek64(descriptor, 0, fcntl(descriptor, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR);
    done = write_at(descriptor, bytes, length, offset);
    if (done > 0)
        lseek64(descriptor, offset + done, SEEK_SET);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate64(int descriptor, off64_t size)
{
    int done = -1;
    if (!watching(descriptor, WATCHED_FILE))
        return real_ftruncate(descriptor, size);
    pthread_mutex_lock(&lock);
    if (comes('T') == 0 && (done = real_ftruncate(descriptor, size)) == 0)
        note('T', NULL, inode_of(descriptor), (uint64_t)size, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int descriptor, off_t size)
{
    return ftruncate64(descriptor, size);
}

/* A sync that fails leaves the disk without what it was to keep: no later one makes up for it. */
static int sync_file(int descriptor)
{
    int done = 0;
    int is_folder = watching(descriptor, WATCHED_FOLDER);
    if (!is_folder && !watching(descriptor, WATCHED_FILE))
        return real_fsync(descriptor);
    pthread_mutex_lock(&lock);
    if (comes('S') == 0)
        note(is_folder ? 'D' : 'S', NULL, inode_of(descriptor), 0, NULL, 0);
    else {
        done = -1;
        note('F', NULL, inode_of(descriptor), 0, NULL, 0);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int descriptor)
{
    return sync_file(descriptor);
}

int fdatasync(int descriptor)
{
    return sync_file(descriptor);
}

int unlink(const char *path)
{
    int done = -1;
    if (!is_watched(path))
        return real_unlink(path);
    pthread_mutex_lock(&lock);
    if (comes('U') == 0 && (done = real_unlink(path)) == 0)
        note('U', path, 0, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int rename(const char *from, const char *to)
{
    int done = -1;
    if (!is_watched(from) && !is_watched(to))
        return real_rename(from, to);
    pthread_mutex_lock(&lock);
    if (comes('R') == 0 && (done = real_rename(from, to)) == 0)
        note('R', from, 0, 0, to, strlen(to));
    pthread_mutex_unlock(&lock);
    return done;
}

/* -- for the process itself */

/* Watch other files, note them on another tape, and count anew. */
void power_watch(const char *path, const char *tape_path)
{
    pthread_mutex_lock(&lock);
    strcpy(files, path);
    files_length = strlen(files);
    strcpy(folder, files);
    *strrchr(folder, '/') = '\0';
    if (tape >= 0)
        real_close(tape);
    tape = real_open(tape_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    calls = fail_at = fails = 0;
    room = -1;
    pthread_mutex_unlock(&lock);
}

/* Have the nth call of these kinds from now on fail, once. */
void power_fail(long nth, const char *kinds, long error)
{
    pthread_mutex_lock(&lock);
    strncpy(fail_kinds, kinds, sizeof fail_kinds - 1);
    fails = 0;
    failing_errno = error;
    fail_at = nth;
    pthread_mutex_unlock(&lock);
}

/* Say how many calls have failed since. */
long power_fails(void)
{
    return fails;
}

/* Say how many calls there were. */
long power_calls(void)
{
    return calls;
}

/* Let the watched files grow by so many bytes and no more; -1 for no bound. */
void power_room(long long bytes)
{
    pthread_mutex_lock(&lock);
    room = bytes;
    pthread_mutex_unlock(&lock);
}
