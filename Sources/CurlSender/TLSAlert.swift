internal import CCurl

/// A fatal alert of TLS that the server has sent, by its number.
///
/// Under TLS 1.3 a client is done with the handshake before the server has looked at its certificate. What the server
/// then says is an alert like any, but libcurl tells only of a connection that broke while it sent or received.
struct TLSAlert: Equatable {
    let number: UInt8

    init(_ number: UInt8) { self.number = number }

    /// - Parameter bytes: what libcurl's debug callback gets of TLS: headers of records, messages of the handshake and
    ///   alerts.
    /// - Returns: nil for all but a fatal alert. No message of the handshake and no header is as short as an alert.
    init?(kind: curl_infotype, bytes: UnsafeRawBufferPointer) {
        let fatal: UInt8 = 2
        guard kind == CURLINFO_SSL_DATA_IN, bytes.count == 2, bytes[0] == fatal else { return nil }
        number = bytes[1]
    }

    /// Whether these bytes are the message of the handshake by which a server asks for the client's certificate.
    static func isCertificateRequest(kind: curl_infotype, bytes: UnsafeRawBufferPointer) -> Bool {
        let certificateRequest: UInt8 = 13
        // A record's header has 5 bytes, and another first one.
        return kind == CURLINFO_SSL_DATA_IN && bytes.count > 5 && bytes[0] == certificateRequest
    }

    /// What the server refuses, in the words of RFC 8446 section 6.2; nil where the alert only says that something
    /// broke.
    var refusal: String? {
        switch number {
        case 40: "handshake failure"
        case 42: "bad certificate"
        case 43: "unsupported certificate"
        case 44: "certificate revoked"
        case 45: "certificate expired"
        case 46: "certificate unknown"
        case 48: "unknown CA"
        case 49: "access denied"
        case 51: "decrypt error"
        case 71: "insufficient security"
        case 116: "certificate required"
        default: nil
        }
    }
}
