/// Which addresses a request may go to; asked of the resolved address, never of a URL's text.
///
/// The lists follow the IANA registries of special-purpose addresses; what a public webhook never needs is closed.
package enum AddressPolicy {
    package enum Verdict: Sendable, Equatable {
        case permitted
        /// A private network which the destination has not opened with `allowPrivate`.
        case closedPrivate
        /// No setting opens it.
        case denied
    }

    /// Whether a destination with these open private networks may be sent to at this address (4 or 16 bytes).
    package static func permits(_ address: [UInt8], allowPrivate: [AddressBlock]) -> Bool {
        verdict(address, allowPrivate: allowPrivate) == .permitted
    }

    package static func verdict(_ address: [UInt8], allowPrivate: [AddressBlock]) -> Verdict {
        switch address.count {
        case 4: verdictIPv4(address, allowPrivate)
        case 16: verdictIPv6(address, allowPrivate)
        default: .denied
        }
    }

    /// Says in plain words why the address is refused and what line in the routes file would allow it.
    package static func refusal(of address: [UInt8]) -> String {
        let unmapped = unmapped(address)
        let text = AddressText.format(unmapped)
        guard verdict(unmapped, allowPrivate: []) == .closedPrivate else {
            return "the address \(text) is never sent to"
        }
        let line = "\"allowPrivate\": [\"\(AddressBlock(address: unmapped, prefixLength: 8 * unmapped.count))\"]"
        return "the address \(text) is private; to allow it add \(line) to the destination"
    }

    private static func verdictIPv4(_ address: [UInt8], _ allowPrivate: [AddressBlock]) -> Verdict {
        if alwaysDenied.contains(where: { $0.contains(address) }) { return .denied }
        guard privateNetworks.contains(where: { $0.contains(address) }) else { return .permitted }
        return isOpen(address, in: allowPrivate) ? .permitted : .closedPrivate
    }

    private static func verdictIPv6(_ address: [UInt8], _ allowPrivate: [AddressBlock]) -> Verdict {
        if AddressBlock.mappedIPv4.contains(address) { return verdictIPv4(unmapped(address), allowPrivate) }
        if alwaysDenied.contains(where: { $0.contains(address) }) { return .denied }
        if privateNetworks.contains(where: { $0.contains(address) }) {
            return isOpen(address, in: allowPrivate) ? .permitted : .closedPrivate
        }
        // A translator would carry these to the IPv4 address within; `allowPrivate` names networks, not translators.
        guard endsInIPv4.contains(where: { $0.contains(address) }) else { return .permitted }
        return verdictIPv4(Array(address[12...]), []) == .permitted ? .permitted : .denied
    }

    /// Whether a block covers the address; `::ffff:10.0.0.0/104` is read as `10.0.0.0/8`.
    private static func isOpen(_ address: [UInt8], in blocks: [AddressBlock]) -> Bool {
        blocks.contains { block in
            guard block.address.count == 16, block.prefixLength >= 96, AddressBlock.mappedIPv4.contains(block.address)
            else { return block.contains(address) }
            return AddressBlock(address: unmapped(block.address), prefixLength: block.prefixLength - 96)
                .contains(address)
        }
    }

    private static func unmapped(_ address: [UInt8]) -> [UInt8] {
        AddressBlock.mappedIPv4.contains(address) ? Array(address[12...]) : address
    }

    private static let endsInIPv4 = blocks("::/96", "64:ff9b::/96")

    /// `fd00:ec2::254` is the metadata service of Amazon EC2, within an otherwise private network. Where the IPv4
    /// address stands in `64:ff9b:1::/48` is up to each network (RFC 8215), so that all of it is closed. Teredo, within
    /// `2001::/23`, and 6to4, `2002::/16`, would carry a request to an IPv4 address that stands in them; nobody offers
    /// a webhook there.
    private static let alwaysDenied = blocks(
        "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16",
        "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::254/128")

    static let privateNetworks = blocks(
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7")

    private static func blocks(_ texts: String...) -> [AddressBlock] { texts.compactMap(AddressBlock.parse) }
}
