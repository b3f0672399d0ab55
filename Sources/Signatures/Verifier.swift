/// Checks the signature of what comes in against all keys of a source, so that keys can be exchanged without a gap.
package struct Verifier: Sendable {
    /// A key and the name by which it is counted and logged.
    package typealias LabelledKey = (label: String, key: HMACKey)

    /// The keys in the order of the routes file.
    package let keys: [LabelledKey]

    package init(keys: [LabelledKey]) {
        self.keys = keys
    }

    /// The index of the first key under which `signature` (32 bytes) is the HMAC-SHA256 of `body`; nil for none.
    ///
    /// Every key is tried whichever matches, so the time taken tells the number of keys and nothing else about them.
    package func matchingKey(signature: [UInt8], body: [UInt8]) -> Int? {
        var match: Int?
        for (index, candidate) in keys.enumerated() {
            let matches = ConstantTime.equal(candidate.key.authenticate(body), signature)
            if matches, match == nil { match = index }
        }
        return match
    }
}
