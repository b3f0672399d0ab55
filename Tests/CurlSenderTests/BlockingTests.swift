import Glibc
import Relay
import Synchronization
import Testing

@testable import CurlSender

struct BlockingTests {
    @Test func postsWithoutAPolicyOfAddresses() {
        let server = TestServer.answering(plainAnswer)
        defer { server.stop() }
        guard case .response(let response) = CurlSender.post(url: server.url(), headers: [.init("X-A", "1")], body: [1])
        else {
            Issue.record("no answer")
            return
        }
        #expect(response.status == 200)
        #expect(response.body == Array("ok".utf8))
    }

    @Test func asksOverAUnixSocket() throws {
        let path = "/tmp/relay-test-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
        let asked = Mutex("")
        let listener = socket(AF_UNIX, 1, 0)
        defer {
            close(listener)
            unlink(path)
        }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let code = withUnsafeBytes(of: &address) { bytes in
            bytes.assumingMemoryBound(to: sockaddr.self).baseAddress
                .map { bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        try #require(code == 0 && listen(listener, 1) == 0)
        onThread {
            let connection = Connection(descriptor: accept(listener, nil, nil))
            asked.withLock { $0 = String(decoding: connection.readRequest() ?? [], as: UTF8.self) }
            connection.write(
                "HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n" + String(repeating: "x", count: 100_000))
            connection.end()
        }
        let ending = CurlSender.requestUnixSocket(
            path: path, method: "PUT", target: "/api/queue?limit=5", body: Array("{}".utf8), timeoutMilliseconds: 5_000)
        guard case .response(let response) = ending else { throw Unexpected() }
        #expect(response.status == 201)
        #expect(response.body.count == 100_000)
        #expect(asked.withLock { $0 }.hasPrefix("PUT /api/queue?limit=5 HTTP/1.1\r\nHost: localhost\r\n"))
    }

    @Test func saysThatNobodyListens() {
        let ending = CurlSender.requestUnixSocket(
            path: "/nonexistent/admin.sock", method: "GET", target: "/", timeoutMilliseconds: 1_000)
        guard case .failure(let failure) = ending else {
            Issue.record("an answer")
            return
        }
        #expect(failure.kind == .connect)
    }

    private struct Unexpected: Error {}
}
