/// Reads the keys that say which network a destination may be in, and compares its URL with them.
enum NetworkRules {
    /// Whether `allowPrivate` can open it; all else is open or stays closed.
    static func isOpenable(_ block: AddressBlock) -> Bool {
        AddressPolicy.privateNetworks.contains { $0.prefixLength <= block.prefixLength && $0.contains(block.address) }
    }

    /// Why nothing would ever be sent to this host; nil where something may be. Names are judged when they resolve,
    /// except those that are loopback by definition (RFC 6761 section 6.3).
    static func refusal(of host: WebhookURL.Host, allowPrivate: [AddressBlock]) -> String? {
        switch host {
        case .address(let address):
            if AddressPolicy.permits(address, allowPrivate: allowPrivate) { return nil }
            return AddressPolicy.refusal(of: address)
        case .name(let name):
            guard isLoopback(name), !allowPrivate.contains(where: coversLoopback) else { return nil }
            return "localhost is a loopback address; to allow it add "
                + "\"allowPrivate\": [\"127.0.0.1/32\", \"::1/128\"] to the destination"
        }
    }

    private static func isLoopback(_ name: String) -> Bool {
        let name = name.hasSuffix(".") ? name.dropLast() : name[...]
        return name == "localhost" || name.hasSuffix(".localhost")
    }

    private static func coversLoopback(_ block: AddressBlock) -> Bool {
        block.contains([127, 0, 0, 1]) || block.contains([UInt8](repeating: 0, count: 15) + [1])
    }
}

extension Field {
    /// The networks of `allowPrivate`.
    func privateNetworks() -> [AddressBlock] {
        (elements("networks such as \"10.0.0.0/8\"") ?? []).compactMap { $0.privateNetwork() }
    }

    private func privateNetwork() -> AddressBlock? {
        guard let text = text("a network such as \"10.0.0.0/8\"") else { return nil }
        guard let block = AddressBlock.parse(text) else {
            error("\(Words.quoted(text)) is not a network: \(advice(for: text))")
            return nil
        }
        guard NetworkRules.isOpenable(block) else {
            error(
                "\(Words.quoted(text)) cannot be opened: only networks within 127.0.0.0/8, 10.0.0.0/8, 172.16.0.0/12, "
                    + "192.168.0.0/16, 100.64.0.0/10, ::1/128 and fc00::/7 can")
            return nil
        }
        return block
    }

    private func advice(for text: String) -> String {
        if let address = AddressText.parse(text) { return "write \"\(text)/\(8 * address.count)\"" }
        return "write an address, \"/\" and a length with no bits behind it, such as \"10.0.0.0/8\""
    }

    /// Reads `tls` into the options.
    /// - Returns: the files that it names.
    func tls(into options: inout TransferOptions) -> [TLSFileDeclaration] {
        guard var reader = object() else { return [] }
        defer { reader.finish() }
        let (authority, certificate) = (reader.optional("ca"), reader.optional("certificate"))
        let key = reader.optional("key")
        let files = [
            authority?.tlsFile(isSecret: false),
            // Without a key beside it, the certificate's file has to hold the key as well.
            certificate?.tlsFile(isSecret: key == nil),
            key?.tlsFile(isSecret: true),
        ]
        options.caFile = files[0]?.path
        options.certificateFile = files[1]?.path
        options.keyFile = files[2]?.path
        if options.certificateFile == nil { key?.error("a key needs its \"certificate\" beside it") }
        return files.compactMap(\.self)
    }

    private func tlsFile(isSecret: Bool) -> TLSFileDeclaration? {
        filePath().map { TLSFileDeclaration(path: $0, isSecret: isSecret, place: place) }
    }
}

/// A file of `tls`, which libcurl reads when it connects.
struct TLSFileDeclaration: Sendable {
    let path: String
    /// Whether it holds a private key.
    let isSecret: Bool
    let place: FilePlace
}
