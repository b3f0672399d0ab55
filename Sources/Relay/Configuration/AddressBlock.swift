/// A block of IP addresses in CIDR form (RFC 4632, RFC 4291 section 2.3).
package struct AddressBlock: Sendable, Hashable {
    /// 4 bytes for IPv4, 16 for IPv6.
    package let address: [UInt8]
    package let prefixLength: Int

    package init(address: [UInt8], prefixLength: Int) {
        self.address = address
        self.prefixLength = prefixLength
    }

    /// Whether the address, 4 or 16 bytes, is in the block; families never mix.
    package func contains(_ other: [UInt8]) -> Bool {
        guard other.count == address.count else { return false }
        for index in 0..<(prefixLength + 7) / 8 {
            let bits = min(8, prefixLength - 8 * index)
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            if address[index] & mask != other[index] & mask { return false }
        }
        return true
    }
}
