internal import COpenSSL

/// SHA-256 (FIPS 180-4).
package enum SHA256 {
    /// Bytes in a digest.
    package static let byteCount = 32

    private static let contexts = ContextPool { DigestContext() }

    /// The 32 bytes of the digest of all parts, in order and without anything between them.
    package static func digest(of first: [UInt8], _ rest: [UInt8]...) -> [UInt8] {
        contexts.lend { context in
            context.begin()
            context.update(first)
            for part in rest { context.update(part) }
            return context.finish()
        }
    }
}

/// One reusable hashing context of libcrypto.
// SAFETY: the context is reached only through its pool, which lends it to one thread at a time.
@safe private final class DigestContext: @unchecked Sendable {
    private let context: OpaquePointer

    init() {
        // Fetching SHA-256 once per context saves the search for a provider that each EVP_sha256() brings.
        let digest = unsafe EVP_MD_fetch(nil, "SHA256", nil)
        defer { unsafe EVP_MD_free(digest) }
        guard let fresh = unsafe EVP_MD_CTX_new(), let digest = unsafe digest else {
            // START-UP: without the algorithm no event can be verified, and the first context shows it.
            preconditionFailure("libcrypto has no SHA-256")
        }
        unsafe context = fresh
        LibCrypto.require(unsafe EVP_DigestInit_ex2(fresh, digest, nil), "EVP_DigestInit_ex2")
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    func begin() {
        LibCrypto.require(unsafe EVP_DigestInit_ex2(context, nil, nil), "EVP_DigestInit_ex2")
    }

    func update(_ bytes: [UInt8]) {
        LibCrypto.require(unsafe EVP_DigestUpdate(context, bytes, bytes.count), "EVP_DigestUpdate")
    }

    func finish() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
            var length: UInt32 = 0
            let status = unsafe EVP_DigestFinal_ex(context, buffer.baseAddress, &length)
            LibCrypto.require(status == 1 && length == SHA256.byteCount, "EVP_DigestFinal_ex")
            count = SHA256.byteCount
        }
    }
}
