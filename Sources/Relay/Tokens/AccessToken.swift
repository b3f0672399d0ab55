import Signatures

/// What a destination's requests show until it expires or is refused.
package struct AccessToken: Sendable, Equatable {
    /// Which token of its destination it is: two that were given one after the other may have the same value.
    let number: Int
    let value: Secret
    /// The word before it in `Authorization`.
    let scheme: String
    /// From when another one is fetched; nil where the endpoint did not say how long it lives.
    let renewal: Renewal?

    struct Renewal: Sendable, Equatable {
        let at: Timestamp
        /// The longest wait until `at`, in milliseconds; a clock that was set back shows by more.
        let waitMilliseconds: Int64
    }

    /// What nobody may read in an answer that repeats the request.
    package var secrets: [[UInt8]] { [value.bytes] }

    func isFresh(_ now: Timestamp) -> Bool {
        renewal.map { $0.at.isAhead(of: now, byAtMost: $0.waitMilliseconds) } ?? true
    }
}

extension AccessToken.Renewal {
    /// How long before its end a token is renewed, in milliseconds, unless a tenth of its life is less.
    private static let marginMilliseconds: Int64 = 60_000

    /// - Parameter start: when the token was asked for; its life began later.
    init(start: Timestamp, lifetimeSeconds: Int64) {
        let lifetime = max(1, min(lifetimeSeconds, 31_622_400)) * 1000
        waitMilliseconds = lifetime - min(AccessToken.Renewal.marginMilliseconds, lifetime / 10)
        at = start.advanced(byMilliseconds: waitMilliseconds)
    }
}

extension OutgoingRequest {
    /// The same request with the token in `Authorization` (RFC 6750 section 2.1).
    package func authorized(by token: AccessToken) -> OutgoingRequest {
        let value = "\(token.scheme) \(String(decoding: token.value.bytes, as: UTF8.self))"
        return OutgoingRequest(
            method: method, url: url, headers: headers + [Header("Authorization", value)], body: body,
            options: options)
    }
}
