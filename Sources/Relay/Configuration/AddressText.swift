/// IP addresses as text: reads exactly what inet_pton(3) reads, writes the form of RFC 5952.
package enum AddressText {
    /// The address in network order, 4 bytes for IPv4 and 16 for IPv6.
    /// - Returns: nil for every other spelling: octal, hexadecimal, short or with a zone.
    package static func parse(_ text: String) -> [UInt8]? { parse(text.utf8[...]) }

    static func parse(_ text: Substring.UTF8View) -> [UInt8]? {
        text.contains(UInt8(ascii: ":")) ? parseIPv6(text) : parseIPv4(text)
    }

    private static func parseIPv4(_ text: Substring.UTF8View) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bytes: [UInt8] = []
        for part in parts {
            guard let number = decimal(part, limit: 255) else { return nil }
            bytes.append(UInt8(number))
        }
        return bytes
    }

    /// Digits only, without a leading zero, at most `limit`.
    static func decimal(_ digits: Substring.UTF8View, limit: Int) -> Int? {
        guard (1...3).contains(digits.count), digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
        var number = 0
        for digit in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
        }
        return number <= limit ? number : nil
    }

    /// Eight groups; or fewer, with one `::` for the missing ones, of which there must be at least one.
    private static func parseIPv6(_ text: Substring.UTF8View) -> [UInt8]? {
        guard let gap = gapStart(in: text) else {
            guard let bytes = parseGroups(text), bytes.count == 16 else { return nil }
            return bytes
        }
        let afterGap = text.index(gap, offsetBy: 2)
        guard let head = parseGroups(text[..<gap], allowsIPv4: false), let tail = parseGroups(text[afterGap...]) else {
            return nil
        }
        let missing = 16 - head.count - tail.count
        return missing >= 2 ? head + [UInt8](repeating: 0, count: missing) + tail : nil
    }

    private static func gapStart(in text: Substring.UTF8View) -> String.Index? {
        text.indices.first { index in
            let next = text.index(after: index)
            return text[index] == UInt8(ascii: ":") && next < text.endIndex && text[next] == UInt8(ascii: ":")
        }
    }

    /// Groups of one to four hexadecimal digits between colons; the last may be an IPv4 address.
    private static func parseGroups(_ text: Substring.UTF8View, allowsIPv4: Bool = true) -> [UInt8]? {
        if text.isEmpty { return [] }
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if allowsIPv4, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let address = parseIPv4(part) else { return nil }
                bytes += address
            } else {
                guard let group = hexadecimal(part) else { return nil }
                bytes += [UInt8(group >> 8), UInt8(truncatingIfNeeded: group)]
            }
        }
        return bytes
    }

    private static func hexadecimal(_ digits: Substring.UTF8View) -> UInt16? {
        guard (1...4).contains(digits.count) else { return nil }
        var number: UInt16 = 0
        for digit in digits {
            guard let value = Character(UnicodeScalar(digit)).hexDigitValue else { return nil }
            number = number << 4 | UInt16(value)
        }
        return number
    }

    /// The address as people write it: `10.0.0.5`, `fd00::5`, `::ffff:10.0.0.5`; `?` unless it has 4 or 16 bytes.
    package static func format(_ address: [UInt8]) -> String {
        switch address.count {
        case 4: address.map { String($0) }.joined(separator: ".")
        case 16 where address.starts(with: AddressBlock.mappedIPv4.address.prefix(12)):
            "::ffff:" + format(Array(address[12...]))
        case 16: formatIPv6(address)
        default: "?"
        }
    }

    private static func formatIPv6(_ address: [UInt8]) -> String {
        let groups = (0..<8).map { UInt16(address[2 * $0]) << 8 | UInt16(address[2 * $0 + 1]) }
        let text = { (groups: ArraySlice<UInt16>) in groups.map { String($0, radix: 16) }.joined(separator: ":") }
        let gap = longestZeroRun(groups)
        return gap.count < 2
            ? text(groups[...]) : text(groups[..<gap.lowerBound]) + "::" + text(groups[gap.upperBound...])
    }

    /// The first of the longest runs of zero groups (RFC 5952 section 4.2.3).
    private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int> {
        var best = 0..<0
        var start = 0
        for index in groups.indices {
            if groups[index] != 0 {
                start = index + 1
            } else if index + 1 - start > best.count {
                best = start..<index + 1
            }
        }
        return best
    }
}

extension AddressBlock: CustomStringConvertible {
    /// IPv4 addresses within IPv6 (RFC 4291 section 2.5.5.2).
    static let mappedIPv4 = AddressBlock(
        address: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0], prefixLength: 96)

    /// Reads `10.0.0.0/8` or `fd00::/8`.
    /// - Returns: nil unless it is an address, a slash and a length, and all bits behind that length are zero:
    ///   `10.0.0.5/8` leaves open whether one address or sixteen million are meant.
    package static func parse(_ text: String) -> AddressBlock? {
        guard let slash = text.utf8.firstIndex(of: UInt8(ascii: "/")) else { return nil }
        guard let address = AddressText.parse(text.utf8[..<slash]),
            let length = AddressText.decimal(text.utf8[text.utf8.index(after: slash)...], limit: 8 * address.count),
            hasOnlyZeros(address, after: length)
        else { return nil }
        return AddressBlock(address: address, prefixLength: length)
    }

    private static func hasOnlyZeros(_ address: [UInt8], after length: Int) -> Bool {
        address.indices.allSatisfy { index in
            let bits = min(8, max(0, length - 8 * index))
            return address[index] & UInt8(truncatingIfNeeded: 0xFF >> bits) == 0
        }
    }

    package var description: String { "\(AddressText.format(address))/\(prefixLength)" }
}
