import Glibc
import Relay
import Synchronization
import Testing

@testable import CurlSender

/// Servers that misbehave, each in its own way.
struct ZooTests {
    private func failure(
        timeoutMilliseconds: Int = 5_000, _ serve: @escaping @Sendable (Connection) -> Void
    ) async throws -> TransferFailure? {
        try await withServer(TestServer(serve)) { server, sender in
            await sender.failure(of: request(server.url("/secret-path"), timeoutMilliseconds: timeoutMilliseconds))
        }
    }

    private func response(
        timeoutMilliseconds: Int = 5_000, _ serve: @escaping @Sendable (Connection) -> Void
    ) async throws -> Response? {
        try await withServer(TestServer(serve)) { server, sender in
            await sender.response(to: request(server.url(), timeoutMilliseconds: timeoutMilliseconds))
        }
    }

    @Test func aClosedPort() async throws {
        let server = TestServer { $0.end() }
        server.stop()
        try await withSender { sender in
            #expect(await sender.failure(of: request(server.url()))?.kind == .connect)
        }
    }

    @Test func aServerThatNeverAnswers() async throws {
        try await withServer(TestServer { $0.waitForEnd() }) { server, sender in
            let result = await sender.result(of: request(server.url("/secret-path"), timeoutMilliseconds: 300))
            guard case .failure(let failure) = result.ending else {
                Issue.record("an answer")
                return
            }
            #expect(failure.kind == .timeout)
            #expect(!failure.text.contains("secret"))
            #expect((290..<1300).contains(result.durationMilliseconds))
            #expect(result.startedAt.seconds > 1_700_000_000)
        }
    }

    @Test func oneByteOfTheHeadersAtATime() async throws {
        let failure = try await failure(timeoutMilliseconds: 300) { connection in
            while connection.write("H") { usleep(50_000) }
        }
        // "HH" cannot be HTTP, which libcurl may see before the time is up.
        #expect(failure?.kind == .timeout || failure?.kind == .notHTTP)
    }

    @Test func aServerThatHangsUpWithoutAnAnswer() async throws {
        let failure = try await failure { connection in
            _ = connection.readRequest()
            connection.end()
        }
        #expect(failure?.kind == .reset)
    }

    @Test func aServerThatResetsTheConnection() async throws {
        let failure = try await failure { connection in
            _ = connection.readRequest()
            connection.abort()
        }
        #expect(failure?.kind == .reset)
    }

    @Test(arguments: ["HTTP/1.1 200 OK\r\nX-A: 1\r\n", "HTTP/1.1 200 OK\r\nX-", "HTTP/1.1 100 Continue\r\n\r\n"])
    func headersThatAreNotComplete(answer: String) async throws {
        let failure = try await failure { connection in
            _ = connection.readRequest()
            connection.write(answer)
            connection.end()
        }
        #expect(failure != nil)
    }

    @Test(arguments: [
        "garbage\r\n\r\n", "220 mail ESMTP\r\n", "<html>hello</html>", "SSH-2.0-OpenSSH\r\n", "\0\0\0\0\0\0\0\0",
    ])
    func whatIsNotHTTP(answer: String) async throws {
        let failure = try await failure { connection in
            _ = connection.readRequest()
            connection.write(answer)
            connection.end()
        }
        #expect(failure?.kind == .notHTTP)
    }

    @Test func headersWithoutEnd() async throws {
        let failure = try await failure { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n")
            let lines = String(repeating: "X-Filler: \(String(repeating: "x", count: 1000))\r\n", count: 64)
            while connection.write(lines) {}
            connection.end()
        }
        #expect(failure?.kind == .notHTTP)
    }

    @Test func moreHeadersThanAreKept() async throws {
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n")
            for number in 0..<150 { connection.write("X-\(number): 1\r\n") }
            connection.write("Content-Length: 0\r\n\r\n")
        }
        #expect(response?.status == 200)
        #expect(response?.headers.count == Reply.headerCountLimit)
    }

    @Test(arguments: [200, 204, 304, 404, 410, 429, 500, 503, 599])
    func statusesComeAsTheyAre(status: Int) async throws {
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 \(status) Word\r\nContent-Length: 0\r\nRetry-After: 7\r\n\r\n")
        }
        #expect(response?.status == status)
        #expect(response?.header("retry-after") == "7")
        #expect(response?.isComplete == true)
    }

    @Test func interimAnswersAreNotTheAnswer() async throws {
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write(
                "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
        }
        #expect(response?.status == 202)
        #expect(response?.header("link") == nil)
    }

    @Test func trailersDoNotChangeTheAnswer() async throws {
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write(
                "HTTP/1.1 500 Word\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nHTTP/1.1 200: 1\r\n\r\n")
        }
        #expect(response?.status == 500)
        #expect(response?.body == Array("no".utf8))
    }

    @Test(arguments: [200, 500]) func aBodyThatIsCutShort(status: Int) async throws {
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 \(status) Word\r\nContent-Length: 100\r\n\r\nhalf")
            connection.end()
        }
        #expect(response?.status == status)
        #expect(response?.body == Array("half".utf8))
        #expect(response?.isComplete == false)
    }

    @Test func aConnectionResetWithinTheBody() async throws {
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nnonsense")
            connection.abort()
        }
        // The reset may overtake the headers.
        if let response { #expect(response.status == 200 && !response.isComplete) }
    }

    @Test func aBodyThatNeverComes() async throws {
        let response = try await response(timeoutMilliseconds: 300) { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
            connection.waitForEnd()
        }
        #expect(response?.status == 200)
        #expect(response?.isComplete == false)
    }

    @Test(arguments: ["Transfer-Encoding: chunked", "Content-Length: 1073741824", "Connection: close"])
    func aBodyOfAGigabyteIsReadUpToTheLimit(framing: String) async throws {
        let sent = Mutex(0)
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n")
            let isChunked = framing.hasSuffix("chunked")
            let block = String(repeating: "x", count: 65536)
            let piece = isChunked ? "10000\r\n\(block)\r\n" : block
            for _ in 0..<16384 {
                guard connection.write(piece) else { break }
                sent.withLock { $0 += piece.utf8.count }
            }
            connection.end()
        }
        #expect(response?.body.count == Response.bodyLimit)
        #expect(response?.isComplete == false)
        #expect(sent.withLock { $0 } < 64 * 1024 * 1024)
    }

    @Test(arguments: [(65536, true), (65537, false)])
    func theLimitItselfIsWithin(length: Int, isComplete: Bool) async throws {
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write(
                "HTTP/1.1 200 OK\r\nContent-Length: \(length)\r\n\r\n" + String(repeating: "x", count: length))
            connection.waitForEnd()
        }
        #expect(response?.body.count == 65536)
        #expect(response?.isComplete == isComplete)
    }

    @Test(arguments: [301, 302, 307, 308]) func redirectsAreNotFollowed(status: Int) async throws {
        let target = TestServer.answering(plainAnswer)
        defer { target.stop() }
        let location = target.url()
        let response = try await response { connection in
            _ = connection.readRequest()
            connection.write("HTTP/1.1 \(status) Moved\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
        }
        #expect(response?.status == status)
        #expect(target.connections == 0)
    }

    @Test func contentIsNotDecoded() async throws {
        let response = try await response { connection in
            let asked = String(decoding: connection.readRequest() ?? [], as: UTF8.self).lowercased()
            let body = asked.contains("encoding") ? "bomb" : "gzip"
            connection.write("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\(body)")
        }
        #expect(response?.body == Array("gzip".utf8))
        #expect(response?.isComplete == true)
    }

    @Test func twoAnswersToOneRequest() async throws {
        let response = try await response { connection in
            while connection.readRequest() != nil { connection.write(plainAnswer + plainAnswer) }
        }
        #expect(response?.body == Array("ok".utf8))
    }
}
