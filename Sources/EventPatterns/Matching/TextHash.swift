/// A running hash of bytes, so that each prefix of a text has its hash on the way (FNV-1a, RFC 9923).
///
/// It needs no secret: only rules put entries into the tables that use it, so an event can meet entries, never add any.
struct TextHash {
    private(set) var state: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func add(_ byte: UInt8) { state = (state ^ UInt64(byte)) &* 0x0000_0100_0000_01B3 }

    static func of(_ bytes: [UInt8]) -> UInt64 {
        var hash = TextHash()
        for byte in bytes { hash.add(byte) }
        return hash.state
    }
}
