internal import COpenSSL

/// Comparison whose time tells nothing about where two values differ.
package enum ConstantTime {
    /// Whether both hold the same bytes; a difference in length shows in the time taken, one in content does not.
    package static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe CRYPTO_memcmp(left, right, left.count) == 0
    }
}
