/// How a signature's bytes are written in a header.
package enum SignatureEncoding: String, Sendable {
    case hex
    case base64

    func encode(_ signature: [UInt8]) -> String {
        switch self {
        case .hex: Hex.encode(signature)
        case .base64: Base64.encode(signature)
        }
    }
}

/// A way of signing what is sent: which bytes, and in which headers the signature stands.
package enum SigningScheme: Sendable, Equatable {
    /// As Gruveo signs: the body, in hex.
    case gruveo
    /// Standard Webhooks 1.0.0: `id.timestamp.body`, with one signature for each key, of HMAC or Ed25519.
    case standardWebhooks
    /// As GitHub signs: the body, in hex after `sha256=`.
    case github
    /// As Slack signs: `v0:timestamp:body`, in hex after `v0=`
    /// (https://docs.slack.dev/authentication/verifying-requests-from-slack).
    case slack
    /// The body, in a header of any name after any prefix.
    case hmac(header: String, prefix: String, encoding: SignatureEncoding)

    /// The headers that a signer of this scheme sets; nothing else may set them.
    package var headerNames: [String] {
        if let timestampHeader { [timestampHeader, signatureHeader] } else { [signatureHeader] }
    }

    /// The header with the UNIX time in seconds, where that is signed.
    package var timestampHeader: String? {
        switch self {
        case .standardWebhooks: "webhook-timestamp"
        case .slack: "X-Slack-Request-Timestamp"
        case .gruveo, .github, .hmac: nil
        }
    }

    var signatureHeader: String {
        switch self {
        case .standardWebhooks: "webhook-signature"
        case .slack: "X-Slack-Signature"
        case .gruveo, .github, .hmac: bodySignature?.header ?? ""
        }
    }

    /// Where a scheme that signs the body alone puts its one signature; nil for those that sign the time, too.
    var bodySignature: (header: String, prefix: String, encoding: SignatureEncoding)? {
        switch self {
        case .gruveo: (IncomingSignature.headerName, "", .hex)
        case .standardWebhooks, .slack: nil
        case .github: ("X-Hub-Signature-256", "sha256=", .hex)
        case .hmac(let header, let prefix, let encoding): (header, prefix, encoding)
        }
    }

    /// Refuses what can be seen without the keys themselves: their number, and a header that may not be sent.
    package func validate(keyCount: Int) throws(SigningError) {
        guard keyCount > 0 else { throw .noKey }
        guard let layout = bodySignature else { return }
        guard keyCount == 1 else { throw .severalKeys }
        guard HeaderText.isToken(layout.header) else { throw .badHeaderName }
        guard !HeaderText.isReserved(layout.header) else { throw .reservedHeaderName }
        guard HeaderText.isValue(layout.prefix) else { throw .badPrefix }
    }
}

/// Why nothing can be signed with these settings.
package enum SigningError: Error, Equatable {
    case noKey
    /// One signature, and no use for another key.
    case severalKeys
    /// These keys cannot be used.
    case badKeys([BadKey])
    /// The header's name is not a token of HTTP.
    case badHeaderName
    /// The header belongs to the transfer itself: Host, Content-Length, Transfer-Encoding or Connection.
    case reservedHeaderName
    /// The prefix holds something other than visible ASCII, spaces and tabs.
    case badPrefix

    /// A key by its place, counted from 0, and what is wrong with it.
    package struct BadKey: Equatable, Sendable {
        package let index: Int
        package let fault: KeyFault

        package init(_ index: Int, _ fault: KeyFault) {
            self.index = index
            self.fault = fault
        }
    }
}

/// The grammar of header fields (RFC 9110, section 5), looked at byte by byte: to Swift CR LF is one Character.
package enum HeaderText {
    private static let tokenMarks = Array("!#$%&'*+-.^_`|~".utf8)
    private static let reserved: Set = ["host", "content-length", "transfer-encoding", "connection"]

    /// Whether the text is a token (RFC 9110 section 5.6.2), which a header's name must be.
    package static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: tokenMarks.contains(byte)
                }
            }
    }

    static func isReserved(_ name: String) -> Bool {
        reserved.contains(name.lowercased())
    }

    static func isValue(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x20...0x7E).contains($0) || $0 == 0x09 }
    }
}
