import Signatures

/// The stable name of an event: the first 128 bits of a SHA-256, written `evt_` and 32 hex digits.
package struct EventID: Sendable, Hashable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The id of these bytes from this source: SHA-256(source name, NUL, body).
    package init(source: String, body: [UInt8]) {
        self.init(digest: SHA256.digest(of: Array(source.utf8) + [0], body))
    }

    /// The id of a repeat that counts as an event of its own: the receive time and a counter are hashed too.
    package init(repeatOf body: [UInt8], source: String, receivedAt: Timestamp, counter: Int) {
        let suffix = "\(receivedAt.milliseconds).\(counter)"
        self.init(digest: SHA256.digest(of: Array(source.utf8) + [0], body, [0] + Array(suffix.utf8)))
    }

    /// Reads `evt_` and 32 lower-case hex digits; nil for anything else.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count == 36, bytes.starts(with: Array("evt_".utf8)) else { return nil }
        guard let digits = Hex.decode(bytes[4...]), bytes[4...].allSatisfy({ !(0x41...0x5A).contains($0) }) else {
            return nil
        }
        self.init(digest: digits)
    }

    /// From the first 16 bytes of `digest`.
    package init(digest: [UInt8]) {
        high = digest[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = digest[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// The 16 bytes, most significant first.
    package var bytes: [UInt8] {
        (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> UInt64(56 - 8 * ($0 % 8))) }
    }

    package var description: String { "evt_" + Hex.encode(bytes) }
}
