internal import CCurl
internal import Glibc
package import Relay

/// Requests of the command line, which has one thing to do and waits for it.
///
/// No address policy applies: a person typed where to, or it is our own socket.
extension CurlSender {
    /// The longest answer that the command line reads.
    private static let answerLimit = 64 * 1024 * 1024

    /// Asks the relay's admin socket and blocks until the answer is here.
    /// - Parameters:
    ///   - path: of the unix socket.
    ///   - target: path and query, beginning with a slash.
    package static func requestUnixSocket(
        path: String, method: String, target: String, headers: [OutgoingRequest.Header] = [], body: [UInt8] = [],
        timeoutMilliseconds: Int
    ) -> AttemptResult.Ending {
        guard target.utf8.first == UInt8(ascii: "/"), !path.utf8.contains(0) else {
            return .failure(TransferFailure(.setup, "the target is no path, or the socket's name has a NUL"))
        }
        let request = OutgoingRequest(
            method: method, url: "http://localhost\(target)", headers: headers, body: body,
            options: options(timeoutMilliseconds: timeoutMilliseconds))
        return perform(request) { easy in relay_curl_set_unix_socket_path(easy, path) }
    }

    /// Posts to a URL and blocks until the answer is here.
    package static func post(
        url: String, headers: [OutgoingRequest.Header], body: [UInt8], timeoutMilliseconds: Int = 15_000
    ) -> AttemptResult.Ending {
        let request = OutgoingRequest(
            method: "POST", url: url, headers: headers, body: body,
            options: options(timeoutMilliseconds: timeoutMilliseconds))
        return perform(request) { _ in CURLE_OK }
    }

    private static func options(timeoutMilliseconds: Int) -> TransferOptions {
        var options = TransferOptions()
        options.timeoutMilliseconds = timeoutMilliseconds
        return options
    }

    private static func perform(
        _ request: OutgoingRequest, setUp: (UnsafeMutableRawPointer) -> CURLcode
    ) -> AttemptResult.Ending {
        guard
            let transfer = Transfer.make(userAgent: "gruveo-relay", bodyLimit: answerLimit, isPoliced: false)
        else { return .failure(TransferFailure(.connect, "no memory")) }
        defer { transfer.destroy() }
        do {
            try transfer.prepare(request)
        } catch {
            return .failure(error)
        }
        guard setUp(transfer.easy) == CURLE_OK else {
            return .failure(TransferFailure(.setup, "libcurl does not take the socket's name"))
        }
        // This thread may take signals: libcurl has to keep SIGPIPE from ending the process.
        relay_curl_set_no_signal(transfer.easy, 0)
        let code = curl_easy_perform(transfer.easy)
        let ending = transfer.ending(code)
        guard code == CURLE_COULDNT_RESOLVE_HOST, case .failure = ending else { return ending }
        return .failure(NameLookup.failure(host: transfer.host, code: NameLookup.lookUp(transfer.host)))
    }
}
