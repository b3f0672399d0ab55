import Glibc

/// A blocking client socket on 127.0.0.1 that can misbehave. Every wait ends after ten seconds.
final class RawClient: Sendable {
    private let descriptor: CInt

    init(port: Int) throws {
        descriptor = try RawClient.openSocket()
        var timeout = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        let descriptor = descriptor
        let result = RawClient.withAddress(port: port) { connect(descriptor, $0, $1) }
        guard result == 0 else { throw Failure(code: errno) }
    }

    deinit { Glibc.close(descriptor) }

    struct Failure: Error {
        let code: CInt
    }

    /// A socket that is bound to a free port of 127.0.0.1, as systemd would pass it.
    static func boundSocket() throws -> CInt {
        let descriptor = try openSocket()
        guard withAddress(port: 0, { bind(descriptor, $0, $1) }) == 0 else { throw Failure(code: errno) }
        return descriptor
    }

    private static func openSocket() throws -> CInt {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(code: errno) }
        return descriptor
    }

    private static func withAddress(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// Sends it all; false if the other end does not take it.
    @discardableResult
    func send(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    /// Reads exactly so many bytes, fewer at the end.
    func receive(count: Int) -> String {
        var bytes: [UInt8] = []
        while bytes.count < count, let more = receiveSome(limit: count - bytes.count) { bytes += more }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads up to the other side's end; nil if it does not come in an orderly way.
    func receiveToEnd() -> String? {
        var bytes: [UInt8] = []
        while let more = receiveSome(limit: 65_536) {
            if more.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += more
        }
        return nil
    }

    /// Nothing at the end, nil for an error or after the timeout.
    private func receiveSome(limit: Int) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &buffer, limit, 0)
        return count < 0 ? nil : Array(buffer[..<count])
    }

    func endSending() { shutdown(descriptor, CInt(SHUT_WR)) }

    /// Closes with a reset instead of an end.
    func reset() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        var unspecified = sockaddr()
        unspecified.sa_family = sa_family_t(AF_UNSPEC)
        connect(descriptor, &unspecified, socklen_t(MemoryLayout<sockaddr>.size))
    }
}
