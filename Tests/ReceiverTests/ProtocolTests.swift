import Relay
import Testing

@testable import Receiver

/// Each request form and its answer, on one connection without a socket.
struct ProtocolTests {
    /// What is sent, what is answered, and whether the connection goes on.
    struct Row: Sendable, CustomTestStringConvertible {
        let name: String
        let sent: String
        let answered: String
        var testDescription: String { name }

        init(_ name: String, _ sent: String, _ answered: String) {
            self.name = name
            self.sent = sent
            self.answered = answered
        }
    }

    static let goingOn: [Row] = [
        Row("a signed body", post("{}"), accepted(1)),
        Row("a query", post("{}", path: "/hook?a=/b?c"), accepted(1)),
        Row("the absolute form", post("{}", path: "http://relay:80/hook?a"), accepted(1)),
        Row("the absolute form in capitals", post("{}", path: "HTTPS://relay/hook"), accepted(1)),
        Row("no body", post(""), accepted(1)),
        Row("no length", post("").replacing("Content-Length: 0\r\n", with: ""), accepted(1)),
        Row("an odd content type", post("{}", extra: "Content-Type: x\r\nContent-Encoding: gzip\r\n"), accepted(1)),
        Row("field names in capitals", post("{}").replacing("X-Gruveo", with: "X-GRUVEO"), accepted(1)),
        Row("no signature", head("POST /hook", "Content-Length: 2") + "{}", bare("401 Unauthorized")),
        Row(
            "two right signatures", post("{}", extra: "x-gruveo-sha256-hmac: \(signature(of: "{}"))\r\n"),
            bare("401 Unauthorized")),
        Row("a wrong signature", post("{}").replacing("HMAC: ", with: "HMAC: 0"), bare("401 Unauthorized")),
        Row("health", head("GET /healthz"), bare("200 OK")),
        Row("health with a query", head("GET /healthz?x"), bare("200 OK")),
        Row("health by HEAD", head("HEAD /healthz"), bare("405 Method Not Allowed", "allow: GET")),
        Row("health by POST", post("{}", path: "/healthz"), bare("405 Method Not Allowed", "allow: GET")),
    ]
    static let otherTargets: [Row] = ["/", "/hook/", "//hook", "/%68ook", "/x/../hook", "/HOOK", "*", "http://relay"]
        .map { Row($0, post("{}", path: $0), bare("404 Not Found")) }
    static let otherMethods: [Row] = ["GET", "PUT", "HEAD", "OPTIONS", "TRACE", "DELETE", "PATCH"]
        .map { Row($0, head("\($0) /hook"), bare("405 Method Not Allowed", "allow: POST")) }

    @Test(arguments: goingOn + otherTargets + otherMethods)
    func answersAndGoesOn(_ row: Row) throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        #expect(try conversation.send(row.sent) == row.answered)
        #expect(try conversation.send(head("GET /healthz")) == bare("200 OK"))
    }

    static let malformed: [Row] = [
        "length and chunked": post("{}", extra: "Transfer-Encoding: chunked\r\n"),
        "chunked and length": head("POST /hook", "Transfer-Encoding: chunked", "Content-Length: 2") + "0\r\n\r\n",
        "two lengths": post("{}", extra: "Content-Length: 3\r\n"),
        "the same length twice": post("{}", extra: "Content-Length: 2\r\n"),
        "a list of lengths": head("POST /hook", "Content-Length: 2, 2") + "{}",
        "a negative length": head("POST /hook", "Content-Length: -2") + "{}",
        "a length with a sign": head("POST /hook", "Content-Length: +2") + "{}",
        "a hexadecimal length": head("POST /hook", "Content-Length: 0x2") + "{}",
        "a length that is no number": head("POST /hook", "Content-Length: two") + "{}",
        "an empty length": head("POST /hook", "Content-Length:") + "{}",
        "a length over 64 bits": head("POST /hook", "Content-Length: 99999999999999999999999") + "{}",
        "another coding": head("POST /hook", "Transfer-Encoding: gzip") + "{}",
        "two codings": head("POST /hook", "Transfer-Encoding: gzip, chunked") + "0\r\n\r\n",
        "chunked twice": head("POST /hook", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked") + "0\r\n\r\n",
        "a coding in disguise": head("POST /hook", "Transfer-Encoding: xchunked") + "0\r\n\r\n",
        "a chunk size that is no number": head("POST /hook", "Transfer-Encoding: chunked") + "zz\r\n",
        "a chunk size over 64 bits": head("POST /hook", "Transfer-Encoding: chunked") + "fffffffffffffffff\r\n",
        "a chunk longer than its size": head("POST /hook", "Transfer-Encoding: chunked") + "2\r\n{}}\r\n0\r\n\r\n",
        "a space before the colon": head("POST /hook", "Content-Length : 2") + "{}",
        "a folded field": head("GET /healthz", "A: b", " c"),
        "a field without colon": head("GET /healthz", "nonsense"),
        "a field without name": head("GET /healthz", ": x"),
        "NUL in a value": head("GET /healthz", "A: b\0c"),
        "CR alone in a value": head("GET /healthz", "A: b\rContent-Length: 2"),
        "two hosts": head("GET /healthz", "Host: other"),
        "no host": "GET /healthz HTTP/1.1\r\n\r\n",
        "an unknown method": head("BREW /hook"),
        "a small method": head("get /healthz"),
        "version 0.9": "GET /healthz\r\n\r\n",
        "version 3.0": "GET /healthz HTTP/3.0\r\nHost: relay\r\n\r\n",
        "an HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "a PROXY line": "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n" + post("{}"),
        "a TLS hello": "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0",
        "random bytes": "\u{7}\u{9}~~&&\r\n\r\n",
    ].sorted { $0.key < $1.key }.map { Row($0.key, $0.value, bare("400 Bad Request", closes: true)) }

    static let last: [Row] = [
        Row("a wish to close", post("{}", extra: "Connection: close\r\n"), accepted(1, closes: true)),
        Row("version 1.0", post("{}").replacing("HTTP/1.1", with: "HTTP/1.0"), accepted(1, closes: true)),
        Row(
            "an upgrade to HTTP/2", post("{}", extra: "Connection: Upgrade\r\nUpgrade: h2c\r\n"),
            accepted(1, closes: true)),
        Row("CONNECT", head("CONNECT relay:443"), bare("404 Not Found", closes: true)),
        Row("a length over the limit", head("POST /hook", "Content-Length: 1001"), tooLarge),
        Row("an immense length", head("POST /hook", "Content-Length: 18446744073709551615"), tooLarge),
        Row(
            "chunks over the limit",
            head("POST /hook", "Transfer-Encoding: chunked")
                + "3e8\r\n\(String(repeating: "a", count: 1000))\r\n1\r\nb",
            tooLarge),
        Row("a length over the limit with Expect", expecting(length: 1001), tooLarge),
        Row("Expect elsewhere", expecting(path: "/other", length: 2), bare("404 Not Found", closes: true)),
        Row(
            "a large body elsewhere", head("POST /other", "Content-Length: 262145"), bare("404 Not Found", closes: true)
        ),
        Row("header bytes", head("GET /healthz", "A: " + String(repeating: "a", count: 16_384)), headerTooLarge),
        Row("a long target", head("GET /" + String(repeating: "a", count: 16_384)), headerTooLarge),
        Row("header count", head("GET /healthz", String(repeating: "A: b\r\n", count: 100) + "A: b"), headerTooLarge),
        Row(
            "trailer count",
            head("POST /hook", "Transfer-Encoding: chunked") + "0\r\n" + String(repeating: "A: b\r\n", count: 100),
            headerTooLarge),
    ]
    static let tooLarge = bare("413 Content Too Large", closes: true)
    static let headerTooLarge = bare("431 Request Header Fields Too Large", closes: true)

    static func expecting(path: String = "/hook", length: Int) -> String {
        head("POST \(path)", "Expect: 100-continue", "Content-Length: \(length)")
    }

    @Test(arguments: malformed + last)
    func answersAndCloses(_ row: Row) throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        #expect(try conversation.send(row.sent) == row.answered)
        #expect(try conversation.isOver())
    }

    @Test(arguments: malformed)
    func answersTheSameByteByByte(_ row: Row) throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        var answered = ""
        for byte in row.sent.unicodeScalars { answered += (try? conversation.send(String(byte))) ?? "" }
        #expect(answered == row.answered)
    }

    @Test func takesWhatIsExactlyAtTheLimits() throws {
        let store = StoreDouble()
        let conversation = try Conversation(makeIntake(store))
        let body = String(repeating: "a", count: 1000)
        let fields = String(repeating: "A: b\r\n", count: 97)
        #expect(try conversation.send(post(body, extra: fields)) == accepted(1))
        #expect(store.bodies == [body])
    }

    @Test func takesChunksExtensionsAndTrailers() throws {
        let store = StoreDouble()
        let conversation = try Conversation(makeIntake(store))
        let chunks = "3;a=b\r\n{\"a\r\n5\r\n\": 1}\r\n0\r\nX-Gruveo-SHA256-HMAC: x\r\n\r\n"
        let request = head(
            "POST /hook", "X-Gruveo-SHA256-HMAC: \(signature(of: "{\"a\": 1}"))", "Transfer-Encoding: chunked")
        #expect(try conversation.send(request + chunks) == accepted(1))
        #expect(store.bodies == ["{\"a\": 1}"])
    }

    @Test func takesARequestByteByByteAndStampsIt() throws {
        let store = StoreDouble()
        let conversation = try Conversation(makeIntake(store))
        var answered = ""
        for byte in post("{ \"a\" : 1e400 }") { answered += try conversation.send(String(byte)) }
        #expect(answered == accepted(1))
        #expect(store.bodies == ["{ \"a\" : 1e400 }"])
        #expect(store.receiveTimes == [Timestamp(milliseconds: 42)])
    }

    @Test func asksForTheBodyOfAnExpectation() throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        let parts = post("{}", extra: "Expect: 100-Continue\r\n").split(separator: "\r\n\r\n")
        #expect(try conversation.send(parts[0] + "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
        #expect(try conversation.send(String(parts[1])) == accepted(1))
        #expect(try conversation.send(post("", extra: "Expect: 100-continue\r\n")) == accepted(2))
    }

    @Test(arguments: [(StoreError.Kind.closed, 2), (.full, 10), (.backlog, 10), (.failed, 10)])
    func tellsWhenToTryAgain(kind: StoreError.Kind, seconds: Int) throws {
        let conversation = try Conversation(makeIntake(StoreDouble(.fails(kind))))
        #expect(try conversation.send(post("{}")) == bare("503 Service Unavailable", "retry-after: \(seconds)"))
        #expect(try conversation.send(head("GET /healthz")) == bare("200 OK"))
    }

    @Test func drainsAnUnwantedBodyOfChunksUpToTheLimit() throws {
        let conversation = try Conversation(makeIntake(StoreDouble()))
        let chunk = "10000\r\n\(String(repeating: "a", count: 65_536))\r\n"
        #expect(try conversation.send(head("POST /other", "Transfer-Encoding: chunked")).isEmpty)
        for _ in 0..<4 { #expect(try conversation.send(chunk).isEmpty) }
        #expect(try conversation.send("1\r\na\r\n") == bare("404 Not Found", closes: true))
        #expect(try conversation.isOver())
    }
}
