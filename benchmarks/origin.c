// SPDX-License-Identifier: Apache-2.0
//
// An origin that costs as little as it can: it counts the ends of request heads and gives each the
// same answer, shaped like gunicorn's, in one send. It reads no request body.
//
//     origin 127.0.0.1:PORT|unix:PATH BODY_SIZE keep-alive|close [json]
//
// With `json` the body is an array of records, always the same; otherwise a line that repeats.
// SIGUSR1 makes it print "CONNECTIONS REQUESTS", counted since its start.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 4096, EVENTS_MAX = 256, READ_SIZE = 16384 };

struct connection {
    int fd;
    int matched;          // bytes of CR LF CR LF seen at the end of what was read
    unsigned answers_due; // heads read and not yet answered
    size_t sent;          // bytes of the answer under way that the kernel has taken
    int blocked;          // waits for EPOLLOUT
};

static const char pattern[] = "hello, weir\n"; // repeated to the size asked for
static char *answer;
static size_t answer_size;
static int closes;
static int poller;
static unsigned long connections, requests;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static unsigned draw(unsigned below) {
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}

// What an API on a database sends: the same keys again and again, and values of little variety.
static size_t write_record(char *to, size_t room, unsigned number) {
    static const char *const given[] = {
        "Ada", "Amara", "Bao", "Carlos", "Chiara", "Dmitri", "Elif", "Fatima",
        "Grace", "Hiroshi", "Ines", "Jonas", "Kofi", "Leila", "Mateo", "Noor"};
    static const char *const family[] = {
        "Andersson", "Bianchi", "Chen", "Diallo", "Eriksen", "Fischer", "Garcia", "Haddad",
        "Ivanova", "Jensen", "Kowalski", "Lopez", "Mbeki", "Nguyen", "Okafor", "Petrov"};
    static const char *const words[] = {
        "order", "delayed", "refund", "invoice", "customer", "called", "about", "the",
        "shipment", "address", "changed", "please", "confirm", "before", "Friday", "again"};
    static const char *const states[] = {"pending", "paid", "shipped", "delivered",
                                         "cancelled", "returned", "refunded", "on hold"};
    const char *first = given[draw(16)], *last = family[draw(16)];
    unsigned month = 1 + draw(12), day = 1 + draw(28), second = draw(86400);
    size_t size = snprintf(to, room,
                           "{\"created_at\":\"2026-%02u-%02uT%02u:%02u:%02uZ\","
                           "\"email\":\"%s.%s@example.com\",\"id\":%u,\"is_active\":%s,"
                           "\"name\":\"%s %s\",\"note\":\"",
                           month, day, second / 3600, second / 60 % 60, second % 60, first, last,
                           100000 + number, draw(4) ? "true" : "false", first, last);
    for (unsigned left = 2 + draw(5); left > 0; left--)
        size += snprintf(to + size, room - size, "%s%s", words[draw(16)], left > 1 ? " " : "");
    unsigned total = 500 + draw(50000);
    size += snprintf(to + size, room - size, "\",\"status\":\"%s\",\"total\":%u.%02u}",
                     states[draw(8)], total / 100, total % 100);
    return size;
}

static void write_json(char *body, size_t body_size) {
    char record[1024];
    size_t size = 0;
    for (unsigned number = 0;; number++) {
        size_t record_size = write_record(record, sizeof record, number);
        if (size + 1 + record_size + 1 > body_size) break;
        body[size++] = number ? ',' : '[';
        memcpy(body + size, record, record_size);
        size += record_size;
    }
    body[size++] = ']';
    memset(body + size, '\n', body_size - size); // up to the size asked for
}

static void make_answer(size_t body_size, int is_json) {
    char head[256];
    int head_size = snprintf(head, sizeof head,
                             "HTTP/1.1 200 OK\r\n"
                             "Server: gunicorn\r\n"
                             "Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
                             "Connection: %s\r\n"
                             "Content-Type: %s\r\n"
                             "Content-Length: %zu\r\n\r\n",
                             closes ? "close" : "keep-alive",
                             is_json ? "application/json" : "text/html; charset=utf-8", body_size);
    answer_size = head_size + body_size;
    answer = malloc(answer_size);
    if (!answer) fail("malloc");
    memcpy(answer, head, head_size);
    if (is_json) {
        write_json(answer + head_size, body_size);
        return;
    }
    for (size_t i = 0; i < body_size; i++)
        answer[head_size + i] = pattern[i % (sizeof pattern - 1)];
}

static int listen_on(const char *address) {
    struct sockaddr_in tcp = {.sin_family = AF_INET};
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    const char *colon = strrchr(address, ':');
    int one = 1, fd, bound;
    if (!strncmp(address, "unix:", 5)) {
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        snprintf(path.sun_path, sizeof path.sun_path, "%s", address + 5);
        bound = bind(fd, (struct sockaddr *)&path, sizeof path);
    } else {
        char host[64] = "";
        if (colon) snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
        if (!colon || inet_pton(AF_INET, host, &tcp.sin_addr) != 1) {
            fprintf(stderr, "origin: bad address %s\n", address);
            exit(64);
        }
        tcp.sin_port = htons(atoi(colon + 1));
        fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); // accepted sockets inherit it
        bound = bind(fd, (struct sockaddr *)&tcp, sizeof tcp);
    }
    if (bound < 0 || listen(fd, BACKLOG) < 0) fail(address);
    return fd;
}

static void watch(int operation, int fd, unsigned events, void *owner) {
    struct epoll_event event = {.events = events, .data.ptr = owner};
    if (epoll_ctl(poller, operation, fd, &event) < 0) fail("epoll_ctl");
}

static void close_connection(struct connection *connection) {
    close(connection->fd);
    free(connection);
}

static void accept_all(int listener) {
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct connection *connection = calloc(1, sizeof *connection);
        if (!connection) fail("calloc");
        connection->fd = fd;
        connections++;
        watch(EPOLL_CTL_ADD, fd, EPOLLIN, connection);
    }
    if (errno != EAGAIN && errno != ECONNABORTED) fail("accept4");
}

static void send_due(struct connection *connection) {
    while (connection->answers_due) {
        ssize_t n = send(connection->fd, answer + connection->sent,
                         answer_size - connection->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (!connection->blocked)
                watch(EPOLL_CTL_MOD, connection->fd, EPOLLOUT, connection);
            connection->blocked = 1;
            return;
        }
        if (n < 0) {
            close_connection(connection);
            return;
        }
        connection->sent += n;
        if (connection->sent < answer_size) continue;
        connection->sent = 0;
        connection->answers_due--;
        if (closes) {
            close_connection(connection);
            return;
        }
    }
    if (connection->blocked) watch(EPOLL_CTL_MOD, connection->fd, EPOLLIN, connection);
    connection->blocked = 0;
}

static void receive(struct connection *connection) {
    static char bytes[READ_SIZE];
    static const char end[] = "\r\n\r\n";
    ssize_t n = recv(connection->fd, bytes, sizeof bytes, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
        close_connection(connection);
        return;
    }
    int matched = connection->matched;
    for (ssize_t i = 0; i < n; i++) {
        matched = bytes[i] == end[matched] ? matched + 1 : bytes[i] == '\r';
        if (matched < 4) continue;
        matched = 0;
        connection->answers_due++;
        requests++;
    }
    connection->matched = matched;
    send_due(connection);
}

int main(int count, char **arguments) {
    int is_json = count == 5 && !strcmp(arguments[4], "json");
    size_t body_size = count > 2 ? strtoul(arguments[2], NULL, 10) : 0;
    if ((count != 4 && !is_json) || (is_json && body_size < 1024)) {
        fprintf(stderr, "usage: origin 127.0.0.1:PORT|unix:PATH BODY_SIZE keep-alive|close [json]\n"
                        "JSON takes 1 KiB at least\n");
        return 64;
    }
    closes = !strcmp(arguments[3], "close");
    make_answer(body_size, is_json);

    sigset_t asked;
    sigemptyset(&asked);
    sigaddset(&asked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &asked, NULL);
    int question = signalfd(-1, &asked, 0);
    int listener = listen_on(arguments[1]);
    poller = epoll_create1(0);
    if (question < 0 || poller < 0) fail("origin");
    watch(EPOLL_CTL_ADD, question, EPOLLIN, &question);
    watch(EPOLL_CTL_ADD, listener, EPOLLIN, &listener);

    for (;;) {
        struct epoll_event events[EVENTS_MAX];
        int ready = epoll_wait(poller, events, EVENTS_MAX, -1);
        for (int i = 0; i < ready; i++) {
            void *owner = events[i].data.ptr;
            if (owner == &listener) {
                accept_all(listener);
            } else if (owner == &question) {
                struct signalfd_siginfo signal;
                if (read(question, &signal, sizeof signal) == sizeof signal) {
                    printf("%lu %lu\n", connections, requests);
                    fflush(stdout);
                }
            } else if (((struct connection *)owner)->blocked) {
                send_due(owner);
            } else {
                receive(owner);
            }
        }
    }
}
