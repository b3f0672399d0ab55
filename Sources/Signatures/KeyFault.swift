/// Why a key cannot be used; the words follow its name and never hold the key.
package enum KeyFault: Error, Equatable {
    /// The key has fewer than `Secret.minimumCount` bytes.
    case tooShort(count: Int)
    /// What follows the letters is not base64.
    case notBase64(KeyMark)
    /// A public key stands where a private one belongs.
    case publicKey
    /// A private key of Ed25519 has neither 32 nor 64 bytes.
    case wrongLength(count: Int)
    /// A public key of Ed25519 has not 32 bytes.
    case wrongPublicLength(count: Int)
    /// The public key in the second half is not that of the private key in the first.
    case halvesDiffer
    /// A key of Ed25519 stands where the scheme signs with HMAC.
    case onlyStandardWebhooks
    /// This machine's libcrypto has no Ed25519.
    case unsupported
}

extension KeyFault: CustomStringConvertible {
    private static let another = "copy it again, or make a new one with `gruveo-relay keygen --ed25519`"

    package var description: String {
        switch self {
        case .tooShort(let count):
            "has \(Self.bytes(count)), a key needs at least \(Secret.minimumCount): "
                + "make one with `openssl rand -hex 32`"
        case .notBase64(let mark):
            "has something else than base64 behind \(mark.rawValue): copy it again"
        case .publicKey:
            "is a public key (whpk_), which only verifies: put the private key here, which begins with whsk_"
        case .wrongLength(let count):
            "has \(Self.bytes(count)) behind whsk_, a private key has 32 or 64: \(Self.another)"
        case .wrongPublicLength(let count):
            "has \(Self.bytes(count)) behind whpk_, a public key has 32: copy it again"
        case .halvesDiffer:
            "is damaged: the second half of what stands behind whsk_ does not belong to the first: \(Self.another)"
        case .onlyStandardWebhooks:
            "is a key of Ed25519 (whsk_ or whpk_), with which only the scheme \"standard-webhooks\" signs: "
                + "change the scheme, or make a key with `openssl rand -hex 32`"
        case .unsupported:
            "cannot be used: libcrypto has no Ed25519 on this machine"
        }
    }

    private static func bytes(_ count: Int) -> String { count == 1 ? "1 byte" : "\(count) bytes" }
}
