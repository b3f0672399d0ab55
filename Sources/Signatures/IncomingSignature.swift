/// The value of Gruveo's signature header, `X-Gruveo-SHA256-HMAC`.
///
/// Gruveo's documentation does not say how the 32 bytes are written, so both usual ways are read.
package enum IncomingSignature {
    /// The name of the header.
    package static let headerName = "X-Gruveo-SHA256-HMAC"

    /// The 32 bytes that the header's value writes: as 64 hex digits of either case, or as base64 in either alphabet,
    /// padded or not. Nil for anything else, also with white space or a prefix such as `sha256=`.
    package static func decode(_ value: String) -> [UInt8]? {
        decode(value.utf8.span)
    }

    /// The 32 bytes that the header's value writes; nil for anything else.
    package static func decode(_ value: [UInt8]) -> [UInt8]? {
        decode(value.span)
    }

    private static func decode(_ value: Span<UInt8>) -> [UInt8]? {
        // The lengths decide: 32 bytes take 64 hex digits, or 43 of base64 and one sign of padding.
        switch value.count {
        case 64: Hex.decode(value)
        case 43, 44: Base64.decode(value).flatMap { $0.count == HMACKey.byteCount ? $0 : nil }
        default: nil
        }
    }
}
