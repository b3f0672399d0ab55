import Glibc
import Relay
import Testing

@testable import CurlSender

struct TLSTests {
    /// Runs the body with `openssl s_server` behind a certificate of its own for localhost.
    private func withTLSServer(
        _ options: [String] = [], _ body: (_ url: String, _ caFile: String) async throws -> Void
    ) async throws {
        let prefix = "/tmp/relay-tls-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        let (key, certificate) = (prefix + "-key.pem", prefix + "-certificate.pem")
        defer { for path in [key, certificate] { unlink(path) } }
        let maker = try OpenSSL([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj",
            "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
        ])
        maker.wait()
        let server = try OpenSSL(
            ["s_server", "-accept", "127.0.0.1:0", "-key", key, "-cert", certificate, "-www"] + options)
        defer { server.stop() }
        try await body("https://localhost:\(try #require(server.port()))/hook", certificate)
    }

    @Test func anUnknownCertificateIsRefusedAndAKnownOneAccepted() async throws {
        try await withTLSServer { url, caFile in
            try await withSender { sender in
                #expect(await sender.failure(of: request(url, method: "GET", body: []))?.kind == .tls)
                #expect(await sender.response(to: request(url, method: "GET", body: [], caFile: caFile))?.status == 200)
                // A trust that was given for one request is not kept for the next.
                #expect(await sender.failure(of: request(url, method: "GET", body: []))?.kind == .tls)
            }
        }
    }

    @Test func theNameInTheCertificateMustBeTheHosts() async throws {
        try await withTLSServer { url, caFile in
            let other = "https://127.0.0.1" + url.dropFirst("https://localhost".count)
            try await withSender { sender in
                #expect(await sender.failure(of: request(other, method: "GET", body: [], caFile: caFile))?.kind == .tls)
            }
        }
    }

    @Test func oldVersionsOfTLSAreRefused() async throws {
        try await withTLSServer(["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]) { url, caFile in
            try await withSender { sender in
                #expect(await sender.failure(of: request(url, method: "GET", body: [], caFile: caFile))?.kind == .tls)
            }
        }
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func aServerThatDemandsACertificateRefusesUs(version: String) async throws {
        try await withTLSServer([version, "-Verify", "1"]) { url, caFile in
            try await withSender { sender in
                // Whether the alert or the broken connection is met first is a race: the large body loses it often.
                for body in [[], [UInt8](repeating: 0x78, count: 300_000), [0x78]] {
                    let failure = await sender.failure(of: request(url, body: body, caFile: caFile))
                    #expect(failure?.kind == .tls, "\(String(describing: failure))")
                    #expect(failure?.text.contains("TLS alert") == true, "\(String(describing: failure))")
                }
            }
        }
    }

    @Test func aCertificateFileThatIsMissing() async throws {
        try await withTLSServer { url, _ in
            try await withSender { sender in
                #expect(await sender.failure(of: request(url, caFile: "/nonexistent.pem"))?.kind == .tls)
            }
        }
    }

    @Test func aPeerThatHangsUpInTheHandshakeHasRefusedNothing() async throws {
        let server = TestServer { connection in
            var byte: UInt8 = 0
            recv(connection.descriptor, &byte, 1, 0)
            connection.end()
        }
        try await withServer(server) { server, sender in
            let url = "https://127.0.0.1:\(server.port)/"
            let failure = await sender.failure(of: request(url, timeoutMilliseconds: 30_000))
            #expect(failure?.kind == .reset, "\(String(describing: failure))")
        }
    }

    @Test func plainHTTPOnTheTLSPortIsATLSFailure() async throws {
        try await withServer(.answering(plainAnswer)) { server, sender in
            let url = "https://127.0.0.1:\(server.port)/"
            let failure = await sender.failure(of: request(url, timeoutMilliseconds: 500))
            #expect(failure?.kind == .timeout || failure?.kind == .tls)
        }
    }
}

/// The command-line tool, started with these arguments.
private struct OpenSSL {
    private let process: pid_t
    private let output: Int32

    struct CannotStart: Error {}

    init(_ arguments: [String]) throws {
        // SOCK_STREAM with SOCK_CLOEXEC: a server that another test starts meanwhile must not hold it open.
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, 1 | 0x80000, 0, &ends) == 0 else { throw CannotStart() }
        output = ends[0]
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            close(ends[1])
        }
        var identifier = pid_t()
        let words = (["openssl"] + arguments).map { strdup($0) }
        defer { for word in words { free(word) } }
        guard posix_spawnp(&identifier, "openssl", &actions, nil, words + [nil], environ) == 0 else {
            close(output)
            throw CannotStart()
        }
        process = identifier
    }

    func wait() {
        waitpid(process, nil, 0)
        close(output)
    }

    func stop() {
        kill(process, SIGKILL)
        wait()
    }

    /// s_server prints `ACCEPT 127.0.0.1:PORT` once it listens.
    func port() -> Int? {
        var text = ""
        var byte: UInt8 = 0
        while read(output, &byte, 1) == 1 {
            guard byte == UInt8(ascii: "\n") else {
                text.unicodeScalars.append(UnicodeScalar(byte))
                continue
            }
            if text.hasPrefix("ACCEPT ") { return text.split(separator: ":").last.flatMap { Int($0) } }
            text = ""
        }
        return nil
    }
}
