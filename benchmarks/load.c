// SPDX-License-Identifier: Apache-2.0
//
// An exact load: CONNECTIONS keep-alive connections, ROUNDS requests on each, and every answer
// checked. In lockstep (all ask, then all are answered), so that two runs ask for the same work.
//
//     load 127.0.0.1:PORT CONNECTIONS ROUNDS BODY_SIZE [hold]
//
// With `hold` each connection asks before the next one opens; then "ready" is printed and all stay
// open until standard input ends.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_TIMEOUT_SECONDS = 60, HEAD_SIZE_MAX = 4096 };

static const char pattern[] = "hello, weir\n"; // what origin.c repeats
static const char *address;
static char request[256];
static size_t request_size;
static size_t body_size;
static char *answer;

static void fail(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static int open_connection(void) {
    char host[64];
    const char *colon = strrchr(address, ':');
    struct sockaddr_in peer = {.sin_family = AF_INET};
    struct timeval timeout = {.tv_sec = ANSWER_TIMEOUT_SECONDS};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!colon) fail("bad address");
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    peer.sin_port = htons(atoi(colon + 1));
    if (inet_pton(AF_INET, host, &peer.sin_addr) != 1) fail("bad address");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (fd < 0 || connect(fd, (struct sockaddr *)&peer, sizeof peer) < 0) {
        perror("load: connect");
        exit(1);
    }
    return fd;
}

static void ask(int fd) {
    if (send(fd, request, request_size, MSG_NOSIGNAL) != (ssize_t)request_size)
        fail("a request was not taken");
}

static size_t read_head(int fd, size_t *received) {
    char *end;
    do {
        ssize_t n = recv(fd, answer + *received, HEAD_SIZE_MAX + body_size - *received, 0);
        if (n <= 0) fail("an answer did not come, or broke off in its head");
        *received += n;
        answer[*received] = 0;
        end = strstr(answer, "\r\n\r\n");
    } while (!end && *received < HEAD_SIZE_MAX);
    if (!end) fail("an answer's head is too long");
    *end = 0;
    if (strncmp(answer, "HTTP/1.1 200 ", 13)) fail("an answer is not 200");
    char *length = strcasestr(answer, "\r\ncontent-length:");
    if (!length || strtoul(length + 17, NULL, 10) != body_size) fail("a wrong Content-Length");
    return end + 4 - answer;
}

static void check_answer(int fd) {
    size_t received = 0;
    size_t head_size = read_head(fd, &received);
    while (received < head_size + body_size) {
        ssize_t n = recv(fd, answer + received, head_size + body_size - received, 0);
        if (n <= 0) fail("an answer broke off in its body");
        received += n;
    }
    if (received > head_size + body_size) fail("bytes after an answer");
    for (size_t i = 0; i < body_size; i++)
        if (answer[head_size + i] != pattern[i % (sizeof pattern - 1)]) fail("a wrong body");
}

int main(int count, char **arguments) {
    int holds = count == 6 && !strcmp(arguments[5], "hold");
    if (count != 5 && !holds) {
        fprintf(stderr, "usage: load 127.0.0.1:PORT CONNECTIONS ROUNDS BODY_SIZE [hold]\n");
        return 64;
    }
    address = arguments[1];
    int connection_count = atoi(arguments[2]), rounds = atoi(arguments[3]);
    body_size = strtoul(arguments[4], NULL, 10);
    // The same fields as the harness gives to wrk.
    request_size = snprintf(request, sizeof request,
                            "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: weir-benchmark\r\n"
                            "Accept: */*\r\n\r\n", address);
    answer = malloc(HEAD_SIZE_MAX + body_size + 1);
    int *fds = calloc(connection_count, sizeof *fds);
    if (!answer || !fds) fail("no memory");

    for (int i = 0; i < connection_count; i++) {
        fds[i] = open_connection();
        if (!holds) continue;
        ask(fds[i]);
        check_answer(fds[i]);
    }
    for (int round = 0; round < rounds && !holds; round++) {
        for (int i = 0; i < connection_count; i++) ask(fds[i]);
        for (int i = 0; i < connection_count; i++) check_answer(fds[i]);
    }
    if (holds) {
        puts("ready");
        fflush(stdout);
        while (getchar() != EOF) {}
    }
}
