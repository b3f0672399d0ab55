import JSON

/// A source as the file declares it.
package struct SourceDeclaration: Sendable {
    struct Key: Sendable {
        let label: String
        let secret: SecretDeclaration
    }

    let name: String
    let path: String
    let keys: [Key]
    let dedupeMilliseconds: Int64?
    let maxBody: Int
    let maxAgeMilliseconds: Int64?

    /// A day, unless events are kept for less.
    static let defaultDedupeMilliseconds: Int64 = 86_400_000
    /// 256 KiB.
    static let defaultMaxBody: Int64 = 262_144
    /// The most that `maxBody` may be: 16 MiB.
    package static let largestMaxBody: Int64 = 16_777_216
}

extension Field {
    /// Reads `sources`.
    func sources(retentionMilliseconds: Int64) -> [SourceDeclaration] {
        guard let reader = object("an object of names and sources") else { return [] }
        if reader.entries.isEmpty { error("needs at least one source: without one nothing can come in") }
        var paths: [String: String] = [:]
        return reader.entries.compactMap { name, keyPlace, field in
            log.check(name: name, at: keyPlace)
            return field.source(name, retentionMilliseconds, paths: &paths)
        }
    }

    private func source(
        _ name: String, _ retentionMilliseconds: Int64, paths: inout [String: String]
    ) -> SourceDeclaration? {
        guard var reader = object("a source: an object with \"path\" and \"keys\"") else { return nil }
        defer { reader.finish() }
        let pathField = reader.required("path", "add \"path\": \"/webhooks/\(name)\"")
        let path = pathField?.sourcePath()
        if let path, let other = paths.updateValue(name, forKey: path) {
            pathField?.error("the source \(Words.quoted(other)) already has this path: choose another")
        }
        let keys = reader.required("keys", "add \"keys\": [ {\"credential\": \"NAME\"} ]")?.sourceKeys()
        let dedupe = reader.optional("dedupe").map { $0.dedupe(retentionMilliseconds) }
        let maxBody = reader.optional("maxBody")?.whole(1...SourceDeclaration.largestMaxBody, "bytes")
        let maxAge = reader.optional("maxAge")?.duration(.days(3650))
        guard let path, let keys else { return nil }
        return SourceDeclaration(
            name: name, path: path, keys: keys,
            dedupeMilliseconds: dedupe ?? min(SourceDeclaration.defaultDedupeMilliseconds, retentionMilliseconds),
            maxBody: Int(maxBody ?? SourceDeclaration.defaultMaxBody), maxAgeMilliseconds: maxAge)
    }

    /// A path that is compared byte by byte with the request's.
    private func sourcePath() -> String? {
        guard let path = text("a path such as \"/webhooks/gruveo\"") else { return nil }
        guard path.hasPrefix("/"), path.utf8.count <= 1024 else {
            error("must start with \"/\" and have at most 1024 bytes")
            return nil
        }
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) && !"?#\"<>\\^`{|}".utf8.contains($0) }) else {
            error("may hold only what a URL's path holds: no space, query, fragment or character beyond ASCII")
            return nil
        }
        guard !path.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else {
            error("may not have \".\" or \"..\" between slashes: clients would resolve them")
            return nil
        }
        guard path != "/healthz" else {
            error("\"/healthz\" is the relay's own: choose another path")
            return nil
        }
        return path
    }

    private func sourceKeys() -> [SourceDeclaration.Key]? {
        var labels: Set<String> = []
        return keyList()?.compactMap { field in
            guard var reader = field.secretReader() else { return nil }
            defer { reader.finish() }
            let secret = reader.secret()
            let labelField = reader.optional("label")
            let label = labelField?.label() ?? secret?.reference.name ?? ""
            guard let secret else { return nil }
            if !labels.insert(label).inserted {
                (labelField ?? field).error(
                    "another key of this source is called \(Words.quoted(label)): give each its own \"label\"")
            }
            return SourceDeclaration.Key(label: label, secret: secret)
        }
    }

    /// A label goes into logs and metrics.
    private func label() -> String? {
        guard let label = text() else { return nil }
        guard (1...63).contains(label.utf8.count), label.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            error("must be 1 to 63 characters of visible ASCII")
            return nil
        }
        return label
    }

    /// The window in milliseconds, nil for none.
    private func dedupe(_ retentionMilliseconds: Int64) -> Int64? {
        if case .bool(false) = node.kind { return nil }
        guard isString else {
            mustBe("a duration such as \"24h\", or false")
            return nil
        }
        guard let window = duration(.days(3650)) else { return nil }
        if window > retentionMilliseconds {
            error(
                "is longer than limits.retention, \(DurationText.spelling(retentionMilliseconds)): "
                    + "events are not known for longer than they are kept")
        }
        return window
    }
}

extension FindingLog {
    /// Names of sources and destinations become directory names, header values and labels of metrics.
    func check(name: String, at place: FilePlace) {
        let isName = name.utf8.enumerated().allSatisfy { index, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: index > 0 && "._-".utf8.contains(byte)
            }
        }
        guard !isName || !(1...63).contains(name.utf8.count) else { return }
        add(
            .error, at: place,
            "the name \(Words.quoted(name)) must be 1 to 63 of a-z, 0-9, \".\", \"_\" and \"-\", "
                + "with a letter or digit first"
        )
    }
}
