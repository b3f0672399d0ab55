import Signatures

extension Destination {
    /// Whether requests go to the same place in the same way, so that what the other one said of us still holds.
    package func isReached(like other: Destination) -> Bool { fingerprint == other.fingerprint }

    /// The fingerprint under a key of the state directory: it is kept on disk, and a secret that can be guessed must
    /// not be found out by it.
    package func identity(keyedBy key: [UInt8]) -> [UInt8] { HMACKey(Secret(key)).authenticate(fingerprint) }

    /// SHA-256 over all that decides where requests go, what they look like, and what answers mean.
    ///
    /// Keys are known by what they sign: they do not show themselves.
    private var fingerprint: [UInt8] {
        var text = FingerprintText()
        text.add(method, url, "\(options)")
        text.add(list: headers.flatMap { [$0.name, $0.value] })
        text.add(list: (signer?.headers(id: "", timestampSeconds: 0, body: []) ?? []).flatMap { [$0.name, $0.value] })
        text.add(overrides)
        text.add(templates?.bodySource ?? "")
        if let oauth2 { text.add(oauth2) }
        return SHA256.digest(of: text.bytes)
    }
}

/// Fields one after the other, each with its length, so that no two lists of them look the same.
private struct FingerprintText {
    private(set) var bytes: [UInt8] = []

    mutating func add(_ field: [UInt8]) { bytes += Array("\(field.count):".utf8) + field }

    mutating func add(_ fields: String...) { for field in fields { add(Array(field.utf8)) } }

    mutating func add(list fields: [String]) {
        add("\(fields.count)")
        for field in fields { add(field) }
    }

    mutating func add(_ overrides: OutcomeOverrides) {
        for rules in [overrides.exact, overrides.classes] {
            let sorted = rules.sorted { $0.key < $1.key }
            add(list: sorted.flatMap { ["\($0.key)"] + words($0.value) })
        }
        add(list: [overrides.success, overrides.retryAfter].map { $0.map { "=" + $0.source } ?? "" })
    }

    private func words(_ rule: OutcomeOverrides.Rule) -> [String] {
        switch rule {
        case .always(let outcome): [outcome.rawValue]
        case .first(let cases): ["\(cases.count) cases"] + cases.flatMap { [$0.condition.source, $0.outcome.rawValue] }
        }
    }

    mutating func add(_ oauth2: OAuth2) {
        if case .refreshToken(let token) = oauth2.grant { add(token.bytes) }
        add(oauth2.clientSecret.bytes)
        add(oauth2.tokenURL, oauth2.clientID, oauth2.clientAuthentication.rawValue, oauth2.scheme)
        add(list: oauth2.scope.map { [$0] } ?? [])
    }
}
