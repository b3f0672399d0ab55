#ifndef RELAY_CCURL_SHIM_H
#define RELAY_CCURL_SHIM_H

/*
 * Swift cannot call variadic functions: each option of libcurl that we use has one inline function with its own type.
 * Strings are copied by libcurl; a body and a header list are not, they must outlive the transfer.
 */

#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#define RELAY_CURL_OPTION(name, option, type)                                                                          \
    static inline CURLcode relay_curl_set_##name(CURL *_Nonnull easy, type value) {                                    \
        return curl_easy_setopt(easy, option, value);                                                                  \
    }
#define RELAY_CURL_LONG(name, option) RELAY_CURL_OPTION(name, option, long)
#define RELAY_CURL_TEXT(name, option) RELAY_CURL_OPTION(name, option, const char *_Nonnull)
#define RELAY_CURL_OPTIONAL_TEXT(name, option) RELAY_CURL_OPTION(name, option, const char *_Nullable)
#define RELAY_CURL_POINTER(name, option) RELAY_CURL_OPTION(name, option, void *_Nonnull)

/* The request. */
RELAY_CURL_TEXT(url, CURLOPT_URL)
RELAY_CURL_LONG(http_get, CURLOPT_HTTPGET)
RELAY_CURL_LONG(post, CURLOPT_POST)
RELAY_CURL_OPTIONAL_TEXT(custom_request, CURLOPT_CUSTOMREQUEST)
RELAY_CURL_OPTION(headers, CURLOPT_HTTPHEADER, const struct curl_slist *_Nullable)
RELAY_CURL_OPTION(body, CURLOPT_POSTFIELDS, const void *_Nullable)
RELAY_CURL_OPTION(body_size, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t)
RELAY_CURL_LONG(http_version, CURLOPT_HTTP_VERSION)

/* Limits of time and of connections. */
RELAY_CURL_LONG(timeout_milliseconds, CURLOPT_TIMEOUT_MS)
RELAY_CURL_LONG(connect_timeout_milliseconds, CURLOPT_CONNECTTIMEOUT_MS)
RELAY_CURL_LONG(low_speed_limit, CURLOPT_LOW_SPEED_LIMIT)
RELAY_CURL_LONG(low_speed_seconds, CURLOPT_LOW_SPEED_TIME)
RELAY_CURL_LONG(connection_lifetime_seconds, CURLOPT_MAXLIFETIME_CONN)
RELAY_CURL_LONG(connection_idle_seconds, CURLOPT_MAXAGE_CONN)
RELAY_CURL_LONG(fresh_connect, CURLOPT_FRESH_CONNECT)
RELAY_CURL_LONG(forbid_reuse, CURLOPT_FORBID_REUSE)
RELAY_CURL_LONG(no_signal, CURLOPT_NOSIGNAL)
RELAY_CURL_LONG(quick_exit, CURLOPT_QUICK_EXIT)

/* What is never done. */
RELAY_CURL_TEXT(proxy, CURLOPT_PROXY)
RELAY_CURL_TEXT(no_proxy, CURLOPT_NOPROXY)
RELAY_CURL_TEXT(protocols, CURLOPT_PROTOCOLS_STR)
RELAY_CURL_TEXT(redirect_protocols, CURLOPT_REDIR_PROTOCOLS_STR)
RELAY_CURL_LONG(follow_location, CURLOPT_FOLLOWLOCATION)
RELAY_CURL_LONG(disallow_user_in_url, CURLOPT_DISALLOW_USERNAME_IN_URL)
RELAY_CURL_LONG(netrc, CURLOPT_NETRC)

RELAY_CURL_LONG(connect_only, CURLOPT_CONNECT_ONLY)

/* TLS. */
RELAY_CURL_LONG(ssl_version, CURLOPT_SSLVERSION)
RELAY_CURL_LONG(ssl_verify_peer, CURLOPT_SSL_VERIFYPEER)
RELAY_CURL_LONG(ssl_verify_host, CURLOPT_SSL_VERIFYHOST)
RELAY_CURL_OPTIONAL_TEXT(ca_file, CURLOPT_CAINFO)
RELAY_CURL_OPTIONAL_TEXT(ca_directory, CURLOPT_CAPATH)
RELAY_CURL_LONG(ca_cache_seconds, CURLOPT_CA_CACHE_TIMEOUT)
RELAY_CURL_OPTIONAL_TEXT(certificate_file, CURLOPT_SSLCERT)
RELAY_CURL_OPTIONAL_TEXT(key_file, CURLOPT_SSLKEY)

/* Callbacks and what they are given. */
RELAY_CURL_OPTION(error_buffer, CURLOPT_ERRORBUFFER, char *_Nonnull)
RELAY_CURL_OPTION(write_function, CURLOPT_WRITEFUNCTION, curl_write_callback _Nonnull)
RELAY_CURL_POINTER(write_context, CURLOPT_WRITEDATA)
RELAY_CURL_OPTION(header_function, CURLOPT_HEADERFUNCTION, curl_write_callback _Nonnull)
RELAY_CURL_POINTER(header_context, CURLOPT_HEADERDATA)
RELAY_CURL_LONG(verbose, CURLOPT_VERBOSE)
RELAY_CURL_OPTION(debug_function, CURLOPT_DEBUGFUNCTION, curl_debug_callback _Nonnull)
RELAY_CURL_POINTER(debug_context, CURLOPT_DEBUGDATA)
RELAY_CURL_OPTION(open_socket_function, CURLOPT_OPENSOCKETFUNCTION, curl_opensocket_callback _Nonnull)
RELAY_CURL_POINTER(open_socket_context, CURLOPT_OPENSOCKETDATA)
RELAY_CURL_OPTION(pre_request_function, CURLOPT_PREREQFUNCTION, curl_prereq_callback _Nonnull)
RELAY_CURL_POINTER(pre_request_context, CURLOPT_PREREQDATA)
RELAY_CURL_POINTER(context, CURLOPT_PRIVATE)

/* Only for our own command line, which talks to the relay's admin socket. */
RELAY_CURL_TEXT(unix_socket_path, CURLOPT_UNIX_SOCKET_PATH)

static inline void *_Nullable relay_curl_get_context(CURL *_Nonnull easy) {
    char *context = NULL;
    return curl_easy_getinfo(easy, CURLINFO_PRIVATE, &context) == CURLE_OK ? context : NULL;
}

/* errno of the last failed connect, send or receive; 0 for none. */
static inline long relay_curl_get_os_errno(CURL *_Nonnull easy) {
    long number = 0;
    return curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &number) == CURLE_OK ? number : 0;
}

/* Socket and ports of the connection that a finished transfer has used; the socket is CURL_SOCKET_BAD if it is closed. */
static inline bool relay_curl_get_connection(
    CURL *_Nonnull easy, curl_socket_t *_Nonnull socket, long *_Nonnull local_port, long *_Nonnull peer_port
) {
    return curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, socket) == CURLE_OK
        && curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, local_port) == CURLE_OK
        && curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, peer_port) == CURLE_OK;
}

/*
 * Waits until a connection that was made with connect_only has something to read, and reads it. CURLE_OK for bytes,
 * CURLE_AGAIN for none; what the TLS library makes of them it shows to the debug callback.
 */
static inline CURLcode relay_curl_hear(CURL *_Nonnull easy, int milliseconds) {
    curl_socket_t socket = CURL_SOCKET_BAD;
    char byte;
    size_t count = 0;
    CURLcode code = curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket);
    if (code != CURLE_OK) return code;
    struct pollfd polled = {.fd = socket, .events = POLLIN};
    if (poll(&polled, 1, milliseconds) <= 0) return CURLE_AGAIN;
    return curl_easy_recv(easy, &byte, 1, &count);
}

/* Whether the socket still is the one between these ports and has bytes, or its end, to read. */
static inline bool relay_socket_has_input(curl_socket_t socket, int local_port, int peer_port) {
    struct sockaddr_in6 local = {0}, peer = {0};
    socklen_t local_size = sizeof(local), peer_size = sizeof(peer);
    struct pollfd polled = {.fd = socket, .events = POLLIN};
    if (getsockname(socket, (struct sockaddr *)&local, &local_size) != 0) return false;
    if (getpeername(socket, (struct sockaddr *)&peer, &peer_size) != 0) return false;
    /* The port is at the same place for both families. */
    if (ntohs(local.sin6_port) != local_port || ntohs(peer.sin6_port) != peer_port) return false;
    return poll(&polled, 1, 0) > 0;
}

static inline CURLMcode relay_curl_multi_set_max_host_connections(CURLM *_Nonnull multi, long count) {
    return curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, count);
}

static inline CURLMcode relay_curl_multi_set_max_total_connections(CURLM *_Nonnull multi, long count) {
    return curl_multi_setopt(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, count);
}

static inline CURLMcode relay_curl_multi_set_max_idle_connections(CURLM *_Nonnull multi, long count) {
    return curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, count);
}

/* The next finished transfer, its context and its result; false when all have been read. */
static inline bool relay_curl_multi_next_finished(
    CURLM *_Nonnull multi, CURL *_Nullable *_Nonnull easy, CURLcode *_Nonnull code
) {
    int waiting = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &waiting))) {
        if (message->msg != CURLMSG_DONE) continue;
        *easy = message->easy_handle;
        *code = message->data.result;
        return true;
    }
    return false;
}

/* Bytes of the address in network order, 4 or 16; 0 for any other family. `bytes` has room for 16. */
static inline int relay_curl_address_bytes(const struct curl_sockaddr *_Nonnull address, uint8_t *_Nonnull bytes) {
    if (address->family == AF_INET && address->addrlen >= sizeof(struct sockaddr_in)) {
        memcpy(bytes, (const char *)&address->addr + offsetof(struct sockaddr_in, sin_addr), 4);
        return 4;
    }
    if (address->family == AF_INET6 && address->addrlen >= sizeof(struct sockaddr_in6)) {
        memcpy(bytes, (const char *)&address->addr + offsetof(struct sockaddr_in6, sin6_addr), 16);
        return 16;
    }
    return 0;
}

/* A socket for the address, closed in child processes; CURL_SOCKET_BAD on failure. */
static inline curl_socket_t relay_curl_open_socket(const struct curl_sockaddr *_Nonnull address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* Names this thread for top and gdb; prctl is variadic too. */
static inline void relay_name_thread(const char *_Nonnull name) {
    prctl(PR_SET_NAME, name);
}

#endif
