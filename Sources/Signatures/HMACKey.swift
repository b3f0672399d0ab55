internal import COpenSSL

/// A key that authenticates messages with HMAC-SHA256 (RFC 2104, FIPS 198-1).
///
/// It never changes, and any number of threads may use it at the same time. It keeps contexts in which libcrypto has
/// already hashed the key: starting the next message there costs less than giving the key again.
package final class HMACKey: Sendable {
    /// Bytes in an authentication code.
    package static let byteCount = SHA256.byteCount

    private let contexts: ContextPool<MACContext>

    /// A key of any length; how short a key may be is for the caller to say (`Secret.minimumCount`).
    package init(_ secret: Secret) {
        contexts = ContextPool { MACContext(key: secret.bytes) }
    }

    /// The 32 bytes of the code of all parts, in order and without anything between them.
    package func authenticate(_ first: [UInt8], _ rest: [UInt8]...) -> [UInt8] {
        contexts.lend { context in
            context.begin()
            context.update(first)
            for part in rest { context.update(part) }
            return context.finish()
        }
    }
}

/// One reusable HMAC context of libcrypto, keyed.
// SAFETY: the context is reached only through its pool, which lends it to one thread at a time.
@safe private final class MACContext: @unchecked Sendable {
    private let context: OpaquePointer

    init(key: [UInt8]) {
        let algorithm = unsafe EVP_MAC_fetch(nil, OSSL_MAC_NAME_HMAC, nil)
        defer { unsafe EVP_MAC_free(algorithm) }
        guard unsafe algorithm != nil, let fresh = unsafe EVP_MAC_CTX_new(algorithm) else {
            // START-UP: without the algorithm no event can be verified, and the first context shows it.
            preconditionFailure("libcrypto has no HMAC")
        }
        unsafe context = fresh
        LibCrypto.require(unsafe Self.start(fresh, key: key), "EVP_MAC_init")
    }

    deinit { unsafe EVP_MAC_CTX_free(context) }

    private static func start(_ context: OpaquePointer, key: [UInt8]) -> Int32 {
        var digest = Array("SHA256".utf8CString)
        // The parameters keep pointers to both texts: a literal that becomes a C string for one call would be gone.
        return unsafe OSSL_MAC_PARAM_DIGEST.withCString { parameter in
            unsafe digest.withUnsafeMutableBufferPointer { name in
                let parameters = unsafe [
                    OSSL_PARAM_construct_utf8_string(parameter, name.baseAddress, 0),
                    OSSL_PARAM_construct_end(),
                ]
                return unsafe EVP_MAC_init(context, key, key.count, parameters)
            }
        }
    }

    func begin() {
        LibCrypto.require(unsafe EVP_MAC_init(context, nil, 0, nil), "EVP_MAC_init")
    }

    func update(_ bytes: [UInt8]) {
        LibCrypto.require(unsafe EVP_MAC_update(context, bytes, bytes.count), "EVP_MAC_update")
    }

    func finish() -> [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: HMACKey.byteCount) { buffer, count in
            let status = unsafe EVP_MAC_final(context, buffer.baseAddress, &count, buffer.count)
            LibCrypto.require(status == 1 && count == HMACKey.byteCount, "EVP_MAC_final")
        }
    }
}
