internal import COpenSSL

/// What every call into libcrypto here shares.
enum LibCrypto {
    /// Stops the process where libcrypto could not do SHA-256, HMAC or Ed25519.
    ///
    /// With the fixed algorithms and sizes used here that means no memory, which stops Swift's own allocations in the
    /// same way, or an installation without its default provider, which shows with the first key at start. Going on
    /// with a made-up digest would be worse than either.
    static func require(_ done: Bool, _ call: StaticString) {
        precondition(done, "libcrypto failed in \(call)")
    }

    static func require(_ status: Int32, _ call: StaticString) {
        require(status == 1, call)
    }
}
