/// Signs what is sent to one destination.
package struct Signer: Sendable {
    /// How it signs.
    package let scheme: SigningScheme

    private let keys: [HMACKey]

    /// A signer with one key, or with several where the scheme is Standard Webhooks: the new one first, the old one
    /// until every receiver knows the new one.
    ///
    /// Keys of Standard Webhooks are `whsec_` and base64, or the bytes themselves.
    /// - Throws: the first fault of scheme or keys.
    package init(scheme: SigningScheme, secrets: [Secret]) throws(SigningError) {
        try scheme.validate(keyCount: secrets.count)
        var keys: [HMACKey] = []
        for (index, secret) in secrets.enumerated() {
            let secret = scheme == .standardWebhooks ? try Self.unwrapped(secret, index: index) : secret
            guard secret.count >= Secret.minimumCount else {
                throw .keyTooShort(key: index, count: secret.count)
            }
            keys.append(HMACKey(secret))
        }
        self.scheme = scheme
        self.keys = keys
    }

    /// The signature headers of one attempt. `webhook-id` is not among them: every request has it, signed or not.
    package func headers(id: String, timestampSeconds: Int64, body: [UInt8]) -> [(name: String, value: String)] {
        guard let layout = scheme.bodySignature else {
            return standardWebhooks(id: id, timestamp: String(timestampSeconds), body: body)
        }
        return keys.map { (layout.header, layout.prefix + layout.encoding.encode($0.authenticate(body))) }
    }

    private func standardWebhooks(id: String, timestamp: String, body: [UInt8]) -> [(name: String, value: String)] {
        let head = Array("\(id).\(timestamp).".utf8)
        let signatures = keys.map { "v1," + Base64.encode($0.authenticate(head, body)) }
        return [
            (SigningScheme.timestampHeader, timestamp),
            (SigningScheme.signatureHeader, signatures.joined(separator: " ")),
        ]
    }

    private static func unwrapped(_ secret: Secret, index: Int) throws(SigningError) -> Secret {
        let mark = Array("whsec_".utf8)
        guard secret.bytes.starts(with: mark) else { return secret }
        guard let key = Base64.decode(secret.bytes[mark.count...]) else { throw .keyNotBase64(key: index) }
        return Secret(key)
    }
}
