internal import CCurl

/// The sockets of connections that libcurl keeps, by their ports: before a request it tells nothing else of the
/// connection which it is about to use. Lives on the sender's thread.
final class KeptSockets {
    private var sockets: [Int: curl_socket_t] = [:]
    /// Far more than libcurl keeps; what was closed by then goes with the rest.
    private static let limit = 4096

    /// Notes the connection of a transfer that is over and still in its multi handle.
    func note(_ easy: UnsafeMutableRawPointer) {
        var (socket, localPort, peerPort) = (curl_socket_t(CURL_SOCKET_BAD), 0, 0)
        guard relay_curl_get_connection(easy, &socket, &localPort, &peerPort) else { return }
        if sockets.count >= KeptSockets.limit { sockets.removeAll(keepingCapacity: true) }
        let key = KeptSockets.key(localPort, peerPort)
        sockets[key] = socket == CURL_SOCKET_BAD ? nil : socket
    }

    /// Whether a connection that was kept has something to read, or has ended.
    func haveInput(localPort: Int32, peerPort: Int32) -> Bool {
        guard let socket = sockets[KeptSockets.key(Int(localPort), Int(peerPort))] else { return false }
        return relay_socket_has_input(socket, localPort, peerPort)
    }

    private static func key(_ localPort: Int, _ peerPort: Int) -> Int { localPort << 16 | peerPort }
}
