internal import CCurl
internal import Relay

/// How libcurl is told of a method: as a GET or a POST, with another name where it is neither.
struct RequestForm: Equatable {
    /// Whether a Content-Length is sent, be it 0.
    let hasBody: Bool
    /// The name to write instead of GET or POST.
    let customMethod: String?

    static let methods = ["POST", "PUT", "PATCH", "GET", "DELETE"]

    /// - Returns: nil for a method that we do not send.
    init?(method: String, hasBody: Bool) {
        switch method {
        case "POST":
            self.hasBody = true
            customMethod = nil
        case "PUT", "PATCH":
            self.hasBody = true
            customMethod = method
        case "GET":
            self.hasBody = hasBody
            customMethod = hasBody ? method : nil
        case "DELETE":
            self.hasBody = hasBody
            customMethod = method
        default: return nil
        }
    }
}

/// Reads URLs with libcurl's own parser, so that who checks and who sends agree.
enum RequestURL {
    /// The host of a URL that may be sent to.
    /// - Throws: a `setup` failure for control characters, user information, or any scheme but http and https. Its
    ///   text does not repeat the URL, which may be a secret.
    static func host(of url: String) throws(TransferFailure) -> String {
        // A C string would end at a NUL; bytes are looked at since CR LF is one Character.
        guard url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw TransferFailure(.setup, "the URL has a space or a control character")
        }
        guard let handle = curl_url() else { throw TransferFailure(.setup, "no memory for the URL") }
        defer { curl_url_cleanup(handle) }
        switch curl_url_set(handle, CURLUPART_URL, url, UInt32(CURLU_DISALLOW_USER)) {
        case CURLUE_OK: break
        case CURLUE_USER_NOT_ALLOWED: throw TransferFailure(.setup, "the URL has a user name or a password")
        case let code:
            throw TransferFailure(.setup, "the URL is malformed: \(String(cString: curl_url_strerror(code)))")
        }
        guard let scheme = part(CURLUPART_SCHEME, of: handle), ["http", "https"].contains(scheme) else {
            throw TransferFailure(.setup, "the URL is neither http nor https")
        }
        guard let host = part(CURLUPART_HOST, of: handle), !host.isEmpty else {
            throw TransferFailure(.setup, "the URL has no host")
        }
        return host
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, 0) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
