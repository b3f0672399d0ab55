internal import CCurl
internal import Relay

extension Transfer {
    /// A pooled connection is closed after this long without use: less than the 60 s of common load balancers.
    private static let idleSeconds = 55
    /// No connection lives longer, so that a changed policy, name or certificate is seen.
    private static let lifetimeSeconds = 600
    /// How long certificates read from a file may be used again for new connections.
    private static let certificateCacheSeconds = 600

    /// What each request of ours has in common, and what none ever does.
    func setLimits() {
        relay_curl_set_no_signal(easy, 1)
        relay_curl_set_quick_exit(easy, 1)
        relay_curl_set_proxy(easy, "")
        relay_curl_set_no_proxy(easy, "*")
        relay_curl_set_protocols(easy, "http,https")
        relay_curl_set_redirect_protocols(easy, "http,https")
        relay_curl_set_follow_location(easy, 0)
        relay_curl_set_disallow_user_in_url(easy, 1)
        relay_curl_set_netrc(easy, Int(CURL_NETRC_IGNORED.rawValue))
        relay_curl_set_http_version(easy, Int(CURL_HTTP_VERSION_2TLS))
        relay_curl_set_connection_lifetime_seconds(easy, Transfer.lifetimeSeconds)
        relay_curl_set_connection_idle_seconds(easy, Transfer.idleSeconds)
        relay_curl_set_ssl_version(easy, Int(CURL_SSLVERSION_TLSv1_2))
        relay_curl_set_ssl_verify_peer(easy, 1)
        relay_curl_set_ssl_verify_host(easy, 2)
        relay_curl_set_ca_cache_seconds(easy, Transfer.certificateCacheSeconds)
    }

    /// What a destination decides. The options must be at their defaults before.
    func setDestinationOptions(_ options: TransferOptions) {
        relay_curl_set_timeout_milliseconds(easy, options.timeoutMilliseconds)
        relay_curl_set_connect_timeout_milliseconds(easy, options.connectTimeoutMilliseconds)
        // One byte a second within the whole time is the least; a shorter span would punish an answer that takes long.
        relay_curl_set_low_speed_limit(easy, 1)
        relay_curl_set_low_speed_seconds(easy, max(1, (options.timeoutMilliseconds + 999) / 1000))
        if let file = options.caFile {
            relay_curl_set_ca_file(easy, file)
            // Debian's libcurl also trusts the system's directory unless told not to.
            relay_curl_set_ca_directory(easy, nil)
        }
        if let file = options.certificateFile { relay_curl_set_certificate_file(easy, file) }
        if let file = options.keyFile { relay_curl_set_key_file(easy, file) }
    }

    /// Tells libcurl whom to call, and with which transfer.
    func setContext(_ context: UnsafeMutableRawPointer) {
        relay_curl_set_context(easy, context)
        relay_curl_set_write_context(easy, context)
        relay_curl_set_write_function(easy) { bytes, size, count, context in
            let bytes = UnsafeRawBufferPointer(start: bytes, count: size * count)
            return Transfer.from(context)?.receive(body: bytes) == true ? bytes.count : 0
        }
        relay_curl_set_header_context(easy, context)
        relay_curl_set_header_function(easy) { bytes, size, count, context in
            let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
            Transfer.from(context)?.receive(line: line)
            return line.count
        }
        relay_curl_set_debug_context(easy, context)
        relay_curl_set_debug_function(easy) { _, kind, bytes, size, context in
            Transfer.from(context)?.see(kind, UnsafeRawBufferPointer(start: bytes, count: size))
            return 0
        }
        relay_curl_set_open_socket_context(easy, context)
        relay_curl_set_open_socket_function(easy) { context, _, address in
            guard let transfer = Transfer.from(context), let address else { return CURL_SOCKET_BAD }
            let bytes = [UInt8](unsafeUninitializedCapacity: 16) { buffer, count in
                count = buffer.baseAddress.map { Int(relay_curl_address_bytes(address, $0)) } ?? 0
            }
            guard transfer.mayConnect(to: bytes) else { return CURL_SOCKET_BAD }
            return relay_curl_open_socket(address)
        }
        relay_curl_set_pre_request_context(easy, context)
        relay_curl_set_pre_request_function(easy) { context, peer, _, peerPort, localPort in
            guard let transfer = Transfer.from(context), let peer, transfer.maySend(toPeer: peer),
                !transfer.meetsStray(localPort: localPort, peerPort: peerPort)
            else { return CURL_PREREQFUNC_ABORT }
            return CURL_PREREQFUNC_OK
        }
    }
}
