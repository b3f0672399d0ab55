import Glibc
import Relay
import Synchronization
import Testing

@testable import CurlSender

struct SendingTests {
    /// What a server got for one request, as text.
    private func wire(_ make: (TestServer) -> OutgoingRequest) async throws -> [UInt8] {
        let seen = Mutex<[UInt8]>([])
        let server = TestServer { connection in
            seen.withLock { $0 = connection.readRequest() ?? [] }
            connection.write(plainAnswer)
            connection.end()
        }
        try await withServer(server) { server, sender in
            let response = await sender.response(to: make(server))
            #expect(response?.status == 200)
        }
        return seen.withLock { $0 }
    }

    @Test func sendsTheHeadersThatItIsGivenAndFewOfItsOwn() async throws {
        let bytes = try await wire { server in
            request(
                server.url(),
                headers: [
                    .init("webhook-id", "evt_1"), .init("X-Empty", ""), .init("Content-Type", "application/json"),
                ])
        }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
        #expect(lines[0] == "POST /hook HTTP/1.1")
        #expect(lines[1].hasPrefix("Host: 127.0.0.1:"))
        #expect(
            Set(lines[2...]) == [
                "User-Agent: gruveo-relay/test", "webhook-id: evt_1", "X-Empty:", "Content-Type: application/json",
                "Content-Length: 2", "{}",
            ])
    }

    @Test(arguments: ["user-agent", "User-Agent"])
    func aUserAgentOfTheCallerTakesThePlaceOfOurs(name: String) async throws {
        let bytes = try await wire { request($0.url(), headers: [.init("A", "1"), .init(name, "me"), .init("B", "")]) }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
        #expect(Set(lines[2...]) == ["A: 1", "\(name): me", "B:", "Content-Length: 2", "{}"])
    }

    @Test func theFirstHeaderMayBeEmptyToo() async throws {
        let bytes = try await wire { request($0.url(), headers: [.init("User-Agent", ""), .init("B", "")]) }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n").map(String.init)
        #expect(Set(lines[2...]) == ["User-Agent:", "B:", "Content-Length: 2", "{}"])
    }

    @Test func aBodyMayHoldAnyByte() async throws {
        let body: [UInt8] = [0, 65, 0, 255, 13, 10, 0]
        let bytes = try await wire { request($0.url(), body: body) }
        #expect(Array(bytes.suffix(body.count)) == body)
    }

    @Test(arguments: [
        ("POST", true, true), ("PUT", true, true), ("PATCH", true, true), ("DELETE", true, true), ("GET", true, true),
        ("POST", false, true), ("PUT", false, true), ("PATCH", false, true), ("DELETE", false, false),
        ("GET", false, false),
    ])
    func writesTheMethodAndALengthWhereItBelongs(method: String, hasBody: Bool, hasLength: Bool) async throws {
        let bytes = try await wire { request($0.url(), method: method, body: hasBody ? [1, 2, 3] : []) }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(text.hasPrefix("\(method) /hook HTTP/1.1\r\n"))
        #expect(text.contains("Content-Length: \(hasBody ? 3 : 0)\r\n") == hasLength)
        #expect(bytes.suffix(4) == (hasBody ? [10, 1, 2, 3] : [13, 10, 13, 10]))
    }

    @Test func oneHandleServesUnlikeRequestsInTurn() async throws {
        let seen = Mutex<[String]>([])
        let server = TestServer { connection in
            while let bytes = connection.readRequest() {
                let text = String(decoding: bytes, as: UTF8.self)
                seen.withLock {
                    $0.append(
                        text.prefix { $0 != " " } + "|" + (text.split(separator: "\r\n\r\n").dropFirst().first ?? ""))
                }
                connection.write(plainAnswer)
            }
        }
        try await withServer(server) { server, sender in
            for (method, body) in [
                ("POST", "one"), ("GET", ""), ("POST", "two"), ("PUT", "three"), ("DELETE", ""), ("POST", ""),
            ] {
                _ = await sender.response(to: request(server.url("/\(body)"), method: method, body: Array(body.utf8)))
            }
        }
        #expect(seen.withLock { $0 } == ["POST|one", "GET|", "POST|two", "PUT|three", "DELETE|", "POST|"])
        #expect(server.connections <= 2)
    }

    @Test func keepsConnectionsAlive() async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            for _ in 0..<20 {
                let response = await sender.response(to: request(server.url()))
                #expect(response?.body == Array("ok".utf8))
                #expect(response?.header("x-kind") == "Plain")
                #expect(response?.isComplete == true)
            }
            // One may have grown too old while the other tests had the machine.
            #expect(server.connections <= 2)
        }
    }

    @Test func aConnectionThatThePeerClosedIsReplaced() async throws {
        let server = TestServer { connection in
            _ = connection.readRequest()
            connection.write(plainAnswer)
            connection.end()
        }
        try await withServer(server) { server, sender in
            for _ in 0..<5 { #expect(await sender.response(to: request(server.url()))?.status == 200) }
        }
    }

    /// An answer that was there before its request is none: taken for one, it would make an event count as delivered.
    @Test func whatAConnectionSaysUnaskedIsNoAnswerToTheNextRequest() async throws {
        let strays = Mutex(0)
        let server = TestServer { connection in
            while connection.readRequest() != nil {
                connection.write("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                // Late enough not to be in the same read as the answer.
                usleep(20_000)
                strays.withLock { $0 += 1 }
                connection.write(plainAnswer)
            }
        }
        try await withServer(server) { server, sender in
            for number in 1...5 {
                #expect(await sender.response(to: request(server.url()))?.status == 202)
                while strays.withLock({ $0 }) < number { try await Task.sleep(for: .milliseconds(1)) }
            }
            #expect(server.connections == 5)
        }
    }

    @Test func manyRequestsFlyAtOnceAndEachIsAnsweredOnce() async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            let answered = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<200 {
                    group.addTask { await sender.response(to: request(server.url()))?.isComplete == true }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(answered == 200)
            #expect(server.connections <= 64)
        }
    }

    @Test(arguments: [
        OutgoingRequest.Header("X-A", "1\r\nX-Injected: 1"), .init("X-A", "1\n"), .init("X-A", "\r"),
        .init("X-A", "a\0b"),
        .init("X-A\r\nX-B", "1"), .init("X A", "1"), .init("", "1"), .init("X-A:", "1"), .init("X-\0", "1"),
        .init("Content-Length", "0"), .init("transfer-encoding", "chunked"), .init("Host", "other"),
        .init("Expect", "100"),
    ])
    func refusesHeadersThatForgeAMessage(header: OutgoingRequest.Header) async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            let failure = await sender.failure(of: request(server.url(), headers: [header]))
            #expect(failure?.kind == .setup)
            // The handle is as good as before.
            #expect(await sender.response(to: request(server.url()))?.status == 200)
            #expect(server.connections == 1)
        }
    }

    @Test(arguments: [
        "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "", "127.0.0.1", "/hook", "http://",
        "http://u:secret@127.0.0.1/", "http://u@127.0.0.1/", "http://127.0.0.1:99999/", "http://127.0.0.1/\r\nX: 1",
        "http://127.0.0.1/a\0b", "http://127.0.0.1/a b", "http://a%00b/", "http://127.0.0.1/\u{7F}",
    ])
    func refusesOtherURLs(url: String) async throws {
        try await withSender { sender in
            let failure = await sender.failure(of: request(url))
            #expect(failure?.kind == .setup)
            #expect(failure?.text.contains("secret") == false)
        }
    }

    @Test(arguments: ["HEAD", "post", "CONNECT", "GET /x HTTP/1.1\r\nX:", ""])
    func refusesOtherMethods(method: String) async throws {
        try await withSender { sender in
            #expect(await sender.failure(of: request("http://127.0.0.1:1/", method: method))?.kind == .setup)
        }
    }

    @Test func theProxyOfTheEnvironmentIsNotUsed() async throws {
        let proxy = TestServer.answering("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy")
        defer { proxy.stop() }
        for name in ["http_proxy", "all_proxy", "ALL_PROXY"] { setenv(name, "http://127.0.0.1:\(proxy.port)", 1) }
        defer { for name in ["http_proxy", "all_proxy", "ALL_PROXY"] { unsetenv(name) } }
        try await withServer(.answering(plainAnswer)) { server, sender in
            #expect(await sender.response(to: request(server.url()))?.body == Array("ok".utf8))
        }
        #expect(proxy.connections == 0)
    }

    @Test func anActorOnTheSameExecutorHearsOfResultsWithoutAHop() async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            #expect(await Caller(sender).chain(request(server.url()), length: 10) == 10)
        }
    }

    @Test func noCompletionIsCalledBeforeSendReturns() async throws {
        try await withSender { sender in
            #expect(await Caller(sender).chain(request("file:///etc/passwd"), length: 10) == 10)
        }
    }
}

/// As the Dispatcher will be: an actor on the sender's own thread.
private actor Caller {
    private let sender: CurlSender
    private nonisolated let executor: any SerialExecutor
    private var results = 0
    private var isCalling = false

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    init(_ sender: CurlSender) {
        self.sender = sender
        executor = sender.executor
    }

    func chain(_ request: OutgoingRequest, length: Int) async -> Int {
        await withCheckedContinuation { done in next(request, length, done) }
        return results
    }

    private func next(_ request: OutgoingRequest, _ left: Int, _ done: CheckedContinuation<Void, Never>) {
        guard left > 0 else { return done.resume() }
        isCalling = true
        sender.send(request) { _ in
            self.assumeIsolated { caller in
                // A completion within `send` would find its caller half way.
                let isCalling = caller.isCalling
                #expect(!isCalling)
                caller.results += 1
                caller.next(request, left - 1, done)
            }
        }
        isCalling = false
    }
}
