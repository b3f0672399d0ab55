/// The letters by which Standard Webhooks tells its keys; base64 follows them.
///
/// Source: the table "Signature scheme" of `spec/standard-webhooks.md`, version 1.0.0, in
/// https://github.com/standard-webhooks/standard-webhooks.
package enum KeyMark: String {
    case hmac = "whsec_"
    case ed25519Private = "whsk_"
    case ed25519Public = "whpk_"

    /// A key as people hand it on.
    package func text(_ bytes: [UInt8]) -> String { rawValue + Base64.encode(bytes) }

    /// The bytes behind the letters; nil where the text has other letters.
    /// - Throws: `KeyFault.notBase64`.
    func bytes(of text: [UInt8]) throws(KeyFault) -> [UInt8]? {
        guard text.starts(with: rawValue.utf8) else { return nil }
        guard let bytes = Base64.decode(text[rawValue.utf8.count...]) else { throw .notBase64(self) }
        return bytes
    }
}

/// A key with which we sign.
package enum SigningKey: Sendable {
    case hmac(HMACKey)
    case ed25519(Ed25519PrivateKey)

    /// A key of Standard Webhooks: `whsec_` for HMAC, `whsk_` for Ed25519; any other text is itself a key of HMAC.
    package init(standardWebhooks secret: Secret) throws(KeyFault) {
        if secret.bytes.starts(with: KeyMark.ed25519Public.rawValue.utf8) { throw .publicKey }
        if let bytes = try KeyMark.ed25519Private.bytes(of: secret.bytes) {
            self = .ed25519(try Self.privateKey(bytes))
        } else {
            let bytes = try KeyMark.hmac.bytes(of: secret.bytes) ?? secret.bytes
            self = .hmac(try HMACKey(longEnough: Secret(bytes)))
        }
    }

    /// The specification says "standard ed25519 key pair" and no more, and both usual forms are about.
    ///
    /// 32 bytes are the private key alone: `NewKeyFromSeed` in the specification's own Go library
    /// (`libraries/go/webhook_asymmetric.go`). 64 bytes are private and public key: "whsk_${base64(private_key +
    /// public_key)}" in the README of Svix's server (https://github.com/svix/svix-webhooks), whose signature the
    /// specification shows as its example. `keygen` writes 64: they show a key that was not copied whole.
    private static func privateKey(_ bytes: [UInt8]) throws(KeyFault) -> Ed25519PrivateKey {
        let size = Ed25519PrivateKey.byteCount
        guard bytes.count == size || bytes.count == size + Ed25519PublicKey.byteCount else {
            throw .wrongLength(count: bytes.count)
        }
        guard let key = Ed25519PrivateKey(Secret(Array(bytes[..<size]))) else { throw .unsupported }
        guard bytes.count == size || ConstantTime.equal(Array(bytes[size...]), key.publicKey.bytes) else {
            throw .halvesDiffer
        }
        return key
    }

    /// The entry of `webhook-signature` for a message in two parts: `id.timestamp.` and the body.
    func signature(_ head: [UInt8], _ body: [UInt8]) -> String {
        switch self {
        case .hmac(let key): "v1," + Base64.encode(key.authenticate(head, body))
        case .ed25519(let key): "v1a," + Base64.encode(key.sign(head + body))
        }
    }
}

/// A key with which a receiver of Standard Webhooks verifies.
package enum VerifyingKey: Sendable {
    case hmac(HMACKey)
    case ed25519(Ed25519PublicKey)

    /// `whpk_` and a public key, or any key that signs.
    package init(standardWebhooks secret: Secret) throws(KeyFault) {
        if let bytes = try KeyMark.ed25519Public.bytes(of: secret.bytes) {
            guard bytes.count == Ed25519PublicKey.byteCount else { throw .wrongPublicLength(count: bytes.count) }
            guard let key = Ed25519PublicKey(bytes) else { throw .unsupported }
            self = .ed25519(key)
            return
        }
        switch try SigningKey(standardWebhooks: secret) {
        case .hmac(let key): self = .hmac(key)
        case .ed25519(let key): self = .ed25519(key.publicKey)
        }
    }

    /// Whether one of the signatures in a `webhook-signature` is this key's; those of other kinds are passed over.
    package func verifies(_ header: String, id: String, timestampSeconds: Int64, body: [UInt8]) -> Bool {
        let head = StandardWebhooks.head(id: id, timestampSeconds: timestampSeconds)
        return header.utf8.split(separator: UInt8(ascii: " ")).contains { entry in
            guard let comma = entry.firstIndex(of: UInt8(ascii: ",")),
                let signature = Base64.decode(Array(entry[comma...].dropFirst())[...])
            else { return false }
            switch self {
            case .hmac(let key):
                return entry[..<comma].elementsEqual("v1".utf8)
                    && ConstantTime.equal(key.authenticate(head, body), signature)
            case .ed25519(let key):
                return entry[..<comma].elementsEqual("v1a".utf8) && key.verifies(signature, of: head + body)
            }
        }
    }
}

enum StandardWebhooks {
    /// What stands before the body in the bytes that are signed.
    static func head(id: String, timestampSeconds: Int64) -> [UInt8] { Array("\(id).\(timestampSeconds).".utf8) }
}

extension HMACKey {
    /// A key of at least `Secret.minimumCount` bytes.
    package convenience init(longEnough secret: Secret) throws(KeyFault) {
        guard secret.count >= Secret.minimumCount else { throw .tooShort(count: secret.count) }
        self.init(secret)
    }
}
