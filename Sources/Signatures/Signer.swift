/// Signs what is sent to one destination.
package struct Signer: Sendable {
    /// How it signs.
    package let scheme: SigningScheme

    private let method: Method

    private enum Method {
        case body(HMACKey, header: String, prefix: String, encoding: SignatureEncoding)
        case standardWebhooks([SigningKey])
        case slack(HMACKey)
    }

    /// A signer with one key, or with several where the scheme is Standard Webhooks: the new one first, the old one
    /// until every receiver knows the new one. Slack's header has room for one signature: the first key signs.
    ///
    /// Keys of Standard Webhooks are texts (see `SigningKey`) or the bytes themselves; both kinds may stand together.
    /// - Throws: the first fault of the scheme, or those of all keys.
    package init(scheme: SigningScheme, secrets: [Secret]) throws(SigningError) {
        try scheme.validate(keyCount: secrets.count)
        self.scheme = scheme
        if let layout = scheme.bodySignature {
            let keys = try Self.keys(secrets, Self.bodyKey)
            // Exactly one, as `validate` has seen.
            method = .body(keys[0], header: layout.header, prefix: layout.prefix, encoding: layout.encoding)
        } else if scheme == .slack {
            // At least one, as `validate` has seen.
            method = .slack(try Self.keys(secrets, Self.bodyKey)[0])
        } else {
            method = .standardWebhooks(
                try Self.keys(secrets) { secret throws(KeyFault) in try SigningKey(standardWebhooks: secret) })
        }
    }

    /// A signer of Standard Webhooks with keys that were read already.
    package init(standardWebhooks keys: [SigningKey]) {
        scheme = .standardWebhooks
        method = .standardWebhooks(keys)
    }

    /// The signature headers of one attempt. `webhook-id` is not among them: every request has it, signed or not.
    package func headers(id: String, timestampSeconds: Int64, body: [UInt8]) -> [(name: String, value: String)] {
        switch method {
        case .body(let key, let header, let prefix, let encoding):
            return [(header, prefix + encoding.encode(key.authenticate(body)))]
        case .standardWebhooks(let keys):
            let head = StandardWebhooks.head(id: id, timestampSeconds: timestampSeconds)
            return headers(timestampSeconds, keys.map { $0.signature(head, body) }.joined(separator: " "))
        case .slack(let key):
            let code = key.authenticate(Array("v0:\(timestampSeconds):".utf8), body)
            return headers(timestampSeconds, "v0=" + Hex.encode(code))
        }
    }

    private func headers(_ timestampSeconds: Int64, _ signature: String) -> [(name: String, value: String)] {
        Array(zip(scheme.headerNames, [String(timestampSeconds), signature]))
    }

    /// A key whose receiver would have to know a private key, or whose secret is public, is a mistake.
    private static func bodyKey(_ secret: Secret) throws(KeyFault) -> HMACKey {
        for mark in [KeyMark.ed25519Private, .ed25519Public] where secret.bytes.starts(with: mark.rawValue.utf8) {
            throw .onlyStandardWebhooks
        }
        return try HMACKey(longEnough: secret)
    }

    private static func keys<Key>(
        _ secrets: [Secret], _ make: (Secret) throws(KeyFault) -> Key
    ) throws(SigningError) -> [Key] {
        var keys: [Key] = []
        var faults: [SigningError.BadKey] = []
        for (index, secret) in secrets.enumerated() {
            do throws(KeyFault) { keys.append(try make(secret)) } catch { faults.append(.init(index, error)) }
        }
        guard faults.isEmpty else { throw .badKeys(faults) }
        return keys
    }
}
