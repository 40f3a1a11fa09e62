// SPDX-License-Identifier: Apache-2.0
//
// Calls that need _GNU_SOURCE. It must not be defined in a header that Swift imports: glibc would then type every
// address parameter as a transparent union, which Swift cannot call.
#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static int argument_count;
static char **arguments;

__attribute__((constructor)) static void keep_arguments(int count, char **words) {
    argument_count = count;
    arguments = words;
}

const char *weir_argument(int position) {
    return position >= 0 && position < argument_count ? arguments[position] : NULL;
}

int weir_accept(int listener, struct sockaddr_storage *address, socklen_t *length) {
    *length = sizeof *address;
    return (int)weir_result(accept4(listener, (struct sockaddr *)address, length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int weir_open_read(const char *path) { return (int)weir_result(open(path, O_RDONLY | O_CLOEXEC)); }

int weir_open_unnamed(const char *directory) {
    int file = open(directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    // Some file systems cannot do that (overlayfs before Linux 6.3, NFS); kernels say it in several ways.
    if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return (int)weir_result(file);
    char path[PATH_MAX];
    int length = snprintf(path, sizeof path, "%s/weir-spill-XXXXXX", directory);
    if (length < 0 || (size_t)length >= sizeof path) return -ENAMETOOLONG;
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0) unlink(path);
    return (int)weir_result(file);
}

uint64_t weir_raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    if (limit.rlim_cur < limit.rlim_max) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) return raised.rlim_cur;
    }
    return limit.rlim_cur;
}

int weir_affinity_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}
