/// An IP address as a number, with its family.
struct NumericAddress: Sendable, Equatable {
    let isIPv6: Bool
    let value: UInt128

    /// Reads four decimal octets or the text forms of RFC 4291 section 2.2; no zones, no shortened IPv4.
    init?(_ text: Span<UInt8>) {
        if let value = NumericAddress.quad(text) {
            (isIPv6, self.value) = (false, UInt128(value))
        } else if let value = NumericAddress.groups(text) {
            (isIPv6, self.value) = (true, value)
        } else {
            return nil
        }
    }

    private static func quad(_ text: Span<UInt8>) -> UInt32? {
        var value: UInt32 = 0
        var octet: UInt32 = 0
        var digits = 0
        var dots = 0
        guard text.count <= 15 else { return nil }
        for index in text.indices {
            if text[index] == UInt8(ascii: ".") {
                guard digits > 0, dots < 3 else { return nil }
                value = value << 8 | octet
                (octet, digits, dots) = (0, 0, dots + 1)
            } else {
                guard text[index] &- UInt8(ascii: "0") < 10, digits < 3 else { return nil }
                octet = octet * 10 + UInt32(text[index] - UInt8(ascii: "0"))
                digits += 1
                guard octet < 256 else { return nil }
            }
        }
        return digits > 0 && dots == 3 ? value << 8 | octet : nil
    }

    private static func groups(_ text: Span<UInt8>) -> UInt128? {
        guard (2...45).contains(text.count) else { return nil }
        var groups: [UInt16] = []
        var gap: Int?
        var start = 0
        while start < text.count {
            if start + 1 < text.count, text[start] == UInt8(ascii: ":"), text[start + 1] == UInt8(ascii: ":") {
                guard gap == nil else { return nil }
                gap = groups.count
                start += 2
                continue
            }
            if start > 0, text[start - 1] != UInt8(ascii: ":") {
                guard text[start] == UInt8(ascii: ":") else { return nil }
                start += 1
            }
            var end = start
            while end < text.count, text[end] != UInt8(ascii: ":") { end += 1 }
            guard append(text.extracting(start..<end), isLast: end == text.count, to: &groups) else { return nil }
            start = end
        }
        return joined(groups, gap: gap)
    }

    /// Adds one hexadecimal group, or the two groups of an IPv4 tail.
    private static func append(_ group: Span<UInt8>, isLast: Bool, to groups: inout [UInt16]) -> Bool {
        if isLast, let tail = quad(group) {
            groups.append(UInt16(truncatingIfNeeded: tail >> 16))
            groups.append(UInt16(truncatingIfNeeded: tail))
            return true
        }
        guard (1...4).contains(group.count) else { return false }
        var value: UInt16 = 0
        for index in group.indices {
            guard let digit = hexadecimal(group[index]) else { return false }
            value = value << 4 | digit
        }
        groups.append(value)
        return true
    }

    private static func hexadecimal(_ byte: UInt8) -> UInt16? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    private static func joined(_ groups: [UInt16], gap: Int?) -> UInt128? {
        var all = groups
        if let gap {
            guard groups.count < 8 else { return nil }
            all.insert(contentsOf: repeatElement(0, count: 8 - groups.count), at: gap)
        }
        guard all.count == 8 else { return nil }
        return all.reduce(0) { $0 << 16 | UInt128($1) }
    }
}

/// A block of addresses in CIDR form (RFC 4632); bits behind the prefix do not count.
struct AddressRange: Sendable, Hashable {
    let isIPv6: Bool
    private let network: UInt128
    private let freeBits: Int

    /// Why a text is not a block.
    enum Fault: Error {
        case noSlash
        case notAnAddress
        case prefixLength(longest: Int)
    }

    init(_ text: String) throws(Fault) {
        let bytes = Array(text.utf8)
        guard let slash = bytes.firstIndex(of: UInt8(ascii: "/")) else { throw .noSlash }
        guard let address = NumericAddress(bytes.span.extracting(..<slash)) else { throw .notAnAddress }
        let width = address.isIPv6 ? 128 : 32
        // EventBridge wants a block of at least two addresses; a single one is an exact value.
        let digits = bytes[(slash + 1)...]
        guard (1...3).contains(digits.count), digits.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }),
            let length = Int(String(decoding: digits, as: UTF8.self)), length < width
        else { throw .prefixLength(longest: width - 1) }
        isIPv6 = address.isIPv6
        freeBits = width - length
        network = address.value >> UInt128(freeBits)
    }

    func contains(_ text: Span<UInt8>) -> Bool {
        guard let address = NumericAddress(text), address.isIPv6 == isIPv6 else { return false }
        return address.value >> UInt128(freeBits) == network
    }
}
