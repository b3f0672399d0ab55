/// The start of an event id as a person types it: 8 to 32 hex digits in lower case, `evt_` before them or not.
package struct EventIDPrefix: Sendable {
    private let digits: [UInt8]

    /// Nil for anything else.
    package init?(_ text: String) {
        let bytes = Array(text.utf8.prefix(37))
        digits = bytes.starts(with: Array("evt_".utf8)) ? Array(bytes.dropFirst(4)) : bytes
        let areHex = digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        guard (8...32).contains(digits.count), areHex else { return nil }
    }

    package func fits(_ id: EventID) -> Bool { id.description.dropFirst(4).utf8.starts(with: digits) }

    /// The high halves of the ids that may fit. Both ends have the same highest bit.
    package var highs: ClosedRange<UInt64> {
        let known = digits.prefix(16)
        let start = known.reduce(0) { $0 << 4 | UInt64($1 < 0x3A ? $1 - 0x30 : $1 - 0x57) }
        let open = UInt64(4 * (16 - known.count))
        return (start << open)...(start << open | ((1 << open) - 1))
    }
}
