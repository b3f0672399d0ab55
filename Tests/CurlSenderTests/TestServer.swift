import Glibc
import Synchronization

/// A server on a free port of 127.0.0.1 which treats each connection as a closure says, on a thread of its own.
final class TestServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let count = Atomic<Int>(0)
    private let open = Mutex<[Connection]>([])

    /// How many connections have been accepted.
    var connections: Int { count.load(ordering: .sequentiallyConsistent) }

    func url(_ path: String = "/hook", host: String = "127.0.0.1") -> String { "http://\(host):\(port)\(path)" }

    init(_ serve: @escaping @Sendable (Connection) -> Void) {
        let listener = socket(AF_INET, 1, 0)
        self.listener = listener
        var address = TestServer.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutableBytes(of: &address) { bytes in
            let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
            guard let address else { return }
            bind(listener, address, length)
            listen(listener, 64)
            getsockname(listener, address, &length)
        }
        port = UInt16(bigEndian: address.sin_port)
        onThread { [self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else { break }
                let connection = Connection(descriptor: descriptor)
                open.withLock { $0.append(connection) }
                count.add(1, ordering: .sequentiallyConsistent)
                onThread {
                    serve(connection)
                    connection.end()
                }
            }
            // Not before: with its number a listener of another test could be accepted from here.
            close(listener)
        }
    }

    /// Ends all connections and refuses new ones.
    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        for connection in open.withLock({ $0 }) { connection.hangUp() }
    }

    /// Answers each request of each connection with the same bytes.
    static func answering(_ answer: String) -> TestServer {
        TestServer { connection in
            while connection.readRequest() != nil { connection.write(answer) }
        }
    }

    static func loopback(port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }
}

final class Connection: Sendable {
    let descriptor: Int32
    /// A closed descriptor's number may already be another's: it must not be touched again.
    private let isOpen = Mutex(true)

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// A request with its body, by Content-Length; nil when the peer is gone.
    func readRequest() -> [UInt8]? {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            if let length = Connection.length(bytes), bytes.count >= length { return bytes }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            bytes += chunk[..<count]
        }
    }

    private static func length(_ bytes: [UInt8]) -> Int? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let line = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
        let length = line.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
        return end.upperBound + length
    }

    /// False when the peer is gone.
    @discardableResult
    func write(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return bytes.isEmpty || send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count
    }

    /// Waits until the peer has closed the connection.
    func waitForEnd() {
        var byte: UInt8 = 0
        while recv(descriptor, &byte, 1, 0) > 0 {}
    }

    /// Closes the connection, unless that is done already.
    func end() {
        isOpen.withLock { isOpen in
            if isOpen { close(descriptor) }
            isOpen = false
        }
    }

    /// Ends what another thread may wait for, without a close.
    func hangUp() { isOpen.withLock { if $0 { _ = shutdown(descriptor, Int32(SHUT_RDWR)) } } }

    /// Ends with a RST instead of a FIN.
    func abort() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
        end()
    }
}

extension [UInt8] {
    func firstRange(of needle: [UInt8]) -> Range<Int>? {
        guard count >= needle.count else { return nil }
        for start in 0...(count - needle.count) where self[start] == needle[0] {
            if self[start..<start + needle.count].elementsEqual(needle) { return start..<start + needle.count }
        }
        return nil
    }
}

/// Runs the body on a thread which may block.
func onThread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    pthread_create(
        &thread, nil,
        { context in
            if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
            return nil
        }, Unmanaged.passRetained(Box(body)).toOpaque())
    pthread_detach(thread)
}
