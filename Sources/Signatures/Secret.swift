/// Bytes that nobody may read in a log: whatever prints, interpolates or reflects a secret gets `<redacted>`.
package struct Secret: Sendable {
    /// The fewest bytes that a signing key may have: 128 bits.
    package static let minimumCount = 16

    /// The text that stands for every secret.
    package static let mask = "<redacted>"

    /// The bytes themselves, for the one place that needs them.
    package let bytes: [UInt8]

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Length in bytes.
    package var count: Int { bytes.count }
}

extension Secret: Equatable {
    /// Compares in constant time, lengths excepted.
    package static func == (left: Secret, right: Secret) -> Bool {
        ConstantTime.equal(left.bytes, right.bytes)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { Self.mask }
    package var debugDescription: String { Self.mask }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
