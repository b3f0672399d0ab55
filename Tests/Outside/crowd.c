/* Clients that come at a fixed pace, each with one event on a connection of its own, whatever the answers.
 *
 * crowd PORT REQUESTS LENGTH COUNT PER_SECOND AT_ONCE GIVE_UP
 *
 * REQUESTS is a file of COUNT requests of LENGTH bytes each. PER_SECOND 0: as soon as there is room; AT_ONCE is how
 * many may be open, as far as the limit of descriptors allows. A client gives up after GIVE_UP milliseconds. Prints a
 * line when the last has come, then a line for each client: what became of it (the answer's status, "closed", "reset",
 * "timeout"), after how many microseconds, and the event's id.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

struct client {
    long long begun, ended;
    int socket, held;
    char answer[384], end[8], id[37];
};

static struct client *clients;
static const char *requests;
static long length, count, come, gone, oldest;
static int loop;
static struct sockaddr_in address;

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static void leave(struct client *client, const char *end) {
    close(client->socket);
    client->socket = -1;
    client->ended = now();
    snprintf(client->end, sizeof client->end, "%s", end);
    gone++;
}

static void come_in(void) {
    struct client *client = &clients[come++];
    client->begun = now();
    client->socket = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (client->socket < 0) { perror("socket"); exit(1); }
    if (connect(client->socket, (struct sockaddr *)&address, sizeof address) && errno != EINPROGRESS) {
        leave(client, "reset");
        return;
    }
    struct epoll_event wanted = {.events = EPOLLOUT, .data.ptr = client};
    epoll_ctl(loop, EPOLL_CTL_ADD, client->socket, &wanted);
}

static void go_on(struct client *client, unsigned events) {
    if (client->socket < 0) return;
    if (client->held == 0 && events & EPOLLOUT) {
        if (send(client->socket, requests + (client - clients) * length, length, MSG_NOSIGNAL) != length) {
            leave(client, "reset");
            return;
        }
        struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = client};
        epoll_ctl(loop, EPOLL_CTL_MOD, client->socket, &wanted);
        return;
    }
    ssize_t got = recv(client->socket, client->answer + client->held, sizeof client->answer - 1 - client->held, 0);
    if (got > 0) client->held += got;
    if (got > 0 || (got < 0 && errno == EAGAIN)) return;
    const char *id = strstr(client->answer, "evt_");
    if (id) snprintf(client->id, sizeof client->id, "%.36s", id);
    if (client->held < 12) {
        leave(client, got == 0 ? "closed" : "reset");
    } else {
        client->answer[12] = 0;
        leave(client, client->answer + 9);
    }
}

int main(int argc, char **argv) {
    if (argc != 8) return 64;
    length = atol(argv[3]), count = atol(argv[4]);
    long per_second = atol(argv[5]), at_once = atol(argv[6]), give_up = atol(argv[7]);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (at_once > (long)files.rlim_cur - 50) at_once = files.rlim_cur - 50;
    address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    requests = mmap(0, length * count, PROT_READ, MAP_PRIVATE, open(argv[2], O_RDONLY), 0);
    clients = calloc(count, sizeof *clients);
    loop = epoll_create1(0);
    if (requests == MAP_FAILED || !clients || loop < 0) { perror("crowd"); return 1; }
    long long begun = now();
    int is_told = 0;
    while (gone < count) {
        while (come < count && come - gone < at_once
               && (per_second == 0 || now() - begun >= come * 1000000LL / per_second))
            come_in();
        if (come == count && !is_told) {
            printf("come %.3f\n", (now() - begun) / 1e6);
            fflush(stdout);
            is_told = 1;
        }
        struct epoll_event events[512];
        int found = epoll_wait(loop, events, 512, 1);
        for (int at = 0; at < found; at++) go_on(events[at].data.ptr, events[at].events);
        for (; oldest < come; oldest++) {
            struct client *client = &clients[oldest];
            if (client->socket >= 0 && now() - client->begun <= give_up * 1000) break;
            if (client->socket >= 0) leave(client, "timeout");
        }
    }
    for (long at = 0; at < count; at++)
        printf("%s %lld %s\n", clients[at].end, clients[at].ended - clients[at].begun, clients[at].id);
    return 0;
}
