/// Comparisons of UTF-8, byte by byte: `String`'s own would take "é" and "e" + U+0301 for the same.
extension Span<UInt8> {
    func equals(_ other: [UInt8]) -> Bool { count == other.count && has(other, at: 0) }

    func hasPrefix(_ prefix: [UInt8]) -> Bool { count >= prefix.count && has(prefix, at: 0) }

    func hasSuffix(_ suffix: [UInt8]) -> Bool { count >= suffix.count && has(suffix, at: count - suffix.count) }

    /// Whether `other`, which fits, stands at `start`.
    private func has(_ other: [UInt8], at start: Int) -> Bool {
        for index in other.indices where self[start + index] != other[index] { return false }
        return true
    }
}
