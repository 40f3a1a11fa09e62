// SPDX-License-Identifier: Apache-2.0
//
// The kernel's calls that Swift's Glibc module does not show, or shows in a shape that costs something:
// epoll, eventfd, signalfd, accept4, sends of several parts. Every function returns a result of zero or more,
// or the negated errno, so that no caller has to read errno at the right moment.
#ifndef WEIR_CLINUX_H
#define WEIR_CLINUX_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/netlink.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static inline ssize_t weir_result(ssize_t result) { return result < 0 ? -(ssize_t)errno : result; }

// Clocks

static inline uint64_t weir_clock(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t weir_monotonic_nanoseconds(void) { return weir_clock(CLOCK_MONOTONIC); }

static inline uint64_t weir_wall_nanoseconds(void) { return weir_clock(CLOCK_REALTIME); }

// epoll

static const uint32_t WEIR_EPOLL_READABLE = EPOLLIN;
static const uint32_t WEIR_EPOLL_WRITABLE = EPOLLOUT;
static const uint32_t WEIR_EPOLL_PEER_CLOSED = EPOLLRDHUP;
static const uint32_t WEIR_EPOLL_HANGUP = EPOLLHUP;
static const uint32_t WEIR_EPOLL_ERROR = EPOLLERR;
static const uint32_t WEIR_EPOLL_EDGE = EPOLLET;
static const uint32_t WEIR_EPOLL_EXCLUSIVE = EPOLLEXCLUSIVE;

static inline int weir_epoll_create(void) { return (int)weir_result(epoll_create1(EPOLL_CLOEXEC)); }

static inline int weir_epoll_add(int poller, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return (int)weir_result(epoll_ctl(poller, EPOLL_CTL_ADD, descriptor, &event));
}

static inline int weir_epoll_modify(int poller, int descriptor, uint32_t events, uint64_t token) {
    struct epoll_event event = {.events = events, .data = {.u64 = token}};
    return (int)weir_result(epoll_ctl(poller, EPOLL_CTL_MOD, descriptor, &event));
}

static inline int weir_epoll_wait(int poller, struct epoll_event *events, int capacity, int milliseconds) {
    return (int)weir_result(epoll_wait(poller, events, capacity, milliseconds));
}

// Sockets

static inline int weir_socket(int family) {
    return (int)weir_result(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int weir_accept(int listener, struct sockaddr_storage *address, socklen_t *length);

static inline int weir_connect(int socket, const struct sockaddr_storage *address, socklen_t length) {
    return (int)weir_result(connect(socket, (const struct sockaddr *)address, length));
}

static inline int weir_bind(int socket, const struct sockaddr_storage *address, socklen_t length) {
    return (int)weir_result(bind(socket, (const struct sockaddr *)address, length));
}

static inline int weir_listen(int socket, int backlog) { return (int)weir_result(listen(socket, backlog)); }

static inline int weir_local_address(int socket, struct sockaddr_storage *address, socklen_t *length) {
    return (int)weir_result(getsockname(socket, (struct sockaddr *)address, length));
}

static inline int weir_set_option(int socket, int level, int option, int value) {
    return (int)weir_result(setsockopt(socket, level, option, &value, sizeof value));
}

static inline int weir_pending_error(int socket) {
    int error = 0;
    socklen_t length = sizeof error;
    return getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &length) < 0 ? errno : error;
}

// close(2) will send RST instead of FIN.
static inline int weir_reset_on_close(int socket) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return (int)weir_result(setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, sizeof linger));
}

static inline int weir_shutdown_write(int socket) { return (int)weir_result(shutdown(socket, SHUT_WR)); }

// On a listening socket: ends listening.
static inline int weir_shutdown_both(int socket) { return (int)weir_result(shutdown(socket, SHUT_RDWR)); }

// The four calls of a request. glibc's recv and send are cancellation points: in a program with threads each spends
// 45 instructions on that, and nothing here cancels threads.

static inline ssize_t weir_receive(int socket, void *bytes, size_t count) {
    return weir_result(syscall(SYS_recvfrom, socket, bytes, count, 0, NULL, NULL));
}

// Whether the peer has finished and nothing of it is left to be read; takes no byte.
static inline int weir_is_at_end(int socket) {
    char byte;
    return recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static inline ssize_t weir_send(int socket, const void *bytes, size_t count) {
    return weir_result(syscall(SYS_sendto, socket, bytes, count, MSG_NOSIGNAL, NULL, 0));
}

// One system call for up to three parts; empty ones are passed as they are. What more is to come for, TCP keeps for up
// to 200 ms, so that it leaves together with that.
static inline ssize_t weir_send_parts(int socket, const void *first, size_t first_count, const void *second,
                                      size_t second_count, const void *third, size_t third_count,
                                      int more_is_to_come) {
    struct iovec parts[3] = {
        {(void *)first, first_count}, {(void *)second, second_count}, {(void *)third, third_count}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 3};
    return weir_result(sendmsg(socket, &message, MSG_NOSIGNAL | (more_is_to_come ? MSG_MORE : 0)));
}

// What the kernel tells of the sockets of this network namespace (sock_diag(7)); it answers before the call returns.
static inline int weir_diagnosis_socket(void) {
    return (int)weir_result(socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
}

// Whether an address is one of this machine: 0, or a negated errno. `socket` is of its family, and new.
static inline int weir_bind_any_port(int socket, struct sockaddr_storage address, socklen_t length) {
    if (address.ss_family == AF_INET6) ((struct sockaddr_in6 *)&address)->sin6_port = 0;
    else ((struct sockaddr_in *)&address)->sin_port = 0;
    return (int)weir_result(bind(socket, (const struct sockaddr *)&address, length));
}

// Directories

// The name of an entry, which Swift sees as a tuple.
static inline const char *weir_entry_name(const struct dirent *entry) { return entry->d_name; }

// What the symbolic link of that name in a directory points to, cut at `count` bytes and without a NUL.
static inline ssize_t weir_read_link(DIR *directory, const char *name, void *bytes, size_t count) {
    return weir_result(readlinkat(dirfd(directory), name, bytes, count));
}

// Descriptors

static inline int weir_eventfd(void) { return (int)weir_result(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

static inline int weir_signalfd(const sigset_t *signals) {
    return (int)weir_result(signalfd(-1, signals, SFD_NONBLOCK | SFD_CLOEXEC));
}

int weir_open_read(const char *path);

// A file for reading and writing that has no name in its directory.
int weir_open_unnamed(const char *directory);

static inline ssize_t weir_write_at(int descriptor, const void *bytes, size_t count, int64_t position) {
    ssize_t written;
    do {
        written = pwrite(descriptor, bytes, count, position);
    } while (written < 0 && errno == EINTR);
    return weir_result(written);
}

static inline ssize_t weir_read_at(int descriptor, void *bytes, size_t count, int64_t position) {
    ssize_t received;
    do {
        received = pread(descriptor, bytes, count, position);
    } while (received < 0 && errno == EINTR);
    return weir_result(received);
}

static inline ssize_t weir_send_file(int socket, int file, int64_t position, size_t count) {
    off_t offset = position;
    return weir_result(sendfile(socket, file, &offset, count));
}

static inline ssize_t weir_read(int descriptor, void *bytes, size_t count) {
    return weir_result(read(descriptor, bytes, count));
}

static inline ssize_t weir_write(int descriptor, const void *bytes, size_t count) {
    return weir_result(write(descriptor, bytes, count));
}

// Process

// The words of the command line, which glibc hands to constructors: Swift reads them from /proc, and an image may have
// none. NULL behind the last one.
const char *weir_argument(int position);

// Raises RLIMIT_NOFILE to its hard limit; returns what is in force then.
uint64_t weir_raise_descriptor_limit(void);

// Processors that this process may run on; 1 when the kernel does not say.
int weir_affinity_count(void);

// Address space that costs memory only where it is touched; NULL when there is none.
static inline void *weir_reserve(size_t count) {
    void *start = mmap(NULL, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return start == MAP_FAILED ? NULL : start;
}

static inline void weir_unreserve(void *start, size_t count) { munmap(start, count); }

#endif
