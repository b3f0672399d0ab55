internal import CCurl
internal import Glibc
internal import Relay

/// Thrown only between the parts of this module; whoever sends gets it as a value.
extension TransferFailure: Error {}

extension TransferFailure {
    /// What a result code of libcurl means when no complete headers came.
    ///
    /// `CURLE_COULDNT_RESOLVE_HOST` is `dns` here; whether the name exists at all is for `NameLookup` to find out.
    /// - Parameters:
    ///   - text: what libcurl wrote into its error buffer; may be empty.
    ///   - systemError: errno of the socket, 0 for none.
    ///   - alert: with which the server ended the connection over TLS. One that refuses us is the reason, whatever
    ///     broke by it first: a text of libcurl's is about that.
    static func classify(code: CURLcode, text: String, systemError: Int32, alert: TLSAlert? = nil) -> TransferFailure {
        if let alert, let refusal = alert.refusal {
            return TransferFailure(.tls, "the server refuses the connection by TLS alert \(alert.number), \(refusal)")
        }
        let words =
            code == CURLE_OK
            ? "the answer ended within its headers"
            : text.isEmpty ? String(cString: curl_easy_strerror(code)) : printable(text)
        return TransferFailure(kind(code: code, text: text, systemError: systemError), words)
    }

    static func kind(code: CURLcode, text: String, systemError: Int32) -> Kind {
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST: .dns
        case CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED, CURLE_NO_CONNECTION_AVAILABLE: .connect
        // The words of libcurl's multi_handle_timeout: a transfer that waits for a name has no other mark.
        case CURLE_OPERATION_TIMEDOUT: text.hasPrefix("Resolving timed out") ? .dns : .timeout
        // An answer without a status line is HTTP/0.9 to libcurl, which it calls an unsupported protocol.
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING: .notHTTP
        case CURLE_RECV_ERROR: text.hasPrefix("Too large response headers") ? .notHTTP : .reset
        // A peer that goes away during the handshake has refused nothing.
        case CURLE_SSL_CONNECT_ERROR: isHangUp(text: text, systemError: systemError) ? .reset : .tls
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED, CURLE_SSL_ENGINE_INITFAILED, CURLE_USE_SSL_FAILED,
            CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_CLIENTCERT:
            .tls
        case CURLE_URL_MALFORMAT, CURLE_BAD_FUNCTION_ARGUMENT, CURLE_UNKNOWN_OPTION, CURLE_NOT_BUILT_IN,
            CURLE_LOGIN_DENIED:
            .setup
        default: .reset
        }
    }

    private static func isHangUp(text: String, systemError: Int32) -> Bool {
        systemError == ECONNRESET || systemError == EPIPE || text.contains("SSL_ERROR_SYSCALL")
            || text.contains("Connection reset by peer") || text.contains("Broken pipe")
            || text.contains("unexpected eof")
    }

    /// The texts may repeat what a stranger's server sent: no control character of it reaches a terminal.
    private static func printable(_ text: String) -> String {
        String(
            String.UnicodeScalarView(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : $0 }))
    }
}
