internal import COpenSSL

/// A private key of Ed25519 (RFC 8032, section 5.1).
///
/// It never changes, and any number of threads may use it at the same time.
package final class Ed25519PrivateKey: Sendable {
    /// Bytes in a private key, which the RFC also calls the seed.
    package static let byteCount = 32
    /// Bytes in a signature.
    package static let signatureByteCount = 64

    /// What verifies the signatures of this key.
    package let publicKey: Ed25519PublicKey

    private let handle: KeyHandle

    /// Nil where there are not 32 bytes, or where libcrypto has no Ed25519.
    package init?(_ seed: Secret) {
        guard seed.count == Self.byteCount else { return nil }
        let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed.bytes, seed.count)
        guard let handle = unsafe KeyHandle(key), let publicKey = Ed25519PublicKey(handle.publicBytes()) else {
            return nil
        }
        self.handle = handle
        self.publicKey = publicKey
    }

    /// The 64 bytes of the signature: the same ones for the same message, as the RFC makes them.
    package func sign(_ message: [UInt8]) -> [UInt8] {
        // Ed25519 goes over the message twice, so libcrypto takes it in one piece only. A context kept between two
        // messages would save 1.4 of 25 µs.
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        LibCrypto.require(unsafe EVP_DigestSignInit(context, nil, nil, nil, handle.pointer), "EVP_DigestSignInit")
        return unsafe [UInt8](unsafeUninitializedCapacity: Self.signatureByteCount) { buffer, count in
            count = Self.signatureByteCount
            let status = unsafe EVP_DigestSign(context, buffer.baseAddress, &count, message, message.count)
            LibCrypto.require(status == 1 && count == Self.signatureByteCount, "EVP_DigestSign")
        }
    }
}

/// A public key of Ed25519 (RFC 8032, section 5.1).
package final class Ed25519PublicKey: Sendable {
    /// Bytes in a public key.
    package static let byteCount = 32

    /// The key as the RFC encodes it.
    package let bytes: [UInt8]

    private let handle: KeyHandle

    /// Nil where there are not 32 bytes, or where libcrypto has no Ed25519. Bytes that no key has verify nothing.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.byteCount else { return nil }
        let key = unsafe EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
        guard let handle = unsafe KeyHandle(key) else { return nil }
        self.handle = handle
        self.bytes = bytes
    }

    /// Whether the signature is one of this message by the private key that belongs to this one.
    package func verifies(_ signature: [UInt8], of message: [UInt8]) -> Bool {
        let context = unsafe EVP_MD_CTX_new()
        defer { unsafe EVP_MD_CTX_free(context) }
        LibCrypto.require(unsafe EVP_DigestVerifyInit(context, nil, nil, nil, handle.pointer), "EVP_DigestVerifyInit")
        return unsafe EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
    }
}

/// A key of libcrypto.
// SAFETY: nothing changes the key after it was made, and libcrypto lets threads share such an object.
@safe private final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes the key over; nil where libcrypto made none.
    init?(_ key: OpaquePointer?) {
        guard let key = unsafe key else { return nil }
        unsafe pointer = key
    }

    deinit { unsafe EVP_PKEY_free(pointer) }

    /// The 32 bytes of the public key; none where libcrypto does not give them.
    func publicBytes() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: Ed25519PublicKey.byteCount) { buffer, count in
            count = Ed25519PublicKey.byteCount
            if unsafe EVP_PKEY_get_raw_public_key(pointer, buffer.baseAddress, &count) != 1 { count = 0 }
        }
    }
}
